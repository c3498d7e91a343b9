# Locks: one holder at a time, whoever and wherever, told with all that is known of it; never to be cleared by hand.
load lib
load life

locked() { # complains about a held lock, with all five facts
  status_is 121
  verdict=$(result verdict)
  is "$verdict $(result cause) $(result retry_safe)" 'refused locked true'
  one_complaint "$1"
}

@test "20 at once: one holds, the others are refused; afterwards the lock is free" {
  for i in $(seq 20); do
    "$RUN_ONCE" run --result r$i.json --lock schema --from image/$IMAGE -- probe line $i sleep 4 >o$i 2>e$i 3>&- &
  done
  wait
  is "$(jq -s 'map(.verdict) | group_by(.) | map("\(.[0]) \(length)") | join(", ")' -r r*.json)" 'refused 19, succeeded 1'
  is "$(cat o* | wc -l)" 1
  is "$(history_count intent)" "$(history_count outcome)"
  nothing_left 5
  job --lock schema -- probe line free
  status_is 0
  chain_holds
}

@test "the holder is shown: job, user and host, since when, why, which command" {
  start_job --lock schema --reason 'release 7' --actor alice -- probe line a sleep 4
  id=$(job_id) holder=$RESULT
  RESULT=$BATS_TEST_TMPDIR/second.json
  launcher2=$launcher
  job --lock schema -- probe line b
  locked "$id"
  for fact in "alice@$(hostname)" "since $(date -u +%Y-%m-%dT)" 'release 7' 'probe line a sleep 4' "run-once jobs logs $id"; do err_has "$fact"; done
  is "$(history_count refused)" 1
  is "$(history_count intent)" 1
  status=0
  wait "$launcher2" || status=$?
  launcher=
  status_is 0
  nothing_left 5
}

@test "other locks and other applications are not held" {
  start_job --lock one -- probe sleep 3
  RESULT=$BATS_TEST_TMPDIR/second.json
  job --lock two -- probe line two
  status_is 0
  job --app other --lock one -- probe line other
  status_is 0
  job -- probe line none
  status_is 0
  end_job
  nothing_left 5
}

@test "wait: until the holder has ended, then its turn" {
  start_job --lock q -- sh -c "$HELD"
  RESULT=$BATS_TEST_TMPDIR/second.json
  holder=$(job_container) ERR=$BATS_TEST_TMPDIR/second.err
  : >"$ERR"
  { within 20 grep -q waiting "$ERR" && let_go "$holder"; } >&2 3>&- &
  job --lock q --if-locked wait -- probe line mine
  status_is 0
  out_is $'mine\n'
  err_has waiting
  end_job
  status_is 0
  nothing_left 5
}

@test "--lock-wait alone implies waiting, and its end is 121" {
  start_job --lock q -- probe sleep 5
  RESULT=$BATS_TEST_TMPDIR/second.json
  local from=$SECONDS
  job --lock q --lock-wait 1 -- probe line mine
  ((SECONDS - from <= 4))
  status_is 121
  is "$(result cause)" locked
  out_is ''
  end_job
  status_is 0
  nothing_left 5
}

@test "an interrupt ends the waiting: 125, nothing left" {
  start_job --lock q -- probe sleep 4
  holder=$launcher
  "$RUN_ONCE" run --result second.json --from image/$IMAGE --lock q --if-locked wait -- probe line mine >o 2>e 3>&- &
  second=$!
  within 5 grep -q waiting e
  kill -TERM $second
  status=0
  wait $second || status=$?
  status_is 125
  launcher=$holder
  end_job
  status_is 0
  nothing_left 5
}

@test "attach: the holder's output from the start and its status; something else is refused" {
  start_job --lock q -- sh -c "echo first; $HELD; echo last; exit 7"
  within 10 grep -q first "$OUT" # of the holder
  OUT=$BATS_TEST_TMPDIR/second.out RESULT=$BATS_TEST_TMPDIR/second.json
  : >"$OUT"
  { within 20 grep -q first "$OUT" && let_go; } >&2 3>&- &
  once run --result "$RESULT" --from image/$IMAGE --lock q --if-locked attach -- sh -c "echo first; $HELD; echo last; exit 7"
  status_is 7
  out_is $'first\nlast\n'
  is "$(result original_id)" "$(jq -r .id "$BATS_TEST_TMPDIR/result.json")"
  is "$(result verdict) $(result exit_code)" 'failed 7'
  end_job
  status_is 7
  start_job --lock q -- probe trap TERM 0 forever
  job --lock q --if-locked attach -- probe line other
  status_is 121
  one_complaint 'probe trap TERM 0 forever'
  kill -TERM "$launcher"
  end_job
  nothing_left 5
}

