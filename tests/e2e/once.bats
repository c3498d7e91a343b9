# --once KEY: one execution, whoever asks, whenever; and never a guess about one whose end nobody knows.
load lib
load life
load cuts

# A key of its own for each test: keys outlive containers on purpose.
key() { echo "key-$BATS_TEST_NUMBER-$BASHPID-$RANDOM"; }
marks() { docker run --rm -v marks:/marks $IMAGE sh -c 'cat /marks/log 2>/dev/null || :'; }
free() {
  docker volume ls -q --filter name=run-once.once. | while read -r v; do grep -q "$v" "$BATS_TEST_TMPDIR/baseline" || docker volume rm "$v"; done >/dev/null
}
# Apart from the records of the keys.
only_records_left() {
  local left tries=25
  while left=$(left_over | grep -v '^volume run-once\.once\.'); [[ -n $left ]]; do
    ((tries-- > 0)) || { echo "left on the engine: $left"; return 1; }
    sleep 0.2
  done
}
job2() { # a later caller, with a result file of its own
  RESULT=$BATS_TEST_TMPDIR/later.json
  job "$@"
}

# bats test_tags=slow
@test "50 callers at the same instant: one execution, the same output and status for all" {
  make_volume marks
  k=$(key)
  for i in $(seq 50); do
    "$RUN_ONCE" run --result r$i.json --once "$k" --from image/$IMAGE -v marks:/marks -- sh -c 'probe append /marks/log x; echo out; echo err >&2; sleep 1; echo end; exit 3' \
      >o$i 2>e$i 3>&- </dev/null &
  done
  wait
  is "$(marks)" x
  for i in $(seq 50); do
    cmp o$i <(printf 'out\nend\n')
    is "$(grep -vc '^run-once:' e$i) $(grep -v '^run-once:' e$i)" '1 err'
    is "$(jq -r '"\(.verdict) \(.exit_code) \(.exit_status)"' r$i.json)" 'failed 3 3'
  done
  is "$(jq -s 'map(select(.replayed | not)) | length' r*.json)" 1
  is "$(jq -s 'map(.original_id // .id) | unique | length' r*.json)" 1
  only_records_left
  chain_holds
}

@test "a later caller gets the recorded output and status, told so; the command does not run again" {
  make_volume marks
  k=$(key)
  job --once "$k" -v marks:/marks -- sh -c 'probe append /marks/log x; echo out; echo err >&2; printf "\000\377"'
  status_is 0
  id=$(result id)
  job2 --once "$k" -v marks:/marks -- sh -c 'probe append /marks/log x; echo out; echo err >&2; printf "\000\377"'
  status_is 0
  cmp "$OUT" <(printf 'out\n\000\377')
  err_has $'err'
  err_has "$id"
  is "$(result replayed) $(result original_id) $(result verdict)" "true $id succeeded"
  is "$(marks)" x
  status=0
  elsewhere "$RUN_ONCE" run --once "$k" --from image/$IMAGE -v marks:/marks -- sh -c 'probe append /marks/log x; echo out; echo err >&2; printf "\000\377"' >"$OUT" 2>"$ERR" || status=$?
  status_is 0
  cmp "$OUT" <(printf 'out\n\000\377')
  is "$(marks)" x
  only_records_left
}

@test "a failed one is replayed; --rerun-failed runs it again, and what came out then counts" {
  make_volume marks
  k=$(key)
  cmd=(sh -c 'probe append /marks/log x; n=$(probe lines /marks/log); echo run $n; [ $n -ge 3 ] || exit 4')
  job --once "$k" -v marks:/marks -- "${cmd[@]}"
  status_is 4
  job2 --once "$k" -v marks:/marks -- "${cmd[@]}"
  status_is 4
  out_is $'run 1\n'
  job2 --once "$k" --rerun-failed -v marks:/marks -- "${cmd[@]}"
  status_is 4
  out_is $'run 2\n'
  is "$(result replayed)" false
  job2 --once "$k" --rerun-failed -v marks:/marks -- "${cmd[@]}"
  status_is 0
  out_is $'run 3\n'
  for again in '' --rerun-failed; do
    job2 --once "$k" $again -v marks:/marks -- "${cmd[@]}"
    status_is 0
    out_is $'run 3\n'
    is "$(result replayed)" true
  done
  is "$(marks | wc -l)" 3
  only_records_left
}

