# Pulling from a real registry with passwords, in the engine's own network on loopback (which engines trust without TLS).
# On port 5000 as it is, on 5001 behind a slow line, on 5002 behind something that says 503 as often as the file `bad` says.
load lib

setup_file() {
  "$PROJECT/scripts/install-packages" endpoints >&2
  engine_up
  [[ -z ${RUN_ONCE_TEST_HOST-} ]] || skip 'an engine of our own is needed'
  local dir=$BATS_FILE_TMPDIR
  htpasswd -Bbn me hunter2 >"$dir/htpasswd" 2>/dev/null
  printf '%s\n' 'version: 0.1' 'log: {level: warn}' "storage: {filesystem: {rootdirectory: $dir/data}}" 'http: {addr: "127.0.0.1:5000"}' \
    "auth: {htpasswd: {realm: test, path: $dir/htpasswd}}" >"$dir/registry.yml"
  echo 0 >"$dir/bad"
  cat >"$dir/slow.py" <<'EOF'
# 127.0.0.1:5001 to 5000, answers at 1 MiB a second; 5002: a manifest is answered 503 first, as often as argv[1] says
import http.client, http.server, pathlib, socket, sys, threading, time
class Moody(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        bad = pathlib.Path(sys.argv[1])
        left = int(bad.read_text())
        if '/manifests/' in self.path and left:
            bad.write_text(str(left - 1))
            self.send_error(503)
            return
        there = http.client.HTTPConnection('127.0.0.1', 5000)
        there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for k, v in self.headers.items(): # Accept comes once for each format, the old ones in any place
            there.putheader(k, v)
        there.endheaders()
        answer = there.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for k, v in answer.getheaders():
            self.send_header(k, v)
        self.end_headers()
        if self.command == 'GET': self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *_): pass
threading.Thread(target=http.server.ThreadingHTTPServer(('127.0.0.1', 5002), Moody).serve_forever, daemon=True).start()
def pump(a, b, pause):
    try:
        while data := a.recv(16384):
            b.sendall(data)
            time.sleep(pause * len(data) / 16384)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        for s in a, b: s.close()
server = socket.create_server(('127.0.0.1', 5001))
while True:
    near, _ = server.accept()
    far = socket.create_connection(('127.0.0.1', 5000))
    threading.Thread(target=pump, args=(near, far, 0), daemon=True).start()
    threading.Thread(target=pump, args=(far, near, 0.015625), daemon=True).start()
EOF
  "$PROJECT/scripts/engine" inside "$RUN_ONCE_TEST_ENGINE" docker-registry serve "$dir/registry.yml" >"$dir/log" 2>&1 3>&- &
  "$PROJECT/scripts/engine" inside "$RUN_ONCE_TEST_ENGINE" python3 "$dir/slow.py" "$dir/bad" >>"$dir/log" 2>&1 3>&- &
  within 10 bash -c "'$PROJECT/scripts/engine' inside '$RUN_ONCE_TEST_ENGINE' curl -s http://127.0.0.1:5001/v2/ >/dev/null"
  export DOCKER_CONFIG=$dir/docker DOCKER_HOST=unix://$RUN_ONCE_TEST_ENGINE/docker.sock
  echo hunter2 | docker login -u me --password-stdin 127.0.0.1:5000 >&2
  # Two layers that nothing else has: one large enough to be under way for a while.
  mkdir "$dir/build"
  head -c 4194304 /dev/urandom >"$dir/build/blob"
  date +%s%N >"$dir/build/mark"
  printf '%s\n' "FROM $IMAGE" 'COPY mark /mark' 'COPY blob /blob' 'ENV FROM_REGISTRY=yes' >"$dir/build/Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t 127.0.0.1:5000/team/app:1 "$dir/build" >&2
  docker push 127.0.0.1:5000/team/app:1 >"$dir/push" 2>&1 || { cat "$dir/push"; return 1; }
  sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p' "$dir/push" >"$dir/digest"
  docker rmi 127.0.0.1:5000/team/app:1 >/dev/null
}
# By their arguments: between them and us is the engine's PID namespace.
teardown_file() { pkill -f "$BATS_FILE_TMPDIR/(registry.yml|slow.py)" || :; }

