# What a job leaves when its launcher, its guardian or both die: the true outcome in the record, and nothing else.
load lib
load life

settled() { recorded "$1" && gone "$1"; }

@test "launcher killed: the command finishes, its true end is recorded, container and anonymous volumes are gone" {
  start_job -v /scratch -- sh -c "echo begun; $HELD; echo done; exit 7"
  id=$(job_id)
  kill_launcher
  let_go
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" exit_code)" 'failed exit 7'
  is "$(result verdict) $(result exit_status) $(result removed)" 'failed 7 true'
  is "$(result record_hash)" "$(field "$id" hash)"
  is "$(result output.stdout_bytes) $(result output.gap)" 'null null' # nobody counted
  is "$(outcomes_of "$id")" 1
  nothing_left 5
  within 5 no_guardian "$id"
  chain_holds
  once jobs logs "$id"
  status_is 0
  out_is $'begun\ndone\n'
}

@test "a result file named relative to the caller's folder is completed there" {
  RESULT=here.json
  start_job -- sh -c "$HELD; exit 3"
  id=$(job_id)
  kill_launcher
  let_go
  within 15 settled "$id"
  within 5 eval '[[ $(result verdict) == failed ]]'
  nothing_left 5
}

@test "--on-disconnect stop: stopped with its grace" {
  start_job --on-disconnect stop --stop-grace 5 -- probe trap TERM 3 line ready forever
  id=$(job_id)
  within 15 says ready
  kill_launcher
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" exit_code)" 'killed stopped 3'
  is "$(result exit_status)" 122
  nothing_left 5
}

@test "--on-disconnect stop: killed when the grace is over" {
  start_job --on-disconnect stop --stop-grace 1 -- probe ignore TERM line ready forever
  id=$(job_id)
  within 15 says ready
  kill_launcher
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" exit_code)" 'killed stopped 137'
  nothing_left 5
}

@test "fed by -i and killed in the middle: never a success, though the command ends with 0" {
  mkfifo feed
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -i -- probe trap TERM 0 count <feed >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  exec 4>feed
  head -c 100000 /dev/zero >&4
  within 15 job_runs
  id=$(job_id)
  kill_launcher
  exec 4>&-
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'unknown input_cut'
  is "$(result exit_status) $(result retry_safe)" '120 false'
  nothing_left 5
}

# By default a run that is fed is stopped when its caller is gone; this is about the other rule, that half of an input
# is never what a command goes on with.
@test "fed by -i and killed in the middle: stopped also with --on-disconnect keep" {
  mkfifo feed
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -i --on-disconnect keep --stop-grace 1 -- \
    sh -c 'trap "exit 0" TERM; cat >/dev/null; echo fed; while :; do sleep 0.2; done' <feed >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  exec 4>feed
  head -c 100000 /dev/zero >&4
  within 15 job_runs
  id=$(job_id)
  kill_launcher
  exec 4>&-
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" exit_code)" 'unknown input_cut 0'
  nothing_left 5
}

@test "fed by -i to the end, then killed: the command's own end counts" {
  echo some input >feed
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -i --on-disconnect keep -- probe count line counted sleep 4 exit 4 <feed >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 15 job_runs
  within 10 says counted
  id=$(job_id)
  sleep 1.2 # until then it may have been on its way
  kill_launcher
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 4'
  nothing_left 5
}

# What a command has not read yet goes with the launcher's connection: the engine lets go of it with the first line it cannot write.
@test "fed by -i to the end, read slowly, then killed: never a success" {
  head -c 250000 /dev/zero >feed
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -i --on-disconnect keep --stop-grace 1 -- \
    sh -c 'trap "" TERM; echo slow; sleep 3; for i in 1 2 3 4 5; do echo $i; sleep 0.2; done; wc -c' <feed >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 15 job_runs
  within 10 says slow
  id=$(job_id)
  sleep 1.5
  kill_launcher
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'unknown input_cut'
  nothing_left 5
}

@test "fed by -i to the end, and killed in that moment: never a success" {
  echo some input >feed
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -i --on-disconnect keep --stop-grace 1 -- \
    sh -c 'trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done' <feed >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 15 says ready
  id=$(job_id)
  kill_launcher
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'unknown input_cut'
  nothing_left 5
}

