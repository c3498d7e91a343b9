# Ways to an engine, all on loopback: `load endpoints` after lib.
# shellcheck shell=bash disable=SC2034,SC2154
#
#   start_sshd, stop_sshd           an sshd of our own with its own host key; SSHD_PORT; once a file
#   use_ssh [OPTION...]             an `ssh` in front of PATH that knows that sshd's key and has the user's; OPTIONs are lines
#                                   of its configuration that come first
#   start_tls, stop_tls             a dockerd of our own behind mutual TLS; TLS_PORT on 127.0.0.1 and [::1]; once a file
#   at_tls                          from here docker and nothing_left are about that engine
#   relay LISTEN TARGET             socat addresses, until the test ends; both directions half-close
#   free_port
#   make_pki DIR [NAMES]            (of the server, as subjectAltName has it) ca, server, client, and bad ones: expired, wrongname, otherca, otherclient
#   unreachable TEXT OPTION...      that way does not work, and TEXT is in the one line that says so
#   promises OPTION...              the table of promises that every way has to keep
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listens() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

issue() { # NAME AUTHORITY DAYS SUBJECT-ALTERNATIVE-NAME USAGE
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/CN=$1" 2>/dev/null |
    openssl x509 -req -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$3" -out "$1.pem" \
      -extfile <(printf '%s\n' "subjectAltName=$4" "extendedKeyUsage=$5") 2>/dev/null
}
make_pki() (
  mkdir -p "$1" && cd "$1" || return
  local name here=${2:-IP:127.0.0.1,IP:::1,DNS:localhost,DNS:engine.test}
  for name in ca otherca; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.pem -subj "/CN=$name" -days 2 2>/dev/null
  done
  issue server ca 2 $here serverAuth
  issue expired ca -1 $here serverAuth
  issue wrongname ca 2 DNS:engine.example.com serverAuth
  issue client ca 2 DNS:client clientAuth
  issue otherclient otherca 2 DNS:client clientAuth
  for name in client otherclient; do
    mkdir -p material/$name
    cp ca.pem material/$name/ca.pem && cp $name.pem material/$name/cert.pem && cp $name.key material/$name/key.pem
  done
  mkdir -p material/none material/otherca
  cp ca.pem material/none/ca.pem
  cp otherca.pem material/otherca/ca.pem
)

start_sshd() {
  SSHD=$BATS_FILE_TMPDIR/sshd SSHD_PORT=$(free_port)
  mkdir -p "$SSHD" /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$SSHD/host"
  ssh-keygen -q -t ed25519 -N '' -f "$SSHD/user"
  ssh-keygen -q -t ed25519 -N '' -f "$SSHD/restricted"
  ssh-keygen -q -t ed25519 -N '' -f "$SSHD/stranger"
  { cat "$SSHD/user.pub"; sed 's/^/restrict /' "$SSHD/restricted.pub"; } >"$SSHD/authorized_keys"
  echo "[127.0.0.1]:$SSHD_PORT $(cut -d' ' -f1,2 "$SSHD/host.pub")" >"$SSHD/known"
  echo "[127.0.0.1]:$SSHD_PORT $(cut -d' ' -f1,2 "$SSHD/stranger.pub")" >"$SSHD/changed"
  printf '%s\n' "Port $SSHD_PORT" 'ListenAddress 127.0.0.1' "HostKey $SSHD/host" "PidFile $SSHD/pid" 'StrictModes no' 'UsePAM no' \
    "AuthorizedKeysFile $SSHD/authorized_keys" 'PasswordAuthentication no' 'PermitRootLogin yes' 'MaxStartups 100' >"$SSHD/config"
  /usr/sbin/sshd -f "$SSHD/config" -E "$SSHD/log" 3>&-
  within 10 listens "$SSHD_PORT" || { cat "$SSHD/log"; return 1; }
  export SSHD SSHD_PORT
}
stop_sshd() { [[ ! -s ${SSHD-}/pid ]] || kill "$(<"$SSHD/pid")"; }
use_ssh() {
  local bin=$BATS_TEST_TMPDIR/bin real
  real=$(type -aP ssh | grep -vF "$bin" | head -n 1)
  mkdir -p "$bin"
  { printf '%s\n' "$@"; printf '%s\n' "IdentityFile $SSHD/user" 'IdentitiesOnly yes' "UserKnownHostsFile $SSHD/known" \
    'GlobalKnownHostsFile /dev/null'; } >"$BATS_TEST_TMPDIR/ssh_config"
  # What it was called with, for those who look for secrets and for how many there were.
  printf '#!/bin/sh\necho "$@" >>%s\nexec %s -F %s "$@"\n' "$BATS_TEST_TMPDIR/ssh_calls" "$real" "$BATS_TEST_TMPDIR/ssh_config" >"$bin/ssh"
  chmod 755 "$bin/ssh"
  [[ $PATH == "$bin":* ]] || PATH=$bin:$PATH
  SSH=ssh://$(id -un)@127.0.0.1:$SSHD_PORT${HOST#unix://}
  : >"$BATS_TEST_TMPDIR/ssh_calls"
}

