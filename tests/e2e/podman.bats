# Podman without a daemon: no socket is there, podman is, and its service is started on demand. As an unprivileged user, in
# namespaces of its own: rootless. A service of the test's own looks after the same storage.
# bats file_tags=slow
load lib

setup_file() {
  ((EUID == 0)) || skip 'namespaces of its own need root'
  "$PROJECT/scripts/install-packages" podman >&2
  export RUN_ONCE_TEST_ENGINE RUN_ONCE_TEST_KIND=podman ENGINE REAL_RUN_ONCE=$RUN_ONCE
  ENGINE=$(mktemp -d /tmp/run-once-podman.XXXXXX)
  RUN_ONCE_TEST_ENGINE=$ENGINE
  "$PROJECT/scripts/engine" start "$ENGINE" --rootless >&2 || return 1
  engine_up || return 1
  # The user's own configuration: the same storage.
  local conf=$ENGINE/home/.config/containers
  mkdir -p "$conf"
  cp "$ENGINE/containers.conf" "$conf"
  printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/data"\nrunroot = "%s/exec"\n' "$ENGINE" "$ENGINE" >"$conf/storage.conf"
  cp "$RUN_ONCE" "$ENGINE/home/run-once"
  "$PROJECT/scripts/engine" inside "$ENGINE" chown -R rootless: "$ENGINE/home"
}
teardown_file() { "$PROJECT/scripts/engine" stop "$ENGINE" --remove >&2; }

eval "lib_$(declare -f setup)"
setup() {
  lib_setup
  USER_DIR=$ENGINE/home/$BATS_TEST_NUMBER
  RESULT=$USER_DIR/result.json RUN_ONCE_HISTORY=$USER_DIR/history/history.jsonl
  inside "$ENGINE/user" mkdir -p "$USER_DIR/history" "$USER_DIR/bin"
  chmod 700 "$USER_DIR/history"
  PATH_THERE=$USER_DIR/bin:/usr/sbin:/usr/bin:/sbin:/bin RUNTIME=podman
  # In the place of run-once, for lib: it runs there, as that user.
  cat >"$BATS_TEST_TMPDIR/run-once" <<E2
#!/bin/bash
exec "$PROJECT/scripts/engine" inside "$ENGINE" "$ENGINE/user" env PATH="\$PATH_THERE" RUN_ONCE_RUNTIME="\$RUNTIME" \\
  RUN_ONCE_HISTORY="$RUN_ONCE_HISTORY" "$ENGINE/home/run-once" "\$@"
E2
  chmod 755 "$BATS_TEST_TMPDIR/run-once"
  RUN_ONCE=$BATS_TEST_TMPDIR/run-once
  export PATH_THERE RUNTIME
  OWN=$ENGINE/run/podman/podman.sock
}
inside() { "$PROJECT/scripts/engine" inside "$ENGINE" "$@"; }
services() { inside pgrep -f 'podman system service --time=60'; }
no_service() { ! services >/dev/null && [[ -z $(find "$ENGINE/run" -maxdepth 1 -name 'run-once-podman.*') ]]; }

@test "podman without a socket: the service is started, the job is as on any engine, and nothing of it stays" {
  head -c 1048576 /dev/urandom >"$WORK/in"
  job -i -- sh -c 'sha256sum; echo err >&2; exit 7' <"$WORK/in"
  status_is 7
  out_is "$(sha256sum <"$WORK/in")"$'\n'
  err_is $'err\n'
  verdict_is failed exit
  is "$(result runtime.kind)" podman
  is "$(result runtime.endpoint)" "unix://$OWN" # the engine that will be asked when a socket is there again
  job -- sh -c 'head -c 4194304 /dev/zero'
  status_is 0
  is "$(stat -c %s "$OUT")" 4194304
  within 5 no_service
  nothing_left
}

@test "podman without a socket: locks and once-keys hold between processes with a service each" {
  job --once K -- sh -c 'echo first'
  status_is 0
  job --once K -- sh -c 'echo first'
  status_is 0
  out_is $'first\n'
  is "$(result replayed)" true
  once jobs rm "$(result original_id)"
  start_job --lock L -- sleep 3
  job --lock L -- true
  status_is 121
  RESULT=$USER_DIR/result.json end_job
  status_is 0
  within 5 no_service
}