@test "the terminal closes: the command of a terminal waits for somebody to come back; jobs stop ends it" {
  script -qec "$RUN_ONCE run --result $RESULT --from image/$IMAGE -- probe trap TERM 5 line ready forever" /dev/null </dev/null >"$OUT" 2>&1 3>&- &
  launcher=$!
  within 15 job_runs
  within 10 says ready
  id=$(job_id)
  kill_launcher # the terminal's master side goes with it
  within 5 eval '! pgrep -f "run --result $RESULT" >/dev/null'
  guardian "$id"
  has_state "$(container_of "$id")" running
  once jobs stop "$id"
  status_is 0
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'killed stopped'
  nothing_left 5
}

@test "the session of a caller without -t goes: the command goes on" {
  setsid -w script -qec "$RUN_ONCE run -T --result $RESULT --from image/$IMAGE -- probe line ready sleep 2 exit 6" /dev/null </dev/null >"$OUT" 2>&1 3>&- &
  launcher=$!
  within 15 job_runs
  within 10 says ready
  id=$(job_id)
  kill -KILL "$(pgrep -f "^script -qec .*$RESULT")"
  launcher=
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 6'
  nothing_left 5
}

@test "--detach prints the id alone and returns at once; the guardian sees it out" {
  id=$("$RUN_ONCE" run -d --result "$RESULT" --from image/$IMAGE -- sh -c "probe line o err e; $HELD; exit 9" 2>"$ERR" 3>&-)
  [[ $id =~ ^[a-z0-9]{12}$ ]] || { echo "not an id alone: $id"; false; }
  err_is ''
  is "$(result verdict) $(result exit_status) $(result id)" "detached 0 $id"
  let_go
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 9'
  within 3 eval '[[ $(result verdict) == failed ]]'
  is "$(outcomes_of "$id")" 1
  nothing_left 5
  "$RUN_ONCE" jobs logs "$id" >"$OUT" 2>"$ERR"
  out_is $'o\n'
  err_is 'e'
}

private_kib() { awk '/^Private_/ { s += $2 } END { print s }' "/proc/$1/smaps_rollup"; }
@test "guardian: under 3 MiB of its own, no descriptor and no word of the caller's" {
  exec 5>"$BATS_TEST_TMPDIR/leak" 6<"$BATS_TEST_FILENAME"
  MARK=marked-environment start_job -e SECRET=marked-argument -- probe sleep 4
  exec 5>&- 6<&-
  id=$(job_id) pid=$(guardian)
  is "$(readlink /proc/$pid/cwd)" /
  is "$(readlink /proc/$pid/fd/0 /proc/$pid/fd/1 /proc/$pid/fd/2 | sort -u)" /dev/null
  is "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
  ! ls -l "/proc/$pid/fd" | grep -E 'leak|guardian.bats|result|out$|err$' || return 1
  ! grep -aE 'marked|PATH=|HOME=' "/proc/$pid/environ" "/proc/$pid/cmdline" || return 1
  ! grep -a marked-argument "/proc/$launcher/cmdline" "/proc/$launcher/environ" || return 1
  kill_launcher
  within 5 eval 'ls -l /proc/$pid/fd | grep -q socket'
  # Once it only waits. With nobody else using the same libraries, their pages count as its own.
  within 3 eval '(($(private_kib $pid) < 3072))' || { echo "private: $(private_kib "$pid") KiB"; false; }
  within 15 settled "$id"
  nothing_left 5
}

@test "launcher and guardian killed: the next run settles, with the true exit status" {
  start_job -v /scratch -- sh -c "echo heard; $HELD; exit 5"
  id=$(job_id)
  kill_both
  c=$(container_of "$id")
  let_go "$c"
  within 10 has_state "$c" exited
  once run --from image/$IMAGE -- probe line mine
  status_is 0
  out_is $'mine\n'
  err_is ''
  within 10 settled "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 5'
  [[ $(field "$id" settled_by) != null ]]
  is "$(outcomes_of "$id")" 1
  nothing_left 5
  once jobs logs "$id"
  out_is $'heard\n'
  once jobs wait "$id"
  status_is 5
  chain_holds
}

@test "launcher and guardian killed: jobs prune settles, and a success is one" {
  start_job -- sh -c "$HELD"
  id=$(job_id)
  kill_both
  let_go
  within 10 has_state "$(container_of "$id")" exited
  once jobs prune
  status_is 0
  is "$(field "$id" verdict) $(field "$id" settled_by)" 'succeeded jobs prune'
  nothing_left
}

# bats test_tags=slow
@test "launcher and guardian killed, stopped from outside: a 0 is no success" {
  start_job -- probe trap TERM 0 line ready forever
  id=$(job_id)
  within 15 says ready
  kill_both
  docker stop "$(container_of "$id")" >/dev/null
  once jobs prune
  is "$(field "$id" verdict) $(field "$id" cause)" 'killed stopped_from_outside'
  nothing_left
}

