# Signals to run-once: forwarded, asked twice, three times, too early.
load lib
# A job in the background of a script has INT and QUIT ignored from birth, as POSIX wants it: not here.
start_interruptible() {
  local options=()
  while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  with_source
  env --default-signal=INT,QUIT,HUP "$RUN_ONCE" run --result "$RESULT" "${options[@]}" -- "$@" >"$OUT" 2>"$ERR" </dev/null 3>&- &
  launcher=$!
}
ready() { within 15 grep -q ready "$OUT"; }
signal() { kill -"$1" "$launcher"; }
line_comes() { within "${2:-15}" grep -qF "$1" "$OUT"; }

@test "INT, TERM, HUP, QUIT, USR1 and USR2 are forwarded; what the command makes of them counts" {
  start_interruptible -- probe notice INT notice TERM notice HUP notice QUIT notice USR1 notice USR2 line ready sleep 6
  ready
  local s
  for s in USR1 USR2 HUP QUIT TERM INT; do
    signal $s
    line_comes "got $s"
  done
  end_job
  status_is 0
  verdict_is succeeded exit
  nothing_left
}

@test "a forwarded signal that ends the command: 128+N" {
  local s
  for s in TERM:143 INT:130; do
    start_interruptible --init -- sh -c 'echo ready; exec sleep 60'
    ready
    signal "${s%:*}"
    end_job
    status_is "${s#*:}"
    verdict_is failed signal
    nothing_left
  done
  start_interruptible -- probe trap TERM 9 line ready forever
  ready
  signal TERM
  end_job
  status_is 9
  verdict_is failed exit
  nothing_left
}

@test "a second INT asks the job to stop, with its grace" {
  start_interruptible -- probe notice INT trap TERM 0 line ready forever
  ready
  signal INT
  line_comes 'got INT'
  sleep 0.6
  signal INT
  end_job
  status_is 122
  verdict_is killed stopped
  out_is $'ready\ngot INT\ngot TERM\n'
  err_has 'asking the command to stop'
  nothing_left
}

@test "a third INT kills it" {
  start_interruptible --stop-grace 60 -- probe notice INT notice TERM line ready forever
  ready
  signal INT
  line_comes 'got INT'
  sleep 0.6
  signal INT
  line_comes 'got TERM'
  sleep 0.6
  signal INT
  end_job
  status_is 122
  verdict_is killed stopped
  is "$(result exit_code)" 137
  nothing_left
}

@test "INTs within half a second count as one" {
  start_interruptible -- probe notice INT notice TERM line ready sleep 1.5 sleep 1.5 sleep 1.5 exit 5
  ready
  signal INT
  signal INT
  signal INT
  end_job
  status_is 5
  out_is $'ready\ngot INT\n'
  nothing_left
}

@test "process 1 ignores TERM: a line says why" {
  start_interruptible -- sh -c 'echo ready; sleep 4.5; echo done'
  ready
  signal TERM
  within 10 grep -q -- '--init' "$ERR"
  end_job
  status_is 0
  [[ $(grep -c -- '--init' "$ERR") == 1 ]] || { show; return 1; }
  out_is $'ready\ndone\n'
  nothing_left
}

@test "with --init the line blames no process 1" {
  start_interruptible --init -- probe notice TERM line ready sleep 2.5 sleep 2.5
  ready
  signal TERM
  within 10 grep -q 'goes on' "$ERR"
  end_job
  status_is 0
  out_is $'ready\ngot TERM\n'
  err_is $'run-once: signal 15 was forwarded, and the command goes on; interrupt again to stop it\n'
  nothing_left
}

@test "no such line when the command ended in time" {
  start_interruptible -- sh -c 'trap "sleep 1; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
  ready
  signal TERM
  end_job
  status_is 3
  err_is ''
  nothing_left
}

@test "nohup: HUP is not ours" {
  "$RUN_ONCE" version >/dev/null
  local options=()
  with_source
  nohup "$RUN_ONCE" run --result "$RESULT" "${options[@]}" -- probe trap HUP 4 line ready sleep 2 line end >"$OUT" 2>"$ERR" </dev/null 3>&- &
  launcher=$!
  ready
  signal HUP
  end_job
  status_is 0
  out_is $'ready\nend\n'
  nothing_left
}

# stalled RULE: a proxy that holds a request back, so that a signal comes in the middle of it.
stalled() {
  proxy=$BATS_TEST_TMPDIR/p.sock
  rm -f "$proxy"
  "$TOOLS/proxy" "$proxy" "${HOST#unix://}" "$BATS_TEST_TMPDIR/requests" "$@" 3>&- &
  proxy_pid=$!
  within 10 test -S "$proxy"
}
asked() { within 15 grep -q "$1" "$BATS_TEST_TMPDIR/requests"; }
eval "lib_$(declare -f teardown)"
teardown() {
  [[ -z ${proxy_pid-} ]] || kill "$proxy_pid" || :
  lib_teardown
}

@test "INT before the command began: 125, nothing ran, nothing left" {
  local at s
  for at in "stall:1:/containers/create:1500 /create" "delay:1:/containers/create:1500 /create" "stall:1:/attach:1500 /attach" "stall:1:/wait:1500 /wait"; do
    for s in INT TERM; do
      stalled "${at% *}"
      start_interruptible -H "unix://$proxy" -- probe line hello
      asked "${at#* }"
      signal $s
      end_job
      status_is 125
      is "$(result verdict) $(result retry_safe)" 'not_started true'
      out_is ''
      nothing_left 5
      kill "$proxy_pid"
      rm "$BATS_TEST_TMPDIR/requests"
    done
  done
  proxy_pid=
}

@test "INT while start is under way: forwarded, once the command runs" {
  stalled stall:1:/start:1500
  start_interruptible -H "unix://$proxy" -- probe trap INT 7 line ready forever
  asked /start
  ready
  signal INT
  end_job
  status_is 7
  verdict_is failed exit
  nothing_left
}

@test "--start-timeout: 124, never started" {
  stalled stall:1:/attach:0
  local began=$SECONDS
  start_interruptible -H "unix://$proxy" --start-timeout 1 -- probe line hello
  end_job
  ((SECONDS - began < 15)) || { echo "took $((SECONDS - began)) s"; return 1; }
  status_is 124
  verdict_is not_started deadline_start
  is "$(result retry_safe)" true
  nothing_left 5
}