# bats test_tags=slow
@test "several run a failed one again at the same instant: one execution" {
  make_volume marks
  k=$(key)
  cmd=(sh -c 'probe append /marks/log x; echo run $(probe lines /marks/log); sleep 1; exit 4')
  job --once "$k" -v marks:/marks -- "${cmd[@]}"
  status_is 4
  for i in 1 2 3 4 5; do
    "$RUN_ONCE" run --result r$i.json --once "$k" --rerun-failed --from image/$IMAGE -v marks:/marks -- "${cmd[@]}" >o$i 2>e$i 3>&- &
  done
  wait
  is "$(marks | wc -l)" 2
  is "$(cat o? | sort -u)" 'run 2'
  is "$(jq -s 'map(.exit_status) | unique | join(",")' -r r*.json)" 4
  only_records_left
}

@test "killed: refused until jobs rm" {
  k=$(key)
  job --once "$k" --timeout 1 --stop-grace 0 -- probe sleep 20
  status_is 124
  id=$(result id)
  job2 --once "$k" --timeout 1 -- probe sleep 20
  status_is 121
  is "$(result verdict) $(result cause)" 'refused once_unresolved'
  one_complaint "run-once jobs rm $id"
  once jobs rm "$id"
  status_is 0
  job2 --once "$k" -- probe sleep 20 <"$(mktemp)" & # runs again: ended below
  again=$!
  within 10 job_runs
  docker rm -f "$(job_container)" >/dev/null
  wait $again || :
  free
  nothing_left 5
}

@test "unknown: refused until jobs rm" {
  k=$(key)
  start_job --once "$k" -- probe sleep 20
  id=$(job_id)
  docker rm -f "$(job_container)" >/dev/null
  end_job
  status_is 120
  job2 --once "$k" -- probe sleep 20
  status_is 121
  is "$(result cause)" once_unresolved
  once jobs rm "$id"
  status_is 0
  nothing_left 5
}

@test "another command, image, task or application under the same key" {
  if on_podman; then skip 'docker commit does not understand Podman'; fi
  k=$(key)
  job --once "$k" -- probe line one
  status_is 0
  job2 --once "$k" -- probe line two
  status_is 121
  is "$(result verdict) $(result cause)" 'refused once_mismatch'
  one_complaint 'probe line one'
  err_has 'probe line two'
  docker tag $IMAGE run-once-test:same
  job2 --from image/run-once-test:same --app run-once-test --once "$k" -- probe line one
  status_is 0 # another name of the same image
  is "$(result replayed)" true
  docker commit "$(docker create --label x=y $IMAGE)" run-once-test:new >/dev/null
  docker ps -aq --filter label=x=y | xargs docker rm >/dev/null
  job2 --from image/run-once-test:new --app run-once-test --once "$k" -- probe line one
  status_is 121
  one_complaint 'run-once-test:new'
  docker rmi run-once-test:new run-once-test:same >/dev/null
  job2 --app other --once "$k" -- probe line two
  status_is 0
  out_is $'two\n'
  only_records_left
  free
}

@test "what never began does not use the key up" {
  k=$(key)
  job --once "$k" -- no-such-command
  status_is 127
  nothing_left
  job --once "$k" --start-timeout 0.001 -- probe line x
  status_is 124
  nothing_left
  job --once "$k" -- probe line mine
  status_is 0
  out_is $'mine\n'
  free
}

# bats test_tags=slow
@test "launcher killed at any moment: the key is either free or has its end" {
  make_volume marks
  for i in $(seq 8); do
    k=$(key)$i
    "$RUN_ONCE" run --once "$k" --from image/$IMAGE -v marks:/marks -- probe append /marks/log "$k" line done >/dev/null 2>&1 3>&- &
    launcher=$!
    sleep "$(printf '0.%03d' $((RANDOM % 300)))" # the kill's moment, not a wait
    kill -KILL "$launcher" 2>/dev/null || :
    wait "$launcher" 2>/dev/null || :
    launcher=
    job2 --once "$k" -v marks:/marks -- probe append /marks/log "$k" line done
    status_is 0
    out_is $'done\n'
    is "$(marks | grep -cxF "$k")" 1
  done
  only_records_left
  free
}

