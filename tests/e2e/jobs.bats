# An operator's view: every job of an engine, from any machine that reaches it.
load lib
load life

away() { # once, from another machine
  status=0
  elsewhere "$RUN_ONCE" "$@" >"$OUT" 2>"$ERR" || status=$?
}
detached() { # [OPTION...] -- ARG...: id in $id
  local options=()
  while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  with_source
  id=$("$RUN_ONCE" run -d "${options[@]}" -- "$@" 2>"$ERR" 3>&-)
}
settled() { recorded "$1" && gone "$1"; }
# A background command of the test: its exit status when it has ended.
end_of() {
  status=0
  wait "$1" || status=$?
}

@test "list: text and JSON, here and elsewhere" {
  once jobs list
  status_is 0
  is "$(wc -l <"$OUT")" 1
  once jobs list --output json
  is "$(jq -c . "$OUT")" '[]'
  detached --lock q --actor alice --reason 'release 7' --timeout 1h -- probe trap TERM 0 forever
  first=$id
  detached --app other -- sh -c 'exec probe trap TERM 0 forever'
  for where in once away; do
    $where jobs list
    status_is 0
    is "$(wc -l <"$OUT")" 3
    grep -qE "^$first +running +[0-9]+s +alice +$(hostname) +run-once-test +q +probe trap TERM 0 forever$" "$OUT" || { show; false; }
    grep -qE "^$id +running .* other +- +sh -c " "$OUT" || { show; false; }
    $where jobs list --output json
    is "$(jq -r --arg id "$first" '.[] | select(.id == $id) | [.state, .actor, .host, .reason, .app, .lock, .command, .image, .deadline, .exit_code] | join("|")' "$OUT")" \
      "running|alice|$(hostname)|release 7|run-once-test|q|probe trap TERM 0 forever|$(jq -r --arg id "$first" '.[] | select(.id == $id).image' "$OUT")|3600.000s|"
  done
  once jobs stop "$first" "$id"
  status_is 0
  within 10 settled "$first"
  within 10 settled "$id"
  nothing_left 5
}

@test "logs: so far, followed, since; stderr apart; from elsewhere while it runs" {
  detached -- sh -c 'echo one; echo err >&2; sleep 2; echo two; exit 3'
  within 5 says err
  once jobs logs "$id"
  status_is 0
  out_is $'one\n'
  err_is $'err\n'
  away jobs logs -f "$id"
  status_is 0
  out_is $'one\ntwo\n'
  err_is $'err\n'
  within 10 settled "$id"
  once jobs logs "$id"
  out_is $'one\ntwo\n'
  err_is $'err\n'
  once jobs logs -f "$id"
  out_is $'one\ntwo\n'
  away jobs logs "$id"
  status_is 125
  one_complaint "$id"
  nothing_left 5
}

@test "attach: output from the start and the job's end; --since only what came later; it may be left" {
  detached -- sh -c 'echo one; sleep 2.5; echo two; sleep 1; exit 3'
  within 5 says one
  "$RUN_ONCE" jobs attach "$id" >left 2>&1 3>&- &
  leaving=$!
  within 5 grep -q one left
  kill -TERM $leaving
  wait $leaving || :
  once jobs attach --since 1ms "$id"
  status_is 3
  out_is $'two\n'
  within 10 settled "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 3'
  detached -- sh -c 'echo one; sleep 1; echo two; exit 3'
  away jobs attach "$id"
  status_is 3
  out_is $'one\ntwo\n'
  within 10 settled "$id"
  nothing_left 5
}

@test "attach to one that has ended: the output that was kept; what its caller received is said to be missing" {
  detached -- sh -c 'echo one; echo bad >&2; exit 3'
  within 15 settled "$id"
  within 5 eval '[[ -z $(docker ps -aq --filter "label=run-once.id=$id") ]]'
  once jobs attach "$id"
  status_is 3
  out_is $'one\n'
  is "$(<"$ERR")" bad
  job -- sh -c 'echo received; exit 4'
  id=$(result id)
  once jobs attach "$id"
  status_is 4
  out_is ''
  err_has 'not all of its output can be had'
  job -- false
  id=$(result id)
  once jobs attach "$id"
  status_is 1
  is "$(<"$ERR")" ''
  nothing_left
}
@test "attach goes on when the launcher dies" {
  start_job -- sh -c "echo one; $HELD; echo two; exit 4"
  id=$(job_id)
  "$RUN_ONCE" jobs attach "$id" >o 2>e 3>&- &
  attached=$!
  within 15 grep -q one o
  kill_launcher
  let_go
  end_of $attached
  status_is 4
  is "$(<o)" $'one\ntwo'
  within 10 settled "$id"
  nothing_left 5
}

