# Deadlines, signals, callers that go away, and what an operator does meanwhile.
load ../e2e/life
load lib # its words go over those

settled() { recorded "$1" && [[ -z $(k get jobs,pods -l "run-once/id=$1" -o name) ]]; }

@test "--timeout: 124, the command is told to end" {
  in_seconds 30 job --timeout 3 --stop-grace 2 -- probe line begun trap TERM 0 forever
  status_is 124
  is "$(result verdict) $(result cause)" 'killed deadline_run'
  out_is $'begun\ngot TERM\n'
  is "$(result output.gap)" null # though the log goes with its pod
  nothing_left 20
}

@test "--idle-timeout: 124" {
  in_seconds 30 job --idle-timeout 2 --stop-grace 1 -- probe line begun trap TERM 0 forever
  status_is 124
  is "$(result verdict) $(result cause)" 'killed deadline_idle'
  nothing_left 20
}

@test "the first TERM says that it cannot be forwarded, the second deletes the pod with its grace" {
  start_job --stop-grace 5 -- probe line ready trap TERM 3 forever
  within 15 says ready
  kill -TERM "$launcher"
  within 10 grep -q 'cannot be forwarded' "$ERR"
  sleep 1
  pod_runs
  kill -TERM "$launcher"
  end_job
  status_is 122
  is "$(result verdict)" killed
  nothing_left 20
}

@test "USR1 and HUP are refused with a line" {
  start_job -- probe line ready sleep 4
  within 15 says ready
  kill -USR1 "$launcher"
  within 5 grep -q USR1 "$ERR"
  end_job
  status_is 0
  nothing_left 10
}

@test "--detach prints the id alone; logs, wait, list and result from here" {
  id=$("$RUN_ONCE" run -d --result "$RESULT" --from image/$IMAGE -- sh -c 'echo one; sleep 5; echo two; exit 9' 2>"$ERR" 3>&-)
  [[ $id =~ ^[a-z0-9]{12}$ ]] || { echo "not an id alone: $id"; show; false; }
  is "$(result verdict)" detached
  within 15 says one
  once jobs list --output json
  is "$(jq -r --arg id "$id" '.[] | select(.id == $id) | .state' "$OUT")" running
  once jobs logs "$id"
  status_is 0
  out_is $'one\n'
  once jobs wait "$id"
  status_is 9
  within 20 settled "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 9'
  once jobs logs "$id"
  out_is $'one\ntwo\n'
  within 10 gone
}

@test "jobs attach: output from the start and the job's end; jobs stop ends it" {
  id=$("$RUN_ONCE" run -d --from image/$IMAGE -- sh -c 'echo one; sleep 4; echo two; exit 5' 2>"$ERR" 3>&-)
  once jobs attach "$id"
  status_is 5
  out_is $'one\ntwo\n'
  id=$("$RUN_ONCE" run -d --from image/$IMAGE -- probe line ready trap TERM 0 forever 2>"$ERR" 3>&-)
  within 15 says ready
  once jobs stop "$id"
  status_is 0
  within 20 settled "$id"
  is "$(field "$id" verdict)" killed
  once jobs wait "$id"
  status_is 122
  within 10 gone
}

@test "jobs rm --force: ended, and recorded as stopped through run-once" {
  start_job -- probe line begun sleep 60
  id=$(job_id)
  within 15 says begun
  once jobs rm "$id"
  status_is 121
  in_seconds 15 once jobs rm --force "$id"
  status_is 0
  end_job
  status_is 122
  is "$(result verdict) $(result cause)" 'killed stopped'
  is "$(outcomes_of "$id")" 1
  nothing_left 20
}

@test "launcher killed: the command finishes, its end is recorded, nothing is left" {
  start_job -- probe line begun sleep 4 line done exit 7
  id=$(job_id)
  kill_launcher
  within 40 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" exit_code)" 'failed exit 7'
  is "$(outcomes_of "$id")" 1
  once jobs logs "$id"
  out_is $'begun\ndone\n'
  nothing_left 10
  chain_holds
}

@test "launcher killed with --on-disconnect stop: stopped" {
  start_job --on-disconnect stop --stop-grace 3 -- probe line ready trap TERM 3 forever
  id=$(job_id)
  within 15 says ready
  kill_launcher
  within 40 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'killed stopped'
  nothing_left 10
}

@test "fed by -i and killed in the middle: never a success" {
  mkfifo feed
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -i -- probe trap TERM 0 count <feed >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  exec 4>feed
  head -c 100000 /dev/zero >&4
  within 20 pod_runs
  sleep 2
  id=$(job_id)
  kill_launcher
  exec 4>&-
  within 60 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'unknown input_cut'
  nothing_left 10
}

@test "launcher and guardian killed: the next run settles the job, by what the cluster knows" {
  start_job -- probe line begun sleep 5 exit 6
  id=$(job_id)
  kill_both
  sleep 7
  RESULT=$BATS_TEST_TMPDIR/later.json
  job -- probe line next
  status_is 0
  out_is $'next\n'
  within 30 recorded "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 6'
  nothing_left 20
  chain_holds
}

@test "launcher and guardian killed: the job's own deadline ends it" {
  start_job --timeout 4 --start-timeout 20 --stop-grace 1 -- probe line begun trap TERM 0 forever # both count together
  id=$(job_id)
  kill_both
  within 90 eval '[[ $(k get pods -l run-once/id -o jsonpath={.items[*].status.phase}) == Failed ]]' # kubelet 1.20 leaves the containers' states as they were
  once jobs prune --now
  within 30 recorded "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'killed deadline_run'
  nothing_left 20
}
