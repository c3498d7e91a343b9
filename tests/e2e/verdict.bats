# How a job ended, when that is not simply the command's own status.
load lib

# The command says ready on stdout.
ready() { within 15 grep -q ready "$OUT"; }

@test "docker stop by someone else of a command that traps TERM and exits 0: 122" {
  if on_podman; then skip 'Podman tells nobody of a stop'; fi
  start_job -- probe trap TERM 0 line ready forever
  ready
  docker stop "$(job_container)" >/dev/null
  end_job
  status_is 122
  verdict_is killed stopped_from_outside
  out_is $'ready\ngot TERM\n'
  is "$(result exit_code) $(result retry_safe) $(result removed)" '0 false true'
  err_has 'by someone else'
  nothing_left
}

@test "docker kill by someone else, of any signal" {
  start_job -- probe line ready forever
  ready
  docker kill "$(job_container)" >/dev/null
  end_job
  status_is 122
  verdict_is killed stopped_from_outside
  is "$(result exit_code) $(result signal)" '137 9'
  nothing_left
  # Also when the command takes it for its own affair and ends with 0 much later.
  start_job -- sh -c 'probe notice USR1 line ready sleep 1.5; exit 0'
  ready
  docker kill -s USR1 "$(job_container)" >/dev/null
  end_job
  status_is 122
  verdict_is killed stopped_from_outside
  nothing_left
}

@test "docker restart by someone else" {
  start_job -- probe trap TERM 0 line ready forever
  ready
  docker restart -t 2 "$(job_container)" >/dev/null
  # It runs a second time now: not our doing, and not a success.
  docker kill "$(job_container)" >/dev/null || :
  end_job
  [[ $status == 122 || $status == 120 ]] || status_is 122
  # Where it ran again when it would have been removed, it was left to whoever started it; then settling takes it.
  nothing_left 5 || {
    err_has 'it is removed later'
    once jobs prune
    nothing_left
  }
}

@test "docker rm -f while it runs: 120, removed unread" {
  start_job -- probe line ready forever
  ready
  docker rm -f "$(job_container)" >/dev/null
  end_job
  status_is 120
  verdict_is unknown removed_unread
  is "$(result retry_safe) $(result exit_code)" 'false null'
  err_has "$(result id)"
  nothing_left
}

@test "docker pause and unpause: the run goes on" {
  if [[ -e $RUN_ONCE_TEST_ENGINE/user && ! -f /sys/fs/cgroup/cgroup.controllers ]]; then skip 'rootless on cgroup v1 freezes nothing'; fi
  start_job -- sh -c "echo ready; $HELD; echo on; exit 4"
  ready
  docker pause "$(job_container)" >/dev/null
  sleep 1
  docker unpause "$(docker ps -aq --filter label=run-once.id)" >/dev/null
  let_go
  end_job
  status_is 4
  verdict_is failed exit
  out_is $'ready\non\n'
  nothing_left
}

@test "out of memory with 137 is a kill; a child that ran out of it is not" {
  if on_podman && [[ $(docker version -f '{{.Server.Version}}') == 4.* ]]; then skip 'Podman 4 does not tell of it'; fi
  [[ $(docker info -f '{{.MemoryLimit}}') == true ]] || skip 'no memory limits on this engine'
  # An engine may not have heard of a kill in the first milliseconds.
  job --memory 16m -- probe line begun sleep 1 eat 200
  if ((status == 0)) || [[ $(result exit_code) != 137 ]]; then skip "memory limits do not hold here"; fi
  status_is 122
  verdict_is killed oom
  err_has '16 MiB'
  nothing_left
  job --memory 16m -- sh -c 'probe eat 200; echo "child: $?"; exit 3'
  status_is 3
  out_is $'child: 137\n'
  verdict_is failed exit
  nothing_left
}

@test "a command that ends by a signal of its own: 128+N, failed" {
  job --init -- sh -c 'kill -TERM $$'
  status_is 143
  verdict_is failed signal
  is "$(result exit_code) $(result signal)" '143 15'
  job --init -- sh -c 'kill -KILL $$'
  status_is 137
  verdict_is failed signal
  # 137 by words is no kill either.
  job -- probe exit 137
  status_is 137
  is "$(result verdict)" failed
  nothing_left
}

@test "126 and 127 of the engine, and those of the command itself" {
  job -- no-such-command
  status_is 127
  verdict_is not_started not_found
  job -- /bin/not-executable
  status_is 126
  verdict_is not_started not_executable
  job -- sh -c 'exit 127'
  status_is 127
  verdict_is failed exit
  err_is $'run-once: 127 is the command\'s own exit status\n'
  is "$(result exit_code) $(result retry_safe)" '127 null'
  job -- sh -c 'no-such-command; exit $?'
  status_is 127
  verdict_is failed exit
  nothing_left
}

@test "--init: the command is not process 1, and its missing is its own status" {
  job --init -- probe id exit 3
  status_is 3
  [[ ! $(<"$OUT") =~ ^'id 0 0 1 ' ]] || { show; return 1; }
  job -- probe id
  [[ $(<"$OUT") =~ ^'id 0 0 1 ' ]] || { show; return 1; }
  job --init -- no-such-command
  status_is "$(on_podman && echo 1 || echo 127)" # the init's own word
  is "$(result verdict)" failed
  nothing_left
}

@test "an environment that no kernel carries is refused before anything is made" {
  head -c 140000 /dev/zero | tr '\0' x >long
  { printf 'LONG='; cat long; echo; } >long.env
  job --env-file long.env -- probe line hello
  status_is 125
  verdict=$(result verdict)
  is "$verdict" not_started
  one_complaint LONG
  for n in {1..20}; do printf 'V%s=' $n; head -c 120000 long; echo; done >many.env
  job --env-file many.env -- probe line hello
  status_is 125
  is "$(result verdict)" not_started
  is "$(history_count intent)" 0
  nothing_left
}

@test "deadlines: 124, after the grace by force" {
  job --timeout 1 --stop-grace 1 -- probe ignore TERM line ready forever
  status_is 124
  verdict_is killed deadline_run
  is "$(result exit_code) $(result retry_safe)" '137 false'
  out_is $'ready\n'
  nothing_left
  job --timeout 1 -- probe trap TERM 0 forever
  status_is 124
  verdict_is killed deadline_run
  is "$(result exit_code)" 0
  nothing_left
}

@test "--keep leaves the ended container, with its label" {
  job --keep always -- probe line hello exit 3
  status_is 3
  is "$(result removed)" false
  local id
  id=$(docker ps -aq --no-trunc --filter "label=run-once.id=$(result id)")
  is "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$id")" 'exited 3'
  err_has "run-once jobs rm $(result id)"
  echo "container $id" >>"$MADE"
  job --keep on-failure -- probe line hello
  status_is 0
  nothing_left
}
