# Locks and once-keys on a cluster: by what the API server makes atomic.
load ../e2e/life
load lib # its words go over those

later() { # a later caller, with a result file of its own
  RESULT=$BATS_TEST_TMPDIR/later.json
  job "$@"
}

@test "20 at once: one holds, the others are refused; afterwards the lock is free" {
  for i in $(seq 20); do
    "$RUN_ONCE" run --result r$i.json --lock schema --from image/$IMAGE -- probe line $i sleep 15 >o$i 2>e$i 3>&- </dev/null &
  done
  wait
  is "$(jq -s 'map(.verdict) | group_by(.) | map("\(.[0]) \(length)") | join(", ")' -r r*.json)" 'refused 19, succeeded 1'
  is "$(jq -s 'map(.cause) | unique | join(" ")' -r r*.json)" 'exit locked'
  is "$(cat o* | wc -l)" 1
  is "$(history_count intent)" "$(history_count outcome)"
  nothing_left 20
  job --lock schema -- probe line free
  status_is 0
  nothing_left 10
}

@test "the holder is shown: job, user, since when, why, which command; another lock is free" {
  start_job --lock schema --reason 'release 7' --actor alice -- probe line a sleep 8
  id=$(job_id)
  later --lock schema -- probe line b
  status_is 121
  is "$(result verdict) $(result cause) $(result retry_safe)" 'refused locked true'
  for fact in "$id" alice 'release 7' 'probe line a sleep 8'; do err_has "$fact"; done
  later --lock other -- probe line other
  status_is 0
  later --app other --lock schema -- probe line other
  status_is 0
  RESULT=$BATS_TEST_TMPDIR/result.json
  end_job
  status_is 0
  nothing_left 10
}

@test "wait: until the holder has ended, then its turn" {
  start_job --lock q -- probe sleep 4
  later --lock q --if-locked wait -- probe line mine
  status_is 0
  out_is $'mine\n'
  end_job
  status_is 0
  nothing_left 10
}

@test "an ended job that is kept does not hold its lock" {
  job --lock q --keep always -- probe line kept
  status_is 0
  id=$(result id)
  [[ -n $(objects_of jobs "$id") ]]
  job --lock q -- probe line second
  status_is 0
  once jobs rm "$id"
  status_is 0
  nothing_left 20
}

@test "a job deleted by hand frees its lock only once its pod is gone" {
  start_job --lock q --stop-grace 8 -- probe ignore TERM line ready forever
  within 15 says ready
  k delete job -l run-once/id --wait=false >/dev/null
  later --lock q -- probe line second
  [[ $status == 121 || -z $(k get pods -l run-once/id -o name) ]]
  end_job
  [[ $status == 122 || $status == 120 ]]
  later --lock q --if-locked wait --lock-wait 60 -- probe line third
  status_is 0
  nothing_left 60
}

@test "--once: 10 at the same instant, one execution, the same output and status for all; a later one is told" {
  k create configmap marks >/dev/null
  for i in $(seq 10); do
    "$RUN_ONCE" run --result r$i.json --once key --from image/$IMAGE -- sh -c 'echo out $HOSTNAME; sleep 3; echo end; exit 3' >o$i 2>e$i 3>&- </dev/null &
  done
  wait
  for i in $(seq 10); do
    cmp o1 o$i
    is "$(jq -r '"\(.verdict) \(.exit_code) \(.exit_status)"' r$i.json)" 'failed 3 3'
  done
  is "$(jq -s 'map(.original_id // .id) | unique | length' r*.json)" 1
  job --once key -- sh -c 'echo out $HOSTNAME; sleep 3; echo end; exit 3'
  status_is 3
  cmp "$OUT" o1
  is "$(result replayed)" true
  job --once key -- probe line other
  status_is 121
  is "$(result cause)" once_mismatch
  within 20 eval '[[ -z $(k get jobs,pods -l run-once/id -o name) ]]'
}

@test "a once-record larger than one Secret: the last --once-output, whole, and a replay says what is missing" {
  local command=(sh -c 'probe fill 1200000 | base64; exit 5')
  job --once large -- "${command[@]}"
  status_is 5
  is "$(stat -c %s "$OUT")" 1621053
  cp "$OUT" first
  (($(k get secrets -l run-once/claim-piece -o name | wc -l) > 1))
  later --once large -- "${command[@]}"
  status_is 5
  is "$(result replayed)" true
  cmp "$OUT" <(tail -c 1048576 first)
  err_has "the first $((1621053 - 1048576)) bytes of its output were not kept"
  once jobs rm "$(jq -r .id "$BATS_TEST_TMPDIR/result.json")"
  status_is 0
  within 20 eval '[[ -z $(k get secrets -l run-once/claim-piece -o name) ]]' # they belong to the record
}

@test "a key whose job's end nobody knows is refused until jobs rm" {
  start_job --once key -- probe line begun forever
  id=$(job_id)
  k delete pod "$(pod_of)" --grace-period=0 --force >/dev/null 2>&1
  end_job
  [[ $status == 122 || $status == 120 ]]
  later --once key -- probe line begun forever
  status_is 121
  is "$(result cause)" once_unresolved
  once jobs rm "$id"
  status_is 0
  job --once key -- probe line begun
  [[ $status == 0 || $status == 121 ]]
}