@test "wait ends like the job: here, elsewhere, several at once, and afterwards" {
  detached -- probe sleep 1.5 exit 5
  "$RUN_ONCE" jobs wait "$id" >o 2>&1 3>&- &
  one=$!
  elsewhere "$RUN_ONCE" jobs wait "$id" >o2 2>&1 3>&- &
  two=$!
  end_of $one
  status_is 5
  end_of $two
  cat o2
  status_is 5
  is "$(cat o o2)" ''
  within 10 settled "$id"
  once jobs wait "$id"
  status_is 5
  nothing_left 5
}

@test "wait and attach for one that is removed in the moment of its end" {
  for command in wait attach; do
    docker run -d --rm --label run-once.id=quicklygonex --label run-once.host=elsewhere $IMAGE probe line x sleep 1 exit 5 >/dev/null
    once jobs $command quicklygonex
    status_is 5
    within 5 gone quicklygonex
  done
  nothing_left
}

@test "stop: with its grace, told to whoever looks after it: killed, stopped" {
  start_job -- probe trap TERM 3 line ready forever
  id=$(job_id)
  within 5 says ready
  once jobs stop "$id"
  status_is 0
  end_job
  status_is 122
  verdict_is killed stopped
  is "$(result exit_code)" 3
  detached -- probe ignore TERM line ready forever
  within 5 says ready
  away jobs stop --stop-grace 1 "$id"
  status_is 0
  within 10 settled "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" exit_code)" 'killed stopped 137'
  once jobs stop "$id"
  status_is 0
  nothing_left 5
}

@test "stopped by someone else: killed, stopped from outside" {
  start_job -- probe trap TERM 0 line ready forever
  within 5 says ready
  docker stop "$(job_container)" >/dev/null
  end_job
  status_is 122
  verdict_is killed stopped_from_outside
  is "$(result exit_code)" 0
  nothing_left 5
}

@test "stop of a paused job" {
  start_job -- probe trap TERM 3 line ready forever
  id=$(job_id)
  within 5 says ready
  docker pause "$(job_container)" >/dev/null
  once jobs stop --stop-grace 1 "$id"
  status_is 0
  end_job
  status_is 122
  verdict_is killed stopped
  nothing_left 5
}

@test "rm: 121 of a running job; --force ends it first: its caller is told that it was stopped" {
  start_job -- probe sleep 20
  id=$(job_id)
  once jobs rm "$id"
  status_is 121
  one_complaint "$id"
  has_state "$(container_of "$id")" running
  once jobs rm --force "$id"
  status_is 0
  end_job
  status_is 122
  is "$(result verdict) $(result cause)" 'killed stopped'
  is "$(outcomes_of "$id")" 1
  nothing_left 5
}

@test "rm of a kept one, from elsewhere" {
  job --keep always -- probe line x exit 3
  status_is 3
  id=$(result id)
  away jobs logs "$id"
  out_is $'x\n'
  away jobs result "$id"
  is "$(jq -r '"\(.verdict) \(.exit_code) \(.exit_status)"' "$OUT")" 'failed 3 3'
  away jobs rm "$id"
  status_is 0
  nothing_left
}

@test "result: the record here; elsewhere what the engine tells; of a running one unknown" {
  start_job --reason why -- sh -c "$HELD; exit 3"
  id=$(job_id)
  once jobs result "$id"
  status_is 0
  is "$(jq -r '"\(.id) \(.verdict) \(.exit_status)"' "$OUT")" "$id unknown 120"
  away jobs result "$id"
  is "$(jq -r '"\(.id) \(.verdict) \(.exit_status)"' "$OUT")" "$id unknown 120"
  let_go
  end_job
  once jobs result "$id"
  # The line is written before the removal.
  is "$(jq -S 'del(.removed, .phases_ms)' "$OUT")" "$(jq -S 'del(.removed, .phases_ms)' "$RESULT")"
  away jobs result "$id"
  status_is 125
}

@test "prune: leaves what runs, what is looked after, what is kept and what another machine may still want" {
  detached -- probe trap TERM 0 forever
  running=$id
  job --keep always -- probe line kept
  kept=$(result id)
  # As if of another machine, ended just now.
  docker run --name theirs --label run-once.id=theirsxxxxxx --label run-once.app=a --label run-once.host=elsewhere $IMAGE probe exit 7 || :
  once jobs prune
  status_is 0
  has_state "$(container_of "$running")" running
  has_state "$(container_of "$kept")" exited
  has_state theirs exited
  once jobs prune --now
  status_is 0
  ! has_state theirs exited || return 1
  is "$(field theirsxxxxxx exit_code) $(field theirsxxxxxx settled_by)" '7 jobs prune'
  has_state "$(container_of "$running")" running
  has_state "$(container_of "$kept")" exited
  once jobs stop "$running"
  within 10 settled "$running"
  once jobs rm "$kept"
  nothing_left 5
}