eval "lib_$(declare -f setup)"
setup() {
  lib_setup
  export DOCKER_CONFIG=$WORK/docker
  mkdir -p "$DOCKER_CONFIG" "$WORK/bin"
  PATH=$WORK/bin:$PATH
  APP=127.0.0.1:5000/team/app
  SLOW=127.0.0.1:5001/team/app
  DIGEST=$(<"$BATS_FILE_TMPDIR/digest")
  printf 'image %s\n' "$APP:1" "$SLOW:1" "$APP@$DIGEST" >>"$MADE"
}
login() { # [USER:PASSWORD]
  printf '{"auths": {"%s": {"auth": "%s"}}}' "${2:-127.0.0.1:5000}" "$(printf %s "${1-me:hunter2}" | base64)" >"$DOCKER_CONFIG/config.json"
}
helper() { # NAME BODY
  printf '#!/bin/sh\n%s\n' "$2" >"$WORK/bin/docker-credential-$1"
  chmod 755 "$WORK/bin/docker-credential-$1"
}
absent() { ! docker image inspect "$1" >/dev/null 2>&1; }
no_secret() { ! grep -rqE 'hunter2|wrongpw|bWU6' "$ERR" "$OUT" "$RESULT" "$RUN_ONCE_HISTORY"; }
pulls() { # REF: it is not there, and then it runs
  absent "$1" || { echo "$1 is there before"; return 1; }
  job --progress none --from "image/$1" -- sh -c 'echo $FROM_REGISTRY'
  status_is 0 && out_is $'yes\n' && err_is '' && no_secret && nothing_left
}

@test "auths: by tag, and by digest" {
  login
  pulls "$APP:1"
  is "$(result release.digest)" "$DIGEST"
  docker rmi "$APP:1" >/dev/null
  pulls "$APP@$DIGEST"
  is "$(result release.digest)" "$DIGEST"
}

@test "what docker login wrote is read" {
  echo hunter2 | docker login -u me --password-stdin 127.0.0.1:5000 >/dev/null 2>&1
  pulls "$APP:1"
}

@test "credHelpers and credsStore: asked for that registry, nothing of it is shown" {
  helper mine "read -r key; echo \"\$1 \$key\" >>$WORK/asked; echo '{\"ServerURL\": \"x\", \"Username\": \"me\", \"Secret\": \"hunter2\"}'"
  echo '{"credHelpers": {"127.0.0.1:5000": "mine"}, "auths": {"127.0.0.1:5000": {}}}' >"$DOCKER_CONFIG/config.json"
  pulls "$APP:1"
  is "$(<"$WORK/asked")" 'get 127.0.0.1:5000'
  docker rmi "$APP:1" >/dev/null
  echo '{"credsStore": "mine", "auths": {}}' >"$DOCKER_CONFIG/config.json"
  pulls "$APP:1"
}

@test "a helper that fails, hangs, prints nonsense or is not there: one line" {
  echo '{"credHelpers": {"127.0.0.1:5000": "mine"}}' >"$DOCKER_CONFIG/config.json"
  helper mine 'echo the vault is sealed; exit 1'
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint "pull of $APP:1 failed: credential helper docker-credential-mine: exit status 1: the vault is sealed"
  helper mine 'echo nonsense'
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint 'what it printed is not {"Username", "Secret"}'
  rm "$WORK/bin/docker-credential-mine"
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint 'it is not in the PATH'
  helper mine 'exec sleep 60'
  job --from "image/$APP:1" --start-timeout 2s -- true
  status_is 124
  verdict=$(result 'verdict + " " + .cause')
  is "$verdict" 'not_started deadline_start'
  ! pgrep -f "$WORK/bin/docker-credential-mine" || return 1
  # It has nothing for that registry: as without credentials.
  helper mine 'echo credentials not found in native keychain; exit 1'
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint 'basic auth'
  nothing_left
}

@test "wrong password, none at all, an image and a tag that do not exist" {
  login me:wrongpw
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint "pull of $APP:1 failed: "
  is "$(result cause)" image
  grep -qiE 'unauthorized|basic auth' "$ERR"
  no_secret
  echo '{}' >"$DOCKER_CONFIG/config.json"
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint 'basic auth'
  login
  job --from "image/$APP:nosuchtag" -- true
  status_is 125
  one_complaint 'manifest unknown'
  job --from image/127.0.0.1:5000/team/nosuch:1 -- true
  status_is 125
  one_complaint "127.0.0.1:5000/team/nosuch:1 failed"
  job --from "image/$APP@sha256:$(printf '0%.0s' {1..64})" -- true
  status_is 125
  one_complaint 'failed'
  nothing_left
}