@test "podman without a socket: detached, the guardian has a service of its own; jobs wait and logs find the job" {
  once run --result "$RESULT" -d --from "image/$IMAGE" -- sh -c 'sleep 2; echo late; exit 4'
  status_is 0
  local id
  id=$(<"$OUT")
  once jobs wait "$id"
  status_is 4
  once jobs logs "$id"
  status_is 0
  out_is $'late\n'
  within 10 test "$(outcome verdict)" = failed
  within 10 no_service
  nothing_left 5
}

@test "podman without a socket: the launcher is killed, its guardian records and removes" {
  start_job --on-disconnect keep -- sh -c 'sleep 3; exit 6'
  inside pkill -KILL -x run-once -o || inside pkill -KILL -f 'home/run-once run'
  wait "$launcher" || :
  launcher=
  nothing_left 30
  within 10 test -n "$(outcome exit_code)"
  is "$(outcome exit_code)" 6
  within 10 no_service
}

@test "podman without a socket: the service is killed in the middle, the output is joined" {
  start_job --reconnect-for 30s -- sh -c 'n=0; while [ $n -lt 30 ]; do n=$((n + 1)); echo line $n; sleep 0.1; done; exit 5'
  within 10 grep -q 'line 5' "$OUT"
  services | xargs "$PROJECT/scripts/engine" inside "$ENGINE" kill -KILL
  end_job
  status_is 5
  out_is "$(seq -f 'line %.0f' 30)"$'\n'
  verdict_is failed exit
  within 5 no_service
  nothing_left
}

@test "podman without a socket: named by --host the same; a socket that is there is used, or is an error" {
  RUNTIME=docker
  job -H "unix://$OWN" -- echo named
  status_is 0
  out_is $'named\n'
  is "$(result runtime.kind)" podman
  job -H "unix://$ENGINE/run/other.sock" -- true # not Podman's own: nothing is started for it
  status_is 125
  one_complaint "cannot reach the engine at unix://$ENGINE/run/other.sock: No such file or directory"
  once run --from "image/$IMAGE" -- true # no --runtime: as ever, the first socket, and here is none
  status_is 125
  one_complaint 'no engine found'
  err_has 'take Podman, which needs none, with --runtime podman'
  RUNTIME=podman
  inside "$ENGINE/user" mkdir -p "${OWN%/*}"
  inside "$ENGINE/user" python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$OWN')"
  job -- true
  status_is 125
  one_complaint "cannot reach the engine at unix://$OWN: Connection refused"
  rm "$OWN"
  ln -s "$ENGINE/docker.sock" "$OWN"
  job --trace net -- true
  status_is 0
  ! grep -q 'podman system service' "$ERR" || return 1
  rm -r "${OWN%/*}"
  nothing_left
}

@test "podman without a socket: what is wrong is said in one line" {
  local why="cannot reach the engine at unix://$OWN: no such socket, and starting 'podman system service' failed: "
  inside sh -c "printf '#!/bin/sh\nexit 3\n' >$USER_DIR/bin/podman; chmod 755 $USER_DIR/bin/podman"
  job -- true
  status_is 125
  one_complaint "${why}it ended with status 3; 'podman info' must work here"
  is "$(result verdict) $(result retry_safe)" 'not_started true'
  rm "$USER_DIR/bin/podman"
  echo 'driver = ' >"$ENGINE/home/.config/containers/broken.conf"
  inside sh -c "printf '#!/bin/sh\nCONTAINERS_CONF=$ENGINE/home/.config/containers/broken.conf exec /usr/bin/podman \"\$@\"\n' >$USER_DIR/bin/podman; chmod 755 $USER_DIR/bin/podman"
  job -- true
  status_is 125
  one_complaint "$why"
  err_has broken.conf
  rm "$USER_DIR/bin/podman"
  PATH_THERE=$USER_DIR/bin
  inside sh -c "cp /usr/bin/env $USER_DIR/bin/env"
  job -- true
  status_is 125
  one_complaint 'no Podman found: '
  within 5 no_service
}

@test "podman without a socket: doctor says what is started, and why" {
  once doctor
  status_is 0
  out_has "endpoint     unix://$OWN (Podman's socket; it is not there: podman system service is started)"
  out_has 'engine       podman '
  within 5 no_service
}