@test "launcher and guardian killed, half fed: a 0 is no success" {
  mkfifo feed
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -i -- probe count <feed >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  exec 4>feed
  head -c 1000 /dev/zero >&4
  within 15 job_runs
  id=$(job_id)
  kill_both
  exec 4>&-
  within 10 has_state "$(container_of "$id")" exited
  once jobs prune
  is "$(field "$id" verdict) $(field "$id" cause)" 'unknown input_cut'
  nothing_left
}

@test "launcher and guardian killed before the create arrived: jobs prune ends it, as not started" {
  never_created -- probe line x
  id=$(job_id)
  is "$(history_count intent) $(outcomes_of "$id")" '1 0'
  once jobs prune # by another name of the engine: perhaps another engine
  status_is 0
  is "$(outcomes_of "$id")" 0
  once jobs prune "${gate[@]}"
  status_is 0
  err_has "job $id: settled"
  is "$(field "$id" verdict) $(field "$id" exit_status) $(field "$id" retry_safe) $(field "$id" settled_by)" 'not_started 125 true jobs prune'
  once jobs prune "${gate[@]}"
  err_is ''
  is "$(outcomes_of "$id")" 1
  nothing_left
  chain_holds
}

# bats test_tags=slow
@test "launcher and guardian killed before the create arrived: the next run ends it" {
  never_created -- probe line x
  id=$(job_id)
  RESULT=$BATS_TEST_TMPDIR/next.json
  job "${gate[@]}" -- probe line mine
  status_is 0
  out_is $'mine\n'
  err_is ''
  within 10 recorded "$id"
  is "$(field "$id" verdict) $(field "$id" settled_by)" "not_started $(result id)"
  nothing_left
}

# bats test_tags=slow
@test "launcher and guardian killed, the container removed by somebody: what began is unknown, what never began is not started" {
  start_job -- probe sleep 20
  id=$(job_id)
  kill_both
  docker rm -f "$(container_of "$id")" >/dev/null
  once jobs prune
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" retry_safe)" 'unknown removed_unread false'
  is "$(outcomes_of "$id")" 1
  never_created -- probe line x
  id=$(job_id)
  docker rm "$(docker create --label run-once.id="$id" --label run-once.host="$(hostname)" $IMAGE)" >/dev/null
  once jobs prune "${gate[@]}"
  is "$(field "$id" verdict)" not_started
  nothing_left
}

# bats test_tags=slow
@test "TERM ends the guardian: while the launcher lives nothing else happens, afterwards the next run settles" {
  start_job -- probe sleep 4 exit 2
  kill -TERM "$(guardian)"
  end_job
  status_is 2
  nothing_left
  start_job -- probe sleep 2 exit 3
  id=$(job_id)
  kill_launcher
  kill -TERM "$(guardian "$id")"
  within 5 no_guardian "$id"
  within 10 has_state "$(container_of "$id")" exited
  once jobs prune
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 3'
  nothing_left
}

@test "spooled output: whole, in order, stderr apart, at most --spool-max" {
  id=$("$RUN_ONCE" run -d --from image/$IMAGE -- sh -c 'for i in 1 2 3 4 5; do echo out $i; sleep 0.05; echo err $i >&2; sleep 0.05; done; printf "\000\377"')
  within 15 settled "$id"
  "$RUN_ONCE" jobs logs "$id" >"$OUT" 2>&1
  cmp "$OUT" <(for i in 1 2 3 4 5; do echo out $i; echo err $i; done; printf '\000\377')
  "$RUN_ONCE" jobs logs "$id" >"$OUT" 2>"$ERR"
  err_is $'err 1\nerr 2\nerr 3\nerr 4\nerr 5\n'
  is "$(stat -c %a "$(dirname "$RUN_ONCE_HISTORY")/spool/$id")" 600
  id=$("$RUN_ONCE" run -d --spool-max 1000 --from image/$IMAGE -- probe fill 5000)
  within 15 settled "$id"
  "$RUN_ONCE" jobs logs "$id" >"$OUT"
  is "$(stat -c %s "$OUT")" 1000
  nothing_left 5
}

@test "--timeout is held when the launcher is dead" {
  start_job --timeout 3 --stop-grace 1 -- probe trap TERM 0 forever
  id=$(job_id)
  kill_launcher
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(result exit_status)" 'killed deadline_run 124'
  nothing_left 5
}

