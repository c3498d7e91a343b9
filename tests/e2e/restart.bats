# The engine itself stops, is killed, comes back: an engine of this file's own, whose containers outlive it.
# bats file_tags=slow
load lib
load life

setup_file() {
  export RUN_ONCE_TEST_ENGINE
  RUN_ONCE_TEST_ENGINE=$(mktemp -d /tmp/run-once-restart.XXXXXX)
  unset RUN_ONCE_TEST_HOST
  "$PROJECT/scripts/engine" start "$RUN_ONCE_TEST_ENGINE" --live-restore >&2
  engine_up
}
teardown_file() { "$PROJECT/scripts/engine" stop "$RUN_ONCE_TEST_ENGINE" --remove >&2; }
eval "lib_$(declare -f teardown)"
teardown() {
  engine start --live-restore >/dev/null 2>&1
  lib_teardown
}
engine() {
  local verb=$1
  shift
  "$PROJECT/scripts/engine" "$verb" "$RUN_ONCE_TEST_ENGINE" "$@" 3>&-
}
lines_out() { (($(wc -l <"$OUT") >= $1)); }
counting='n=0; while [ $n -lt 60 ]; do n=$((n + 1)); echo line $n; sleep 0.1; done'
counted() { same "$OUT" "$(seq -f 'line %.0f' 60)"$'\n' stdout; }
down() { ! docker version >/dev/null 2>&1; }

@test "the engine is killed and started again in the middle of the output: exact" {
  for code in 7 0; do
    start_job -- sh -c "$counting; $HELD; exit $code" # a 0 that comes while the engine is away is nobody's word
    within 15 lines_out 10
    engine kill
    engine start --live-restore
    let_go
    end_job
    status_is $code
    verdict_is "$( ((code)) && echo failed || echo succeeded)" exit
    counted
    is "$(result output.gap)" null gap
    nothing_left
  done
}

@test "the engine stands still: waited for, nothing lost" {
  start_job -- sh -c "$counting; exit 8"
  within 15 lines_out 10
  engine kill STOP
  sleep 4
  engine kill CONT
  end_job
  status_is 8
  verdict_is failed exit
  counted
  nothing_left
}

# What it wrote meanwhile is lost by the engine (20.10: not in its log either): said, never silent.
@test "stopped in order for 20 s, while the command ends: its true status, and that output is missing" {
  start_job -- sh -c "$counting; exit 9"
  within 15 lines_out 10
  engine kill TERM
  within 20 down
  sleep 20
  engine start --live-restore
  end_job
  status_is 9
  verdict_is failed exit
  lines_out 10
  cmp <(seq -f 'line %.0f' 60 | head -c "$(stat -c %s "$OUT")") "$OUT"
  is "$(result output.gap)" 0 gap
  err_has 'not exactly'
  err_has 'contact with the engine is lost'
  nothing_left
}

@test "input that is under way when the engine goes: unknown" {
  mkfifo pipe
  "$RUN_ONCE" run --result "$RESULT" --from "image/$IMAGE" -i --stop-grace 1 -- sh -c 'head -n 1; cat >/dev/null; exit 0' <pipe >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  exec 7>pipe
  echo first >&7
  within 15 lines_out 1
  engine kill
  engine start --live-restore
  end_job
  exec 7>&-
  status_is 120
  verdict_is unknown input_cut
  nothing_left
}

# An engine that ends between the two steps of a removal: no answer, no container, and the volume is left. As if: the
# answer is lost, and there is another volume of the job.
@test "a removal whose answer never came: the job's own end takes the volume that the engine forgot" {
  local socket=$BATS_TEST_TMPDIR/p.sock
  "$TOOLS/proxy" "$socket" "${HOST#unix://}" "$BATS_TEST_TMPDIR/requests" lose:1:DELETE 3>&- &
  helpers+=($!)
  within 10 test -S "$socket"
  start_job -H "unix://$socket" -v /scratch -- probe sleep 2 exit 7
  docker volume create --label run-once.id="$(job_id)" --label run-once.host="$(hostname)" >/dev/null
  other=$(docker volume create --label run-once.id=someoneelses)
  end_job
  status_is 7
  docker volume rm "$other" >/dev/null # still there
  nothing_left
}

@test "removed by somebody without its volumes: the job's own end takes them" {
  start_job -v /scratch -- probe sleep 20
  docker rm -f "$(job_container)" >/dev/null
  end_job
  status_is 120
  nothing_left
}

@test "killed before the create arrived, and the engine has forgotten since: unknown, the key refused until jobs rm" {
  never_created --once forgotten -- probe line mine
  id=$(job_id)
  engine kill
  engine start --live-restore
  once jobs prune
  status_is 0
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" retry_safe)" 'unknown contact_lost false'
  RESULT=$BATS_TEST_TMPDIR/later.json
  job --once forgotten -- probe line mine
  status_is 121
  is "$(result cause)" once_unresolved
  one_complaint "run-once jobs rm $id"
  out_is ''
  once jobs rm "$id"
  status_is 0
  once jobs prune # what an operator has looked at is not settled again
  is "$(outcomes_of "$id")" 1
  job --once forgotten -- probe line mine
  status_is 0
  out_is $'mine\n'
  docker volume ls -q --filter name=run-once.once. | xargs docker volume rm >/dev/null
}

# It may tell 0 of any end: killed while it dealt with one of 3, 20.10 did so in 4 of some 150 ends.
@test "killed, while the command ends with 0: unknown, for such an engine may tell 0 of any end" {
  start_job -- sh -c "$counting; exit 0"
  within 15 lines_out 10
  engine kill
  sleep 8
  engine start --live-restore
  end_job
  status_is 120
  verdict_is unknown engine_restart
  is "$(result exit_code)" null
  nothing_left
}

# An engine that ends between the end it has seen and writing that down (seen with 20.10) tells 255 when it is back, as of any
# end that it did not see: then unknown.
@test "an engine whose containers end with it: 122, not the status that the shutdown caused" {
  engine kill TERM
  within 20 down
  engine stop
  engine start
  engine_up
  on_engine >"$BATS_TEST_TMPDIR/baseline"
  start_job -- probe trap TERM 0 line ready forever
  within 15 lines_out 1
  engine kill TERM
  within 30 down
  engine start
  end_job
  if [[ $(result verdict) == unknown ]]; then
    err_has 'tells 255 for an end that it did not see'
    is "$(result cause) $(result exit_code) $(result exit_status)" 'engine_restart null 120'
    status_is 120
  else
    is "$(result verdict) $(result exit_code)" 'killed 0'
    [[ $(result cause) == engine_restart || $(result cause) == stopped_from_outside ]] || verdict_is killed engine_restart
    status_is 122
  fi
  out_is $'ready\ngot TERM\n'
  nothing_left
  engine stop
}
