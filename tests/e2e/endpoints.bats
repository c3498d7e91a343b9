# The ways to an engine by TCP and TLS: what works over a Unix socket works over each, and what is wrong is said in one
# line. Which endpoint is chosen; doctor and --trace. ssh:// is in ssh.bats.
# bats file_tags=slow
load lib
load endpoints

setup_file() {
  "$PROJECT/scripts/install-packages" endpoints >&2
  engine_up && start_sshd && start_tls
}
teardown_file() {
  stop_sshd
  stop_tls
}

@test "tcp" {
  relay_port "UNIX-CONNECT:${HOST#unix://}"
  way=(-H "tcp://127.0.0.1:$port")
  promises "${way[@]}"
}

@test "tcp on [::1]" {
  port=$(free_port)
  relay "TCP6-LISTEN:$port,bind=[::1],reuseaddr,fork" "UNIX-CONNECT:${HOST#unix://}"
  within 10 bash -c ": <>/dev/tcp/::1/$port" 2>/dev/null
  job -H "tcp://[::1]:$port" -- echo six
  status_is 0
  out_is $'six\n'
  is "$(result runtime.endpoint)" "tcp://[::1]:$port"
  nothing_left
}

@test "TLS with both certificates" {
  at_tls
  way=(-H "tcp://127.0.0.1:$TLS_PORT")
  export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$TLS/material/client
  docker() { env -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH docker "$@"; }
  promises "${way[@]}"
  job -H "tcp://[::1]:$TLS_PORT" -- echo six
  status_is 0
  out_is $'six\n'
  job -H "tcp://localhost:$TLS_PORT" -- echo name
  status_is 0
}

@test "TLS by a context, with its material" {
  at_tls
  export DOCKER_CONFIG=$WORK/docker
  docker context create tls --docker "host=tcp://127.0.0.1:$TLS_PORT,ca=$TLS/ca.pem,cert=$TLS/client.pem,key=$TLS/client.key" >/dev/null 2>&1
  for way in '--context tls' 'DOCKER_CONTEXT' 'currentContext'; do
    unset DOCKER_HOST DOCKER_CONTEXT
    options=()
    case $way in
      --*) options=(--context tls) ;;
      DOCKER_CONTEXT) export DOCKER_CONTEXT=tls ;;
      *) docker context use tls >/dev/null 2>&1 ;;
    esac
    job ${options[@]+"${options[@]}"} -i -- sha256sum < <(head -c 1048576 /dev/zero)
    status_is 0
    out_is "$(head -c 1048576 /dev/zero | sha256sum)"$'\n'
    is "$(result runtime.endpoint)" "tcp://127.0.0.1:$TLS_PORT"
  done
  unset DOCKER_CONTEXT
  export DOCKER_HOST=unix://$TLS_ENGINE/docker.sock
  nothing_left
}

@test "TLS: the engine's name is announced (SNI), an address is not" {
  cat >sni.py <<'EOF'
# Its certificate is right for who announces the name localhost, and of another name for everybody else; then to the engine.
import socket, ssl, sys, threading
pki, target, port, log = sys.argv[1:5]
def context(name):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(f'{pki}/{name}.pem', f'{pki}/{name}.key')
    return c
right, wrong = context('server'), context('wrongname')
def announced(s, name, _):
    print(name, file=open(log, 'a'))
    if name == 'localhost': s.context = right
wrong.sni_callback = announced
def pump(a, b):
    try:
        while data := a.recv(65536): b.sendall(data)
    except OSError: pass
    for s in a, b:
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
def serve(near):
    try: near = wrong.wrap_socket(near, server_side=True)
    except OSError: return
    far = socket.socket(socket.AF_UNIX)
    far.connect(target)
    threading.Thread(target=pump, args=(near, far), daemon=True).start()
    pump(far, near)
server = socket.create_server(('127.0.0.1', int(port)))
while True: threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
EOF
  port=$(free_port)
  python3 sni.py "$TLS" "${HOST#unix://}" "$port" "$WORK/announced" 3>&- 2>/dev/null &
  helpers+=($!)
  within 10 listens "$port"
  : >"$WORK/announced"
  with_tls client job -H "tcp://localhost:$port" -- echo named
  status_is 0
  out_is $'named\n'
  is "$(sort -u "$WORK/announced")" localhost
  : >"$WORK/announced"
  with_tls client unreachable 'SSL: no alternative certificate subject name matches' -H "tcp://127.0.0.1:$port"
  is "$(sort -u "$WORK/announced")" None
}

