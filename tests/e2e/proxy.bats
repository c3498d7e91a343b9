# Engines behind a proxy (tests/tools/connect_proxy.py). engine.test and other.test are names that nobody but the proxy
# knows: whatever reaches the engine by them went through it.
# bats file_tags=slow
load lib
load endpoints

setup_file() {
  "$PROJECT/scripts/install-packages" endpoints >&2
  engine_up && start_tls
}
teardown_file() { stop_tls; }

proxy() { # TARGET [MODE]: sets $proxy (host and port)
  rm -f "$WORK/port"
  python3 "$PROJECT/tests/tools/connect_proxy.py" "$WORK/port" "$WORK/asked" "$@" 3>&- 2>/dev/null &
  helpers+=($!)
  within 10 test -s "$WORK/port"
  proxy=127.0.0.1:$(<"$WORK/port")
}
no_password() { ! grep -rqE 'hunter2|bWU6' "$ERR" "$OUT" "$RESULT" "$RUN_ONCE_HISTORY"; }
refused() { # TEXT [URL-SCHEME]
  with_tls client job --trace net,runtime,job -H tcp://engine.test:2376 -- true
  status_is 125
  grep -v '^run-once: trace ' "$ERR" >"$ERR.untraced"
  no_password && mv "$ERR.untraced" "$ERR" && one_complaint "cannot reach the engine at tcp://engine.test:2376: the proxy $1" &&
    is "$(result verdict) $(result retry_safe)" 'not_started true'
}

@test "HTTP_PROXY: all promises hold through a proxy with a password, which is shown nowhere" {
  proxy "${HOST#unix://}" auth
  export HTTP_PROXY=http://me:hunter2@$proxy
  way=(-H tcp://engine.test:2375)
  promises "${way[@]}"
  is "$(result runtime.endpoint)" tcp://engine.test:2375
  # Each connection is a tunnel: the head of a request never stands open before the proxy.
  is "$(cut -d' ' -f1,2 "$WORK/asked" | sort -u)" 'CONNECT engine.test:2375'
  start_job --trace net,runtime,job "${way[@]}" -- sleep 2
  ! grep -aq hunter2 /proc/[0-9]*/cmdline || return 1
  ! grep -aq hunter2 "/proc/$(pgrep -f 'run-once: guardian of' | tail -n 1)/environ" || return 1
  end_job
  status_is 0
  no_password
}

@test "HTTPS_PROXY: TLS through the proxy, verified against the engine's own name" {
  at_tls
  proxy "127.0.0.1:$TLS_PORT"
  export HTTPS_PROXY=http://$proxy DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$TLS/material/client
  docker() { env -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH docker "$@"; }
  way=(-H tcp://engine.test:2376)
  promises "${way[@]}"
  is "$(cut -d' ' -f1,2 "$WORK/asked" | sort -u)" 'CONNECT engine.test:2376'
  unreachable 'cannot reach the engine at tcp://other.test:2376: SSL: no alternative certificate subject name matches' -H tcp://other.test:2376
  DOCKER_CERT_PATH=$TLS/material/otherca unreachable 'SSL certificate problem' "${way[@]}"
}

@test "which proxy: by the way to the engine, lower case first, ALL_PROXY last; NO_PROXY and loopback without" {
  proxy "${HOST#unix://}"
  local direct='cannot reach the engine at tcp://engine.test:2375: Could not resolve host'
  way=(-H tcp://engine.test:2375)
  HTTPS_PROXY=http://$proxy unreachable "$direct" "${way[@]}" # for TLS only
  ALL_PROXY=http://$proxy job "${way[@]}" -- true
  status_is 0
  http_proxy=http://$proxy HTTP_PROXY=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 job "${way[@]}" -- true
  status_is 0
  export HTTP_PROXY=http://$proxy
  for v in engine.test .test '*' 'x,engine.test'; do NO_PROXY=$v unreachable "$direct" "${way[@]}"; done
  no_proxy=other.test job "${way[@]}" -- true
  status_is 0
  unset RUN_ONCE_TEST_TOOLS RUN_ONCE_TEST_ENGINE # variables that no option has are a finding
  HTTP_PROXY=http://me:hunter2@$proxy once doctor "${way[@]}"
  status_is 0
  out_has "proxy        $proxy (HTTP_PROXY), unless NO_PROXY has that host"
  ! grep -q hunter2 "$OUT" || return 1
  REQUEST_METHOD=GET unreachable "$direct" "${way[@]}" # a CGI's client could have said it
  relay_port "UNIX-CONNECT:${HOST#unix://}"
  HTTP_PROXY=http://127.0.0.1:1 job -H "tcp://127.0.0.1:$port" -- true
  status_is 0
  HTTP_PROXY=http://127.0.0.1:1 job -- true # the Unix socket
  status_is 0
  nothing_left
}

@test "proxies that refuse, want a password, hang up or are not there: one line each, without the password" {
  local secret=me:hunter2x
  proxy /nowhere refuse
  HTTPS_PROXY=http://$secret@$proxy refused "$proxy (HTTPS_PROXY): it refuses the way there (HTTP 403); NO_PROXY=engine.test goes without it"
  proxy /nowhere auth
  HTTPS_PROXY=http://$proxy refused "$proxy (HTTPS_PROXY): it wants a user and a password (HTTP 407): http://USER:PASSWORD@HOST:PORT"
  HTTPS_PROXY=http://$secret@$proxy refused "$proxy (HTTPS_PROXY): it does not take the user and password that stand there (HTTP 407)"
  proxy /nowhere drop
  https_proxy=http://$secret@$proxy refused "$proxy (https_proxy): it closed the connection without an answer"
  HTTPS_PROXY=http://$secret@127.0.0.1:1 refused '127.0.0.1:1 (HTTPS_PROXY): Connection refused'
  HTTPS_PROXY=http://$secret@no-such-proxy.invalid:3128 refused 'no-such-proxy.invalid:3128 (HTTPS_PROXY): its name cannot be resolved'
  ALL_PROXY=gopher://$secret@127.0.0.1:1 refused '127.0.0.1:1 (ALL_PROXY): that is none; write http://HOST:PORT'
  HTTPS_PROXY="http://me:hunter2 x@127.0.0.1:1" refused 'of HTTPS_PROXY: that is none; write http://HOST:PORT'
  nothing_left
}