@test "--pull: never fetches nothing, missing only what is not there, always asks" {
  login
  job --pull never --from "image/$APP:1" -- true
  status_is 125
  one_complaint '--pull never forbids'
  absent "$APP:1"
  pulls "$APP:1"
  login me:wrongpw
  job --from "image/$APP:1" -- true # missing: it is there
  status_is 0
  job --pull never --from "image/$APP:1" -- true
  status_is 0
  job --pull always --from "image/$APP:1" -- true
  status_is 125
  one_complaint "pull of $APP:1 failed"
  login
  # The tag has moved in the registry: always takes the new one.
  id=$(docker image inspect -f '{{.Id}}' "$APP:1")
  printf 'FROM %s\nENV FROM_REGISTRY=newer' "$APP:1" | DOCKER_BUILDKIT=0 docker build -q -t "$APP:2" - >/dev/null
  printf 'image %s\n' "$APP:2" "$id" >>"$MADE"
  docker push -q "$APP:2" >/dev/null
  docker tag "$id" "$APP:2"
  job --from "image/$APP:2" -- sh -c 'echo $FROM_REGISTRY'
  out_is $'yes\n'
  job --pull always --progress none --from "image/$APP:2" -- sh -c 'echo $FROM_REGISTRY'
  status_is 0
  out_is $'newer\n'
  nothing_left
}

@test "progress: lines, JSON, none" {
  login me:hunter2 127.0.0.1:5001
  job --progress plain --from "image/$SLOW:1" -- echo out
  status_is 0
  out_is $'out\n'
  err_has 'run-once: pull: '
  err_has 'Pull complete'
  ! grep -qv '^run-once: pull: ' "$ERR" || return 1
  docker rmi "$SLOW:1" >/dev/null
  job --progress json --from "image/$SLOW:1" -- echo out
  status_is 0
  out_is $'out\n'
  jq -es 'map(select(.event == "pull")) | length > 3 and any(.total > 4000000 and .current > 0 and .current < .total)' "$ERR"
  docker rmi "$SLOW:1" >/dev/null
  nothing_left
}

@test "an interrupt stops the pull, on the engine too" {
  login me:hunter2 127.0.0.1:5001
  env --default-signal=INT "$RUN_ONCE" run --result "$RESULT" --progress json --from "image/$SLOW:1" -- true >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 10 grep -q Downloading "$ERR"
  kill -INT "$launcher"
  local from=$SECONDS
  end_job
  status_is 125
  ((SECONDS - from < 5))
  is "$(result verdict)" not_started
  sleep 1
  absent "$SLOW:1"
  nothing_left
}

@test "the start deadline stops a pull; the launcher dies in one" {
  login me:hunter2 127.0.0.1:5001
  job --progress none --start-timeout 3s --from "image/$SLOW:1" -- true
  status_is 124
  is "$(result verdict) $(result cause)" 'not_started deadline_start'
  "$RUN_ONCE" run --result "$RESULT" --progress json --from "image/$SLOW:1" -- true >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 10 grep -q Downloading "$ERR"
  kill -KILL "$launcher"
  wait "$launcher" || :
  launcher=
  within 10 test "$(result verdict)" = not_started
  nothing_left 5
}

@test "a bad moment of the registry is waited for, a bad hour is not; no answer that means something is asked for twice" {
  local moody=127.0.0.1:5002/team/app
  printf 'image %s\n' "$moody:1" >>"$MADE"
  login me:hunter2 127.0.0.1:5002
  echo 2 >"$BATS_FILE_TMPDIR/bad"
  job --trace runtime --progress none --from "image/$moody:1" -- echo out
  status_is 0
  out_is $'out\n'
  grep -q 'once more in 1 s' "$ERR" # an engine's one try is two questions
  docker rmi "$moody:1" >/dev/null
  echo 1000 >"$BATS_FILE_TMPDIR/bad"
  job --progress none --from "image/$moody:1" -- echo out
  status_is 125
  one_complaint '503'
  echo 0 >"$BATS_FILE_TMPDIR/bad"
  job --trace runtime --from "image/$moody:nosuch" -- true
  status_is 125
  ! grep -q 'once more in' "$ERR" || return 1
  nothing_left
}

@test "a registry where nobody is: one line, soon" {
  echo '{}' >"$DOCKER_CONFIG/config.json"
  local from=$SECONDS
  job --from image/127.0.0.1:5999/x:1 -- true
  status_is 125
  one_complaint 'pull of 127.0.0.1:5999/x:1 failed: '
  grep -q 'connection refused' "$ERR"
  is "$(result cause)" image
  ((SECONDS - from < 15))
  nothing_left
}

@test "a config.json that is broken: one line that names it" {
  echo '{"auths": ' >"$DOCKER_CONFIG/config.json"
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint "$DOCKER_CONFIG/config.json"
  echo '{"auths": {"127.0.0.1:5000": {"auth": "!!"}}}' >"$DOCKER_CONFIG/config.json"
  job --from "image/$APP:1" -- true
  status_is 125
  one_complaint "auths['127.0.0.1:5000'].auth is not base64 of USER:PASSWORD"
}