start_tls() {
  export TLS=$BATS_FILE_TMPDIR/pki TLS_ENGINE TLS_PORT
  TLS_ENGINE=$(mktemp -d /tmp/run-once-tls.XXXXXX) TLS_PORT=$(free_port)
  make_pki "$TLS"
  "$PROJECT/scripts/engine" start "$TLS_ENGINE" --listen tcp://127.0.0.1:2376 --tlsverify --tlscacert "$TLS/ca.pem" \
    --tlscert "$TLS/server.pem" --tlskey "$TLS/server.key" >&2 || return 1
  "$PROJECT/scripts/test-image" "unix://$TLS_ENGINE/docker.sock" "$TOOLS/probe"
  # The engine's network is its own: in there to a socket in its folder, out here from a port to that.
  "$PROJECT/scripts/engine" inside "$TLS_ENGINE" socat -t 86400 "UNIX-LISTEN:$TLS_ENGINE/tls.sock,fork" TCP:127.0.0.1:2376 3>&- >/dev/null 2>&1 &
  within 10 test -S "$TLS_ENGINE/tls.sock"
  socat -t 86400 "TCP-LISTEN:$TLS_PORT,bind=127.0.0.1,reuseaddr,fork" "UNIX-CONNECT:$TLS_ENGINE/tls.sock" 3>&- >/dev/null 2>&1 &
  echo $! >"$BATS_FILE_TMPDIR/relay.pid"
  socat -t 86400 "TCP6-LISTEN:$TLS_PORT,bind=[::1],reuseaddr,fork" "UNIX-CONNECT:$TLS_ENGINE/tls.sock" 3>&- >/dev/null 2>&1 &
  echo $! >>"$BATS_FILE_TMPDIR/relay.pid"
  within 10 listens "$TLS_PORT"
}
stop_tls() {
  local pid
  [[ ! -e $BATS_FILE_TMPDIR/relay.pid ]] || while read -r pid; do kill "$pid" 2>/dev/null || :; done <"$BATS_FILE_TMPDIR/relay.pid"
  [[ -z ${TLS_ENGINE-} ]] || "$PROJECT/scripts/engine" stop "$TLS_ENGINE" --remove >&2
}
at_tls() {
  export DOCKER_HOST=unix://$TLS_ENGINE/docker.sock
  on_engine >"$BATS_TEST_TMPDIR/baseline"
}
# with_tls MATERIAL COMMAND...
with_tls() {
  local DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$TLS/material/$1
  export DOCKER_TLS_VERIFY DOCKER_CERT_PATH
  shift
  "$@"
}

relays=()
relay() {
  socat -t 86400 "$1" "$2" 3>&- >/dev/null 2>&1 &
  relays+=($!)
}
relay_port() { # TARGET [OPTIONS]: sets $port
  port=$(free_port)
  relay "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" "$1"
  within 10 listens "$port"
}
eval "lib_$(declare -f teardown)"
teardown() {
  local pid
  for pid in ${relays[@]+"${relays[@]}"}; do pkill -P "$pid" 2>/dev/null || :; kill "$pid" 2>/dev/null || :; done
  lib_teardown
}

no_tunnel_left() { [[ -z $(find "$XDG_RUNTIME_DIR" /tmp -maxdepth 1 -name 'run-once-ssh.*' -newer "$BATS_TEST_TMPDIR/baseline" 2>/dev/null) ]]; }

# unreachable TEXT OPTION...: one line, 125, nothing changed.
unreachable() {
  local text=$1
  shift
  job "$@" -- true
  status_is 125 && one_complaint "$text" && is "$(result verdict)" not_started && nothing_left
}

promises() {
  echo "streams apart and exact, the command's own status"
  job "$@" -- sh -c 'printf out; printf err >&2; exit 7'
  status_is 7 && out_is out && err_is err && verdict_is failed exit || return
  is "$(result runtime.kind)" docker || return
  echo "input arrives whole, its end as well, and output goes on after it"
  head -c 1048576 /dev/urandom >"$WORK/in"
  job "$@" --timeout 60s -i -- sh -c 'sha256sum; sleep 0.2; echo after' <"$WORK/in" # without its end it would wait for ever
  status_is 0 && verdict_is succeeded exit && out_is "$(sha256sum <"$WORK/in")"$'\nafter\n' || return
  echo "4 MiB come back whole"
  job "$@" -- sh -c 'head -c 4194304 /dev/zero'
  status_is 0 || return
  is "$(sha256sum <"$OUT")" "$(head -c 4194304 /dev/zero | sha256sum)" || return
  echo "a signal arrives"
  start_job "$@" -- sh -c 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.1; done'
  within 10 grep -q ready "$OUT" || return
  kill -TERM "$launcher"
  end_job
  status_is 9 && out_is $'ready\ngot\n' || return
  echo "a deadline is held"
  job "$@" --timeout 1s --stop-grace 1s -- sleep 30
  status_is 124 && verdict_is killed deadline_run || return
  echo "detached: the guardian sees the end, by the same way"
  once run --result "$RESULT" "$@" -d --from "image/$IMAGE" -- sh -c 'sleep 1; echo late; exit 4'
  status_is 0 || return
  local id
  id=$(<"$OUT")
  once jobs wait "${way[@]}" "$id"
  status_is 4 || return
  nothing_left 10
}
