# The history on a disk that is full, read-only, broken, somebody else's, shared by many.
load lib
load life

# within_mounts SCRIPT [ARG...]: in a mount namespace of its own, for file systems of a size or a mode.
within_mounts() {
  status=0
  unshare -m bash -c "$@" >"$OUT" 2>"$ERR" 3>&- || status=$?
}

@test "intent before anything is created, outcome after it, refusals one line; the chain holds" {
  job -- probe exit 3
  job -- no-such-command
  start_job --lock q -- probe sleep 2
  RESULT=$BATS_TEST_TMPDIR/second.json
  job --lock q -- probe line x
  end_job
  is "$(jq -r .event "$RUN_ONCE_HISTORY" | paste -sd' ')" 'intent outcome intent outcome intent refused outcome'
  is "$(jq -r 'select(.event == "intent") | has("verdict")' "$RUN_ONCE_HISTORY" | sort -u)" false
  is "$(stat -c %a "$RUN_ONCE_HISTORY" "$(dirname "$RUN_ONCE_HISTORY")" | paste -sd' ')" '600 700'
  once history verify
  status_is 0
  is "$(<"${RUN_ONCE_HISTORY%.jsonl}.head")" "$(tail -n 1 "$RUN_ONCE_HISTORY" | jq -r .hash)"
}

@test "read-only folder: 125, nothing created; --history off runs without" {
  job -- probe line x
  before=$(cksum <"$RUN_ONCE_HISTORY")
  from=$(date +%s.%N)
  within_mounts 'd=$(dirname "$RUN_ONCE_HISTORY"); mount --bind "$d" "$d" && mount -o remount,ro,bind "$d" && "$RUN_ONCE" run --result "$0" --from image/run-once-test -- probe line never' "$RESULT"
  status_is 125
  one_complaint 'ead-only file system'
  err_has "$RUN_ONCE_HISTORY"
  is "$(result verdict) $(result retry_safe)" 'not_started true'
  out_is ''
  is "$(docker events --since "$from" --until "$(date +%s.%N)" --format '{{.Type}} {{.Action}}')" ''
  is "$(cksum <"$RUN_ONCE_HISTORY")" "$before"
  once run --history off --from image/$IMAGE -- probe line y
  status_is 0
  is "$(cksum <"$RUN_ONCE_HISTORY")" "$before"
  nothing_left
}

@test "a folder of somebody else's: 125 naming the owner" {
  mkdir other
  chown 65534 other
  chmod 777 other
  once run --history other/history.jsonl --from image/$IMAGE -- probe line x
  status_is 125
  one_complaint "$(getent passwd 65534 | cut -d: -f1)"
  is "$(ls other)" ''
  nothing_left
}

@test "the disk is full when the outcome is due: the status stands, said so; kept, and settled later" {
  mkdir small
  within_mounts 'mount -t tmpfs -o size=32k tmpfs small && export RUN_ONCE_HISTORY=$PWD/small/history.jsonl
    "$RUN_ONCE" run --result "$0" --reason "$(printf "long%.0s" $(seq 800))" --from image/run-once-test -- sh -c "echo out; probe sleep 2; exit 5" &
    until grep -q intent small/history.jsonl 2>/dev/null; do sleep 0.05; done
    dd if=/dev/zero of=small/fill bs=1k 2>/dev/null
    wait $!; s=$?
    "$RUN_ONCE" history verify >/dev/null || s=99
    n=$(docker ps -aq --filter label=run-once.id | wc -l)
    rm small/fill
    until ! pgrep -f "guardian of $(jq -r .id "$0")" >/dev/null; do sleep 0.1; done
    "$RUN_ONCE" jobs prune 2>/dev/null || s=98
    echo "kept $n, then $(jq -r "select(.event == \"outcome\") | .exit_code" small/history.jsonl)"
    "$RUN_ONCE" history verify >/dev/null || s=97
    exit $s' "$RESULT"
  status_is 5
  out_is $'out\nkept 1, then 5\n'
  err_has 'could not be recorded'
  err_has 'No space left'
  is "$(result verdict) $(result exit_code)" 'failed 5'
  nothing_left 5
}