# bats test_tags=slow
@test "odd characters and long names are names like others" {
  for name in 'a b/c:ü$(x)`' "$(printf 'x%.0s' {1..300})" 'a.b' '-' '..' '%2e' "$(printf 'new\nline')"; do
    start_job --lock "$name" -- probe trap INT 0 forever
    RESULT=$BATS_TEST_TMPDIR/second.json
    job --lock "$name" -- probe line b
    status_is 121
    is "$(result lock)" "$name"
    job --lock "${name}2" -- probe line b
    status_is 0
    kill -INT "$launcher"
    end_job
    status_is 0
    RESULT=$BATS_TEST_TMPDIR/result.json
  done
  nothing_left 5
}

@test "an empty name is an error" {
  once run --lock '' --from image/$IMAGE -- probe line x
  status_is 125
  one_complaint lock
  out_is ''
  nothing_left
}

# bats test_tags=slow
@test "free when the holder was killed: with its guardian at the end of the command, with both dead after the end too" {
  start_job --lock q -- probe sleep 2
  id=$(job_id)
  kill_launcher
  RESULT=$BATS_TEST_TMPDIR/second.json
  job --lock q --if-locked wait -- probe line mine
  status_is 0
  RESULT=$BATS_TEST_TMPDIR/result.json
  start_job --lock q -- sh -c "$HELD; exit 4"
  id=$(job_id)
  kill_both
  job --lock q -- probe line mine
  status_is 121
  let_go
  within 10 has_state "$(container_of "$id")" exited
  job --lock q -- probe line mine
  status_is 0
  out_is $'mine\n'
  within 5 recorded "$id"
  is "$(field "$id" exit_code)" 4
  nothing_left 5
}

# A shell line under the lock q, in the background; its output is read by whoever reads from 8.
to_slow_reader() {
  with_source
  mkfifo slow
  "$RUN_ONCE" run --from image/$IMAGE --result "$RESULT" --lock q -- sh -c "$1" >slow 2>"$ERR" 3>&- &
  launcher=$!
  exec 8<slow
}

@test "free when the command has ended and its output still waits for a reader" {
  to_slow_reader 'head -c 200000 /dev/zero; exit 7'
  within 15 eval '[[ -n $(docker ps -aq --filter status=exited --filter name=^/run-once\\.$(jq -r .id "$RESULT")) ]]' # by its own name
  RESULT=$BATS_TEST_TMPDIR/second.json
  job --lock q -- probe line mine
  status_is 0
  kill -0 "$launcher" # that one is not at its end
  is "$(wc -c <&8)" 200000
  exec 8<&-
  end_job
  status_is 7
  nothing_left 5
}

@test "a command that somebody starts again keeps its lock, also while its output still waits for a reader" {
  to_slow_reader 'trap "exit 0" TERM; head -c 200000 /dev/zero; sleep 60 & wait'
  read -rn 1 -d '' -u 8 _ # the first byte: it runs
  container=$(job_container)
  docker stop "$container" >/dev/null
  sleep 1.5 # long enough to give up the name, were it to be given up
  is "$(docker inspect -f '{{.Name}} {{.State.Running}}' "$container")" '/run-once.lock.run-once-test.q false'
  docker start "$container" >/dev/null
  RESULT=$BATS_TEST_TMPDIR/second.json
  job --lock q -- probe line mine
  status_is 121
  docker kill "$container" >/dev/null
  cat <&8 >/dev/null
  exec 8<&-
  end_job
  status_is 122
  nothing_left 5
}

@test "free when the container is kept" {
  job --lock q --keep always -- probe exit 3
  status_is 3
  id=$(result id)
  job --lock q -- probe line mine
  status_is 0
  is "$(docker inspect -f '{{.Name}}' "$(container_of "$id")")" "/run-once.$id"
  once jobs rm "$id"
  status_is 0
  nothing_left
}

@test "a half-created container whose maker is gone does not hold" {
  docker create --name run-once.lock.run-once-test.q --label run-once.id=halfmadehalf --label run-once.app=run-once-test --label run-once.lock=q \
    --label run-once.host="$(hostname)" $IMAGE >/dev/null
  job --lock q -- probe line mine
  status_is 0
  out_is $'mine\n'
  nothing_left 5
  # Another machine's may still be about to start.
  docker create --name run-once.lock.run-once-test.q --label run-once.id=halfmadehalf --label run-once.app=run-once-test --label run-once.lock=q \
    --label run-once.host=elsewhere $IMAGE >/dev/null
  job --lock q -- probe line mine
  status_is 121
  docker rm halfmadehalf >/dev/null 2>&1 || docker rm run-once.lock.run-once-test.q >/dev/null
  nothing_left 5
}

@test "from another machine: the lock holds there too" {
  start_job --lock q --actor alice -- probe sleep 4
  id=$(job_id)
  status=0
  elsewhere "$RUN_ONCE" run --lock q --from image/$IMAGE -- probe line b >"$OUT" 2>"$ERR" || status=$?
  status_is 121
  err_has "$id"
  err_has "alice@$(hostname)"
  end_job
  status_is 0
  nothing_left 5
}