# The container that carries a record to or from the engine: its next request is never answered, and the launcher is killed.
killed_at_archive() { # KEY
  through stall:1:/archive:0
  "$RUN_ONCE" run "${via[@]}" --from image/$IMAGE --once "$1" -- probe line mine >/dev/null 2>&1 3>&- &
  launcher=$!
  within 15 grep -qsF 'RULE stall /archive' "$BATS_TEST_TMPDIR/requests"
  left_over | grep -q '^container'
  kill -KILL "$launcher"
  wait "$launcher" 2>/dev/null || :
  launcher=
}
@test "launcher killed in the middle of storing or reading a record: nothing of that is left" {
  k=$(key)
  killed_at_archive "$k"
  only_records_left
  killed_at_archive "$k"
  only_records_left
  job2 --once "$k" -- probe line mine
  status_is 0
  out_is $'mine\n'
  is "$(result replayed)" true
  free
}

@test "launcher and guardian killed, then settled: the record is there" {
  k=$(key)
  start_job --once "$k" -- sh -c "echo begun; $HELD; exit 6"
  id=$(job_id)
  kill_both
  let_go
  within 10 has_state "$(container_of "$id")" exited
  once jobs prune
  status_is 0
  job2 --once "$k" -- sh -c "echo begun; $HELD; exit 6"
  status_is 6
  out_is $'begun\n'
  is "$(result replayed) $(result original_id)" "true $id"
  only_records_left
  free
}

@test "launcher and guardian killed before the start: settling frees the key" {
  k=$(key)
  start_job --once "$k" -- probe sleep 1
  end_job
  status_is 0
  volume=$(docker volume ls -q --filter name=run-once.once. --filter label=run-once.id="$(job_id)")
  [[ -n $volume ]]
  docker volume rm "$volume" >/dev/null
  : >"$RUN_ONCE_HISTORY"; rm -f "${RUN_ONCE_HISTORY%.jsonl}".*
  docker volume create --label run-once.id=halfmadehalf "$volume" >/dev/null
  docker create --name half --label run-once.id=halfmadehalf --label run-once.app=run-once-test --label run-once.once="${volume#run-once.once.}" \
    --label run-once.host="$(hostname)" $IMAGE >/dev/null
  once jobs prune
  status_is 0
  nothing_left
}

# bats test_tags=slow
@test "launcher and guardian killed before the create arrived: settled as not started, the key is free" {
  k=$(key)
  never_created --once "$k" -- probe line mine
  id=$(job_id)
  once jobs prune # the key's record says that it is this engine
  status_is 0
  is "$(field "$id" verdict) $(outcomes_of "$id")" 'not_started 1'
  nothing_left # the key's record neither
  job2 --once "$k" -- probe line mine
  status_is 0
  out_is $'mine\n'
  is "$(result replayed)" false
  free
}

# bats test_tags=slow
@test "launcher and guardian killed before anything was written of the job: settled, the key is free" {
  for settler in prune caller; do
    k=$(key)$settler
    AT=/containers/run-once.lock never_created --once "$k" --lock q -- probe line mine
    is "$(history_count intent)" 0
    once jobs prune
    nothing_left
    [[ $settler == prune ]] || AT=/containers/run-once.lock never_created --once "$k" --lock q -- probe line mine
    job2 --once "$k" -- probe line mine
    status_is 0
    out_is $'mine\n'
    is "$(result replayed)" false
    free
    RESULT=$BATS_TEST_TMPDIR/result.json
    : >"$RUN_ONCE_HISTORY"; rm -f "${RUN_ONCE_HISTORY%.jsonl}".*
  done
}

