# Pulling from a real registry behind TLS with a private CA, at an address that engines trust only by their certs.d:
# 192.0.2.10 on the loopback of the engine's own network. On port 5443 it has passwords; on 5444 it sends to a server of
# tokens (tests/tools/tokens.py), which also takes identity tokens, as docker login leaves them.
# bats file_tags=slow
load lib
load endpoints

REGISTRY=192.0.2.10
inside() { "$PROJECT/scripts/engine" inside "$RUN_ONCE_TEST_ENGINE" "$@"; }

setup_file() {
  "$PROJECT/scripts/install-packages" endpoints >&2
  engine_up
  [[ -z ${RUN_ONCE_TEST_HOST-} ]] || skip 'an engine of our own is needed'
  local dir=$BATS_FILE_TMPDIR name
  make_pki "$dir/pki" "IP:$REGISTRY,IP:127.0.0.1"
  openssl genrsa -out "$dir/tokens.key" 2048 2>/dev/null
  openssl req -x509 -new -key "$dir/tokens.key" -out "$dir/tokens.pem" -subj /CN=tokens -days 2
  htpasswd -Bbn me hunter2 >"$dir/htpasswd" 2>/dev/null
  for name in basic:5443 token:5444; do
    printf '%s\n' 'version: 0.1' 'log: {level: warn}' "storage: {filesystem: {rootdirectory: $dir/data}}" \
      "http: {addr: \"$REGISTRY:${name#*:}\", tls: {certificate: $dir/pki/server.pem, key: $dir/pki/server.key}}" >"$dir/${name%:*}.yml"
  done
  echo "auth: {htpasswd: {realm: test, path: $dir/htpasswd}}" >>"$dir/basic.yml"
  echo "auth: {token: {realm: 'https://$REGISTRY:5445/token', service: registry, issuer: tokens, rootcertbundle: $dir/tokens.pem}}" >>"$dir/token.yml"
  inside ip address add "$REGISTRY/32" dev lo
  # What the engine's machine trusts, for this engine alone.
  inside mkdir -p /etc/docker
  inside mount -t tmpfs certs /etc/docker
  trusted "$dir/pki/ca.pem"
  for name in basic token; do inside docker-registry serve "$dir/$name.yml" >>"$dir/log" 2>&1 3>&- & done
  inside python3 "$PROJECT/tests/tools/tokens.py" "$REGISTRY" 5445 "$dir" >>"$dir/log" 2>&1 3>&- &
  for name in 5443/v2/ 5444/v2/ 5445/; do
    within 15 bash -c "'$PROJECT/scripts/engine' inside '$RUN_ONCE_TEST_ENGINE' curl -s --cacert '$dir/pki/ca.pem' https://$REGISTRY:$name >/dev/null" || { cat "$dir/log"; return 1; }
  done
  export DOCKER_CONFIG=$dir/docker DOCKER_HOST=unix://$RUN_ONCE_TEST_ENGINE/docker.sock
  echo hunter2 | docker login -u me --password-stdin "$REGISTRY:5443" >&2
  mkdir "$dir/build"
  date +%s%N >"$dir/build/mark"
  printf '%s\n' "FROM $IMAGE" 'COPY mark /mark' 'ENV FROM_REGISTRY=yes' >"$dir/build/Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t "$REGISTRY:5443/team/app:1" "$dir/build" >&2
  docker push "$REGISTRY:5443/team/app:1" >"$dir/push" 2>&1 || { cat "$dir/push" "$dir/log"; return 1; }
  sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p' "$dir/push" >"$dir/digest"
  docker rmi "$REGISTRY:5443/team/app:1" >/dev/null
}
# By their arguments: between them and us is the engine's PID namespace.
teardown_file() {
  pkill -f "$BATS_FILE_TMPDIR/(basic|token).yml" || :
  pkill -f "tokens.py $REGISTRY 5445 $BATS_FILE_TMPDIR" || :
  inside umount /etc/docker || :
  inside ip address del "$REGISTRY/32" dev lo || :
}