@test "--timeout is held when the launcher stands still: the engine answers again, 124 in the end" {
  start_job --timeout 2 --stop-grace 1 -- sh -c 'trap "" TERM; while :; do probe fill 1000000; done'
  id=$(job_id) c=$(job_container)
  kill -STOP "$launcher"
  within 40 eval '[[ $(timeout 3 docker inspect -f "{{.State.Running}}" '"$c"') == false ]]'
  kill -CONT "$launcher"
  end_job
  status_is 124
  verdict_is killed deadline_run
  nothing_left 5
}

# bats test_tags=slow
@test "--timeout and a launcher that stood still and then died: recorded by the guardian" {
  start_job --timeout 2 --stop-grace 1 -- sh -c 'while :; do probe fill 1000000; done'
  id=$(job_id) c=$(job_container)
  kill -STOP "$launcher"
  within 15 eval '[[ $(timeout 3 docker inspect -f "{{.State.Running}}" '"$c"') == false ]]'
  kill_launcher
  within 15 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'killed deadline_run'
  nothing_left 5
}

# bats test_tags=slow
@test "--idle-timeout is held when the launcher is dead, also where no log can be read" {
  start_job --log-driver none --idle-timeout 2 --stop-grace 1 -- sh -c 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.6; done; exec sleep 100'
  id=$(job_id)
  kill_launcher
  within 20 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause)" 'killed deadline_idle'
  ran=$(($(date -d "$(field "$id" finished_at)" +%s%3N) - $(date -d "$(field "$id" started_at)" +%s%3N)))
  ((ran > 5000)) # not before the last line and two seconds
}

@test "--idle-timeout is held when the launcher is dead; output counts as life" {
  start_job --idle-timeout 2 --stop-grace 1 -- sh -c 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.6; done; exec sleep 100'
  id=$(job_id)
  kill_launcher
  within 20 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(result exit_status)" 'killed deadline_idle 124'
  once jobs logs "$id"
  out_is $'1\n2\n3\n4\n5\n6\n'
  nothing_left 5
}

@test "--start-timeout: not started, 124, nothing left" {
  job --start-timeout 0.001 -- probe line never
  status_is 124
  verdict_is not_started deadline_start
  is "$(result retry_safe)" true
  out_is ''
  nothing_left
}

# bats test_tags=slow
@test "killed at any moment: nothing stays, and the record has an end wherever it has a beginning" {
  make_volume marks
  for i in $(seq 1 24); do
    RESULT=$BATS_TEST_TMPDIR/r$i.json
    "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -v marks:/marks -v /scratch -- probe append /marks/log $i exit 3 >/dev/null 2>&1 3>&- &
    launcher=$!
    sleep "$(printf '0.%03d' $((RANDOM % 350)))" # the kill's moment, not a wait
    kill -KILL "$launcher" 2>/dev/null || :
    wait "$launcher" 2>/dev/null || :
  done
  launcher=
  within 60 eval '[[ -z $(pgrep -f "^run-once: guardian of") ]] || ! pgrep -f "guardian of ($(cat $BATS_TEST_TMPDIR/r*.json | jq -r .id | paste -sd"|"))"'
  nothing_left 5
  is "$(history_count intent)" "$(history_count outcome)"
  # Never twice, and every line of the file belongs to a recorded end.
  docker run --rm -v marks:/marks $IMAGE sh -c 'cat /marks/log 2>/dev/null || :' >"$BATS_TEST_TMPDIR/log"
  is "$(sort "$BATS_TEST_TMPDIR/log" | uniq -d)" ''
  is "$(jq -s '[.[] | select(.event == "outcome" and .verdict == "failed")] | length' "$RUN_ONCE_HISTORY")" "$(wc -l <"$BATS_TEST_TMPDIR/log")"
  for i in $(seq 1 24); do
    [[ ! -s $BATS_TEST_TMPDIR/r$i.json ]] || is "$(jq -r 'select(.verdict == "unknown") | .message' "$BATS_TEST_TMPDIR/r$i.json")" ''
  done
  chain_holds
}

@test "marks of dead jobs: that of one with an end goes with the next prune, those of others stay" {
  local marks=/run/run-once # root's
  job -- probe exit 3
  id=$(result id)
  printf unix:///nobody/asks | tee $marks/$id >$marks/of-another # one that tells of no engine would be everybody's
  once jobs prune
  status_is 0
  [[ ! -e $marks/$id && -e $marks/of-another ]]
  rm $marks/of-another
}