@test "a key taken by a job that nobody knows: refused, jobs rm frees it" {
  k=$(key)
  job --once "$k" -- probe line mine
  volume=$(docker volume ls -q --filter label=run-once.id="$(result id)")
  binding=$(docker volume inspect "$volume" | jq -r '.[0].Labels["run-once.binding"]')
  docker volume rm "$volume" >/dev/null
  : >"$RUN_ONCE_HISTORY"; rm -f "${RUN_ONCE_HISTORY%.jsonl}".*
  docker volume create --label run-once.id=nobodyknowsx --label run-once.host="$(hostname)" --label run-once.binding="$binding" "$volume" >/dev/null
  once jobs prune --now
  docker volume inspect "$volume" >/dev/null # perhaps of another user of this machine, and alive
  once jobs rm nobodyknows
  status_is 125
  once jobs rm nobodyknowsx
  status_is 0
  job2 --once "$k" -- probe line mine
  status_is 0
  free
}

@test "launcher and guardian killed before the create arrived: who comes with the key settles it, and runs" {
  k=$(key)
  never_created --once "$k" -- probe line mine
  id=$(job_id)
  for i in 1 2 3; do "$RUN_ONCE" run --result r$i.json --once "$k" --from image/$IMAGE -- probe line mine >o$i 2>e$i </dev/null 3>&- & done
  wait
  is "$(field "$id" verdict) $(outcomes_of "$id")" 'not_started 1'
  is "$(cat o?)" $'mine\nmine\nmine' || { cat e? r?.json; false; }
  is "$(jq -s 'map(select(.replayed | not)) | length' r?.json)" 1
  only_records_left
  chain_holds
  free
}

@test "the record survives docker system prune -f" {
  [[ -z ${RUN_ONCE_TEST_HOST-} ]] || skip "not on an engine that others use"
  k=$(key)
  job --once "$k" -- probe line once
  status_is 0
  docker system prune -f >/dev/null || on_podman # which has no build cache; the rest is pruned before
  job2 --once "$k" -- probe line once
  status_is 0
  out_is $'once\n'
  is "$(result replayed)" true
  free
}

@test "pruning volumes takes the record (engines before 23 take named ones, too): refused, not run again" {
  [[ -z ${RUN_ONCE_TEST_HOST-} ]] || skip "not on an engine that others use"
  k=$(key)
  job --once "$k" -- probe line once
  docker system prune -f --volumes >/dev/null || on_podman
  job2 --once "$k" -- probe line once
  if [[ $status == 0 ]]; then
    is "$(result replayed)" true
  else
    status_is 121
    is "$(result cause)" once_unresolved
  fi
  free
}

@test "the record taken away by hand: this machine's history still knows the key" {
  k=$(key)
  job --once "$k" -- probe line once
  id=$(result id)
  free
  job2 --once "$k" -- probe line once
  status_is 121
  is "$(result cause)" once_unresolved
  one_complaint "$id"
  out_is ''
  nothing_left
  once jobs rm "$id"
  status_is 0
  job2 --once "$k" -- probe line once
  status_is 0
  is "$(result replayed)" false
  free
}

@test "odd keys; an empty one is an error" {
  once run --once '' --from image/$IMAGE -- probe line x
  status_is 125
  one_complaint once
  for k in 'a b/ü:$(x)`"' "$(printf 'k%.0s' {1..2000})" "$(printf 'new\nline')" ..; do
    job --once "$k" -- probe line one
    status_is 0
    job2 --once "$k" -- probe line one
    status_is 0
    is "$(result replayed)" true
    is "$(result once)" "$k"
    RESULT=$BATS_TEST_TMPDIR/result.json
  done
  only_records_left
  free
}

@test "the last --once-output of both streams is kept" {
  k=$(key)
  job --once "$k" --once-output 10 -- sh -c 'echo 123456789; sleep 0.2; echo abc >&2; sleep 0.2; echo z'
  status_is 0
  job2 --once "$k" --once-output 10 -- sh -c 'echo 123456789; sleep 0.2; echo abc >&2; sleep 0.2; echo z'
  out_is $'789\nz\n'
  err_has abc
  err_has 'the first 6 bytes of its output were not kept'
  free
}

@test "a lock is not taken by who only gets the record" {
  k=$(key)
  job --once "$k" --lock q -- probe line one
  start_job --lock q -- probe sleep 3
  job2 --once "$k" --lock q -- probe line one
  status_is 0
  out_is $'one\n'
  end_job
  free
}