# The engine says why when the request is there already, and resets: the relay may lose that.
said_why() {
  local n
  for n in 1 2 3 4 5; do
    "$@" && return
    grep -q 'Empty reply from server' "$ERR" || return 1
  done
  return 1
}
@test "certificates that are bad: one line each" {
  local here='cannot reach the engine at tcp://127.0.0.1'
  way=(-H "tcp://127.0.0.1:$TLS_PORT")
  with_tls otherca unreachable "$here:$TLS_PORT: SSL certificate problem" "${way[@]}"
  one_complaint "only what $TLS/material/otherca/ca.pem has signed is trusted"
  said_why with_tls none unreachable "it wants a client's certificate" "${way[@]}"
  said_why with_tls otherclient unreachable "it refuses the certificate $TLS/material/otherclient/cert.pem" "${way[@]}"
  for bad in expired:'certificate has expired' wrongname:'does not match|no alternative certificate subject name matches'; do
    port=$(free_port)
    relay "OPENSSL-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork,cert=$TLS/${bad%%:*}.pem,key=$TLS/${bad%%:*}.key,cafile=$TLS/ca.pem" "UNIX-CONNECT:${HOST#unix://}"
    within 10 listens "$port"
    with_tls client unreachable "$here:$port: SSL" -H "tcp://127.0.0.1:$port"
    grep -qE "${bad#*:}" "$ERR"
  done
}

@test "TLS where none is, and none where it is; material that cannot be read" {
  unreachable "it speaks TLS only; set DOCKER_TLS_VERIFY" -H "tcp://127.0.0.1:$TLS_PORT"
  relay_port "UNIX-CONNECT:${HOST#unix://}"
  with_tls client unreachable 'what answers does not speak TLS' -H "tcp://127.0.0.1:$port"
  mkdir -p "$WORK/broken"
  cp "$TLS/ca.pem" "$WORK/broken"
  cp "$TLS/client.pem" "$WORK/broken/cert.pem"
  echo garbage >"$WORK/broken/key.pem"
  export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$WORK/broken
  docker() { env -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH docker "$@"; }
  unreachable 'key.pem' -H "tcp://127.0.0.1:$TLS_PORT"
  rm "$WORK/broken/ca.pem"
  unreachable "$WORK/broken/ca.pem does not exist" -H "tcp://127.0.0.1:$TLS_PORT"
  echo garbage >"$WORK/broken/ca.pem"
  cp "$TLS/client.key" "$WORK/broken/key.pem"
  unreachable "$WORK/broken/ca.pem" -H "tcp://127.0.0.1:$TLS_PORT"
}

@test "an address where nobody is; something that is no engine" {
  port=$(free_port)
  unreachable "cannot reach the engine at tcp://127.0.0.1:$port: " -H "tcp://127.0.0.1:$port"
  grep -q refused "$ERR" || grep -q "connect" "$ERR"
  relay_port "UNIX-CONNECT:$WORK/nothing"
  unreachable "tcp://127.0.0.1:$port" -H "tcp://127.0.0.1:$port"
  unreachable "cannot reach the engine at tcp://no-such-host.invalid:2375" -H tcp://no-such-host.invalid
  unreachable 'cannot reach the engine at unix:///nothing/here.sock' -H unix:///nothing/here.sock
  # sshd greets in words that are not HTTP.
  unreachable 'is not HTTP; is it an engine?' -H "tcp://127.0.0.1:$SSHD_PORT"
}