@test "prune by several at once: one record" {
  job -- probe exit 3
  start_job -- sh -c "$HELD; exit 3"
  id=$(job_id)
  kill_both
  let_go
  within 10 has_state "$(container_of "$id")" exited
  for i in 1 2 3 4 5 6; do "$RUN_ONCE" jobs prune >p$i 2>&1 3>&- & done
  wait
  cat p?
  is "$(outcomes_of "$id")" 1
  is "$(cat p? | grep -c "job $id: settled")" 1
  nothing_left
  chain_holds
}

volume_there() { docker volume inspect "$1" >/dev/null 2>&1; }
forgotten_volume() { docker volume create --label run-once.id="$1" --label run-once.host="${2-$(hostname)}"; }

@test "anonymous volumes: the job's labels, filled from the image, still anonymous, gone with the container" {
  if on_podman; then skip 'its API takes no labels for a mount'; fi
  make_image declares:1 'RUN mkdir -p /state && echo from image >/state/f && chown -R 7:8 /state && chmod 750 /state' 'VOLUME /state'
  source_container app -v /scratch --mount type=volume,target=/more,volume-label=whose=app --
  start_job --from container/app --image declares:1 -v /given --lock q -- \
    sh -c 'cat /state/f; stat -c %u:%g:%a /state; until [ -e /given/go ]; do sleep 0.1; done'
  id=$(job_id)
  for at in /state /scratch /more /given; do
    v=$(docker inspect -f "{{range .Mounts}}{{if eq .Destination \"$at\"}}{{.Name}}{{end}}{{end}}" "$(job_container)")
    [[ $v =~ ^[0-9a-f]{64}$ ]] || { echo "$at: $v"; false; }
    is "$(docker volume inspect "$v" | jq -r '.[0].Labels | [.["run-once.id"], .["run-once.lock"], .["run-once.host"], .whose] | join(" ")')" \
      "$id q $(hostname) " "labels of $at"
  done
  docker exec "$(job_container)" touch /given/go
  end_job
  status_is 0
  out_is $'from image\n7:8:750\n'
  nothing_left
}

# bats test_tags=slow
@test "prune takes volumes that an engine forgot; not those in use, of a live job, named, unlabelled, or a key's record" {
  if on_podman; then skip 'its API takes no labels for a mount'; fi
  k=volumes-$RANDOM
  job --once "$k" -- probe line once
  forgotten=$(forgotten_volume goneandgonex) theirs=$(forgotten_volume theirsxxxxxx elsewhere)
  unlabelled=$(docker volume create) used=$(forgotten_volume usedusedused)
  docker volume create --label run-once.id=goneandgonex named >/dev/null
  docker create --name user -v "$used:/x" $IMAGE >/dev/null
  start_job -v /scratch -- probe sleep 3
  live=$(forgotten_volume "$(job_id)")
  once jobs prune
  status_is 0
  err_has 'job goneandgonex: a volume that it left was removed'
  ! volume_there "$forgotten" || return 1
  for v in "$theirs" "$unlabelled" "$used" named "$live"; do volume_there "$v"; done
  end_job
  once jobs prune --now
  for v in "$theirs" "$live"; do ! volume_there "$v"; done
  for v in "$unlabelled" "$used" named; do volume_there "$v"; done
  RESULT=$BATS_TEST_TMPDIR/later.json
  job --once "$k" -- probe line once
  out_is $'once\n'
  is "$(result replayed)" true
}

@test "a kept one goes when its time is over" {
  job --keep on-failure --keep-for 1 -- probe exit 3
  id=$(result id)
  has_state "$(container_of "$id")" exited
  within 5 eval '"$RUN_ONCE" jobs prune >/dev/null 2>&1; gone "$id"'
  is "$(outcomes_of "$id")" 1
  job --keep on-failure -- probe exit 0
  nothing_left
}

@test "unknown ids, ambiguous and unique beginnings" {
  for command in logs attach wait stop rm result; do
    once jobs $command nosuchjobxx
    status_is 125
    one_complaint nosuchjobxx
    once jobs $command ''
    status_is 125
    one_complaint
    once jobs $command
    status_is 125
    one_complaint
  done
  for n in 1 2; do docker create --label run-once.id=abc$n --label run-once.host=elsewhere $IMAGE >/dev/null; done
  for command in logs attach wait stop rm result; do
    once jobs $command ab
    status_is 125
    one_complaint 'ambiguous'
    err_has abc1
    err_has abc2
  done
  once jobs rm abc1
  status_is 0
  once jobs rm a
  status_is 0
  detached -- probe sleep 1 exit 3
  once jobs wait "${id:0:8}"
  status_is 3
  within 10 settled "$id"
  once jobs wait "${id:0:8}"
  status_is 3
  once jobs result "${id:0:8}"
  is "$(jq -r .id "$OUT")" "$id"
  nothing_left 5
}