@test "the disk is full for the result: the status stands, said so" {
  mkdir small
  within_mounts 'mount -t tmpfs -o size=8k tmpfs small
    "$RUN_ONCE" run --result small/r.json --from image/run-once-test -- sh -c "probe sleep 1.5; exit 5" &
    until [ -s small/r.json ]; do sleep 0.05; done
    dd if=/dev/zero of=small/fill bs=1k 2>/dev/null
    wait $!; s=$?
    jq -r .verdict small/r.json
    exit $s'
  status_is 5
  out_is $'unknown\n'
  err_has 'writing the result failed'
  is "$(outcome exit_code)" 5
  nothing_left
}

@test "a result that cannot be begun: 125, nothing created" {
  once run --result /nonexistent/r.json --from image/$IMAGE -- probe line x
  status_is 125
  one_complaint /nonexistent/r.json
  is "$(history_count intent)" 0
  nothing_left
}

@test "a broken line: said with file and line, never fatal to a run, nothing else lost" {
  job -- probe exit 1
  id=$(result id)
  job -- probe exit 2
  sed -i '2s/"exit_code":1/"exit_code":0/' "$RUN_ONCE_HISTORY"
  once history verify
  status_is 1
  one_complaint history.jsonl:2
  sed -i '2s/.*/{"broken/' "$RUN_ONCE_HISTORY"
  once history verify
  status_is 1
  once history list
  status_is 0
  is "$(wc -l <"$OUT")" 2
  job -- probe exit 3
  status_is 3
  once history list
  is "$(wc -l <"$OUT")" 3
  once history show "$id"
  status_is 0
  nothing_left
}

@test "cut, inserted, reordered" {
  for n in 1 2 3; do job -- probe exit $n; done
  head=$(<"${RUN_ONCE_HISTORY%.jsonl}.head")
  cp "$RUN_ONCE_HISTORY" whole
  for change in '$d' '3d' '3p' '2{h;d};3G'; do
    sed "$change" whole >"$RUN_ONCE_HISTORY"
    once history verify
    status_is 1
    once history verify --head "$head"
    status_is 1
  done
  cp whole "$RUN_ONCE_HISTORY"
  once history verify --head "$head"
  status_is 0
}

@test "rotated, and renamed away by hand: the chain goes on, and the jobs are found" {
  job -- probe exit 3
  id=$(result id)
  once history rotate
  status_is 0
  [[ -s $(<"$OUT") ]]
  job -- probe exit 4
  mv "$RUN_ONCE_HISTORY" "$RUN_ONCE_HISTORY.1"
  job -- probe exit 5
  once history verify
  status_is 0
  once history list
  is "$(wc -l <"$OUT")" 3
  once jobs result "$id"
  is "$(jq .exit_code "$OUT")" 3
  once history export
  is "$(jq -s length "$OUT")" 6
}

@test "export: JSON lines and CSV" {
  job --reason 'a "b", c' -- probe exit 3
  once history export
  cmp <(jq -cS . "$OUT") <(jq -cS . "$RUN_ONCE_HISTORY")
  once history export --output csv
  is "$(wc -l <"$OUT")" 3
  out_has '"a ""b"", c"'
  is "$(head -n 1 "$OUT" | cut -d, -f1-4)" event,at,id,verdict
}

# bats test_tags=slow
@test "50 writers at once: every line there, the chain holds" {
  : >release.yaml
  for i in $(seq 25); do
    "$RUN_ONCE" run --from image/$IMAGE -- no-such-command >/dev/null 2>&1 3>&- &
    "$RUN_ONCE" run --from image/$IMAGE --once same-key -- probe line x >/dev/null 2>&1 3>&- &
  done
  wait
  is "$(history_count intent)" 26
  is "$(history_count outcome)" 50
  chain_holds
  docker volume ls -q --filter name=run-once.once. | while read -r v; do grep -q "$v" "$BATS_TEST_TMPDIR/baseline" || docker volume rm "$v"; done
  nothing_left 5
}

@test "who: --actor, SUDO_USER, the CI's user as claimed" {
  job --actor alice -- probe line x
  is "$(result actor.user)" alice
  SUDO_USER=bob job -- probe line x
  is "$(result actor.user)" bob
  CI=true GITHUB_ACTIONS=true GITHUB_ACTOR=carol job -- probe line x
  is "$(result actor.user) $(result actor.claimed)" 'carol true'
}