@test "which endpoint wins, and choices that contradict each other" {
  export DOCKER_CONFIG=$WORK/docker
  docker context create here --docker "host=$HOST" >/dev/null 2>&1
  docker context create there --docker host=tcp://127.0.0.1:1 >/dev/null 2>&1
  docker context use there >/dev/null 2>&1
  DOCKER_HOST=tcp://127.0.0.1:1 job -H "$HOST" -- true # --host over everything
  status_is 0
  DOCKER_HOST=tcp://127.0.0.1:1 job --context here -- true
  status_is 0
  DOCKER_CONTEXT=there job -- true # DOCKER_HOST over DOCKER_CONTEXT
  status_is 0
  unset DOCKER_HOST
  DOCKER_CONTEXT=here job -- true # over currentContext
  status_is 0
  job -- true
  status_is 125
  one_complaint 'tcp://127.0.0.1:1'
  DOCKER_HOST=$HOST DOCKER_CONTEXT=there job --context default -- true
  status_is 0
  export DOCKER_HOST=$HOST
  job -H "$HOST" --context here -- true
  status_is 125
  one_complaint '--host and --context: only one of them can be given'
  job --context nowhere -- true
  status_is 125
  one_complaint "context 'nowhere': no such context"
  printf 'version: 1\nname: app\nimage: %s\ncontext: there\ntasks: {t: {command: ["true"]}}\n' "$IMAGE" >release.yaml
  once task t
  status_is 125
  one_complaint "DOCKER_HOST says $HOST"
  unset DOCKER_HOST
  DOCKER_CONTEXT=here once task t
  status_is 125
  one_complaint "context 'there' of the release file failed: DOCKER_CONTEXT says 'here'"
  once task --context here t # the caller decides
  status_is 0
  export DOCKER_HOST=$HOST
  nothing_left
}

@test "doctor says which endpoint was chosen and why, what it found, and what next" {
  export DOCKER_CONFIG=$WORK/docker
  mkdir -p "$DOCKER_CONFIG"
  echo '{"auths": {"registry.example.com": {"auth": "bWU6aHVudGVyMg=="}}, "credsStore": "nothere"}' >"$DOCKER_CONFIG/config.json"
  unset RUN_ONCE_TEST_TOOLS RUN_ONCE_TEST_ENGINE # variables that no option has are a finding
  once doctor
  status_is 1
  out_has "endpoint     $HOST (DOCKER_HOST)"
  out_has 'registry.example.com (auths)'
  out_has 'docker-credential-nothere'
  out_has 'API 1.'
  ! grep -qE 'hunter2|bWU6' "$OUT" "$ERR" || return 1
  rm "$DOCKER_CONFIG/config.json"
  use_ssh
  # Docker's client of Debian 12 takes no path of a socket there; that of 13 does, and keeps it in this place.
  local server
  server=ssh://$(cut -d/ -f3 <<<"$SSH")
  docker context create far --docker "host=$server" >/dev/null 2>&1
  sed -i "s|\"$server\"|\"$SSH\"|" "$DOCKER_CONFIG"/contexts/meta/*/meta.json
  once doctor --context far
  status_is 0
  out_has "endpoint     $SSH (context far (--context))"
  once doctor -H "ssh://nobody@127.0.0.1:$SSHD_PORT"
  status_is 1
  out_has 'Permission denied (publickey'
  out_has '-> '
  within 5 no_tunnel_left
}

@test "--trace shows calls with times, and no secret" {
  use_ssh
  SECRET=hunter2secret job -H "$SSH" --trace net,runtime,job -e SECRET -e PLAIN=tops3cret -- sh -c 'echo $SECRET'
  status_is 0
  out_is $'hunter2secret\n'
  grep -qE '^run-once: trace net [0-9]+\.[0-9]{3} ssh 127.0.0.1: socket forwarded, [0-9]+ ms$' "$ERR"
  grep -qE '^run-once: trace runtime [0-9.]+ POST .*/start: 204, [0-9]+ ms$' "$ERR"
  grep -qE '^run-once: trace job ' "$ERR"
  ! grep -E 'hunter2|tops3cret' "$ERR" "$BATS_TEST_TMPDIR/ssh_calls" || return 1
}