eval "lib_$(declare -f setup)"
setup() {
  lib_setup
  export DOCKER_CONFIG=$WORK/docker
  mkdir -p "$DOCKER_CONFIG" "$WORK/bin"
  PATH=$WORK/bin:$PATH
  APP=$REGISTRY:5443/team/app TOKENS=$REGISTRY:5444/team/app DIGEST=$(<"$BATS_FILE_TMPDIR/digest")
  printf 'image %s\n' "$APP:1" "$APP@$DIGEST" "$TOKENS:1" >>"$MADE"
}
# trusted FILE: what certs.d says of both registries. Engines read it at each pull.
trusted() {
  local port
  for port in 5443 5444 5445; do
    inside mkdir -p "/etc/docker/certs.d/$REGISTRY:$port"
    inside cp "$1" "/etc/docker/certs.d/$REGISTRY:$port/ca.crt"
  done
}
config() { printf '%s' "$1" >"$DOCKER_CONFIG/config.json"; }
auth() { printf %s "$1" | base64 -w0; }
helper() { # NAME BODY
  printf '#!/bin/sh\n%s\n' "$2" >"$WORK/bin/docker-credential-$1"
  chmod 755 "$WORK/bin/docker-credential-$1"
}
no_secret() { ! grep -rqE "hunter2|wrongpw|$(auth me:hunter2)|id-token" "$ERR" "$OUT" "$RESULT" "$RUN_ONCE_HISTORY"; }
pulls() { # REF: it is not there, and then it runs
  ! docker image inspect "$1" >/dev/null 2>&1 || { echo "$1 is there before"; return 1; }
  job --trace net,runtime,job --progress none --from "image/$1" -- sh -c 'echo $FROM_REGISTRY'
  status_is 0 && out_is $'yes\n' && no_secret && nothing_left && docker rmi "$1" >/dev/null
}
fails() { # REF WORDS
  job --from "image/$1" -- true
  status_is 125 && one_complaint "pull of $1 failed: " && one_complaint "$2" && is "$(result cause)" image && no_secret && nothing_left
}

@test "TLS: auths, by tag and by digest" {
  config "{\"auths\": {\"$REGISTRY:5443\": {\"auth\": \"$(auth me:hunter2)\"}}}"
  pulls "$APP:1"
  pulls "$APP@$DIGEST"
  is "$(result release.digest)" "$DIGEST"
}

@test "TLS: credHelpers and credsStore" {
  helper mine "read -r key; echo \"\$1 \$key\" >>$WORK/asked; echo '{\"ServerURL\": \"x\", \"Username\": \"me\", \"Secret\": \"hunter2\"}'"
  config "{\"credHelpers\": {\"$REGISTRY:5443\": \"mine\"}}"
  pulls "$APP:1"
  config '{"credsStore": "mine"}'
  pulls "$APP:1"
  is "$(<"$WORK/asked")" "get $REGISTRY:5443"$'\n'"get $REGISTRY:5443"
}

@test "TLS: wrong password, none; a CA that is not the registry's" {
  config "{\"auths\": {\"$REGISTRY:5443\": {\"auth\": \"$(auth me:wrongpw)\"}}}"
  fails "$APP:1" unauthorized
  config '{}'
  fails "$APP:1" 'basic auth'
  config "{\"auths\": {\"$REGISTRY:5443\": {\"auth\": \"$(auth me:hunter2)\"}}}"
  trusted "$BATS_FILE_TMPDIR/pki/otherca.pem"
  fails "$APP:1" 'certificate'
  trusted "$BATS_FILE_TMPDIR/pki/ca.pem"
}

@test "identity tokens: of auths and of a helper; one that is refused" {
  config "{\"auths\": {\"$REGISTRY:5444\": {\"auth\": \"$(auth 00000000-0000-0000-0000-000000000000:)\", \"identitytoken\": \"id-token-of-me\"}}}"
  : >"$BATS_FILE_TMPDIR/asked"
  pulls "$TOKENS:1"
  grep -q '^refresh_token id-token-of-me repository:team/app:pull$' "$BATS_FILE_TMPDIR/asked"
  helper mine "echo '{\"ServerURL\": \"x\", \"Username\": \"<token>\", \"Secret\": \"id-token-of-me\"}'"
  config "{\"credHelpers\": {\"$REGISTRY:5444\": \"mine\"}}"
  : >"$BATS_FILE_TMPDIR/asked"
  pulls "$TOKENS:1"
  grep -q '^refresh_token id-token-of-me ' "$BATS_FILE_TMPDIR/asked"
  config "{\"auths\": {\"$REGISTRY:5444\": {\"auth\": \"$(auth me:)\", \"identitytoken\": \"id-token-of-nobody\"}}}"
  fails "$TOKENS:1" unauthorized
  # A password goes there as well, by the server of tokens.
  config "{\"auths\": {\"$REGISTRY:5444\": {\"auth\": \"$(auth me:hunter2)\"}}}"
  : >"$BATS_FILE_TMPDIR/asked"
  pulls "$TOKENS:1"
  grep -q '^password ' "$BATS_FILE_TMPDIR/asked"
}
