# plan: what would run, and nothing else.
load lib

planned() { jq -r "$1" "$OUT"; }

# record: from here on HOST is a proxy that writes down every request; $REQUESTS is the folder.
record() {
  REQUESTS=$WORK/requests
  mkdir "$REQUESTS"
  python3 "$PROJECT/tests/tools/record.py" "$REQUESTS/sock" "${DOCKER_HOST#unix://}" "$REQUESTS" 3>&- &
  helpers+=($!)
  within 5 test -S "$REQUESTS/sock"
  RECORDED=unix://$REQUESTS/sock
}
requests() { cat "$REQUESTS"/*.line | sed 's/ HTTP.*//'; }
create_body() { # of the job's container: a lock or the record of a key are containers, too
  local line
  for line in $(grep -l '^POST .*/containers/create' "$REQUESTS"/*.line); do
    jq -S 'select(.Labels["run-once.id"] and .AttachStdout)' "${line%.line}.body"
  done
}

@test "text: what runs, from where, names with their origin, mounts, networks, what was dropped and why" {
  make_volume data
  make_network shopnet
  source_container app -e SECRET_WORD=sesame -v data:/data --network shopnet -p 8000 --label traefik.enable=true --restart always -u 1000 -w /tmp --
  once plan --from container/app -e GIVEN=open --lock schema -- probe line 'two words'
  status_is 0
  err_is ''
  local id line
  id=$(docker inspect -f '{{.Id}}' app)
  for line in '^source +container/app$' "^from +container app ${id:0:12}\$" '^application +app$' "^image +$IMAGE\$" \
    "^image id +$(docker inspect -f '{{.Image}}' app)\$" "^runs +probe line 'two words'\$" '^user +1000$' '^workdir +/tmp$' '^terminal +no$' \
    '^stdin +end of file$' '^lock +schema$' "^runtime +docker .* at $DOCKER_HOST\$" '^  SECRET_WORD +\(container/app\)$' '^  GIVEN +\(--env\)$' \
    '^  FROM_IMAGE +\(image\)$' '^  volume data -> /data rw  \(container/app\)$' '^  shopnet$' '^  restart policy always: .' '^  published port .*: .' \
    '^  label traefik.enable: .' '^Checked:$'; do
    grep -qE "$line" "$OUT" || { echo "no line $line"; show; return 1; }
  done
  run ! grep -qE 'sesame|open' "$OUT"
  nothing_left
}

@test "json: the same, with the keys that programs may rely on" {
  make_volume data
  source_container app -e SECRET_WORD=sesame -v data:/data:ro -p 8000 --memory 64m --
  once plan --output json --from container/app -t -i --once k -- probe line x </dev/null
  status_is 125 # -t -i without a terminal, as run
  once plan --output json --from container/app -i --once k -- probe line x </dev/null
  status_is 0
  local key
  for key in app argv checked command dropped env from image_id labels lock mounts networks notes once release runtime stdin \
    stop_grace_ms stop_signal task tty user workdir; do
    jq -e "has(\"$key\")" "$OUT" >/dev/null || { echo "no $key"; show; return 1; }
  done
  is "$(planned '.release | keys | join(" ")')" 'digest image image_id name source'
  is "$(planned '.runtime.kind')" docker
  is "$(planned '.stdin, .tty, .once, .lock, .task' | paste -sd' ')" 'true false k null null'
  is "$(planned '.mounts[0] | [.type, .source, .target, .mode, .origin] | join(" ")')" 'volume data /data ro container/app'
  is "$(planned '[.env[] | keys | join(" ")] | unique | join(";")')" 'name origin'
  is "$(planned '[.dropped[] | keys | join(" ")] | unique | join(";")')" 'what why'
  is "$(planned '.limits.Memory')" 67108864
}

@test "no value of any variable in any form, by whatever way it came" {
  make_image marked:1 'ENV BY_IMAGE=marker-value-1'
  IMAGE=marked:1 source_container app -e BY_SOURCE=marker-value-2 -e 'VIRTUAL_HOST=marker-value-3' --
  printf 'BY_ENV_FILE=marker-value-4\n' >vars.env
  printf 'BY_CLI_FILE=marker-value-5\n' >cli.env
  printf '%s\n' 'version: 1' 'from: container/app' 'env_file: vars.env' 'env: {BY_ENV: marker-value-6, BY_DOTENV: "${X}"}' \
    'tasks: {t: {command: [probe, line, x], env: {BY_TASK: marker-value-7}}}' >release.yaml
  printf 'X=marker-value-8\n' >.env
  export BY_CALLER=marker-value-9
  for form in text json engine; do
    once plan --output "$form" --trace all --env-file cli.env -e BY_OPTION=marker-value-0 -e BY_CALLER --task t
    status_is 0
    for name in BY_IMAGE BY_SOURCE BY_ENV_FILE BY_CLI_FILE BY_ENV BY_DOTENV BY_TASK BY_CALLER BY_OPTION; do out_has "$name"; done
    run ! grep -q marker-value "$OUT" "$ERR"
  done
  is "$(planned '[.Env[] | select(startswith("BY_TASK="))][0]')" 'BY_TASK=<set, 14 bytes>'
  is "$(planned '[.Env[] | select(startswith("VIRTUAL_HOST"))] | length')" 0
  once plan --output engine --show-values -e BY_OPTION=marker-value-0 --task t
  is "$(planned '[.Env[] | select(startswith("BY_OPTION="))][0]')" 'BY_OPTION=marker-value-0'
  [[ ! -e $RUN_ONCE_HISTORY ]]
  # And run writes none either.
  task_status=0
  "$RUN_ONCE" task --trace all --result "$RESULT" --env-file cli.env -e BY_OPTION=marker-value-0 -e BY_CALLER t >"$OUT" 2>"$ERR" || task_status=$?
  is "$task_status" 0
  run ! grep -rq marker-value "$OUT" "$ERR" "$RESULT" "$RUN_ONCE_HISTORY" "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR"
}

@test "the process list shows no value of --env" {
  local marker=marker-$BASHPID-$RANDOM
  printf %s "$marker" >pattern # grep's own argument would be found
  start_job -e "TOKEN=$marker-1" "--env=OTHER=$marker-2" "-eSHORT=$marker-3" -- probe trap TERM 0 forever
  grep -qaF run-once "/proc/$launcher/cmdline"
  run ! grep -aqf pattern /proc/*/cmdline
  kill -TERM "$launcher"
  end_job
  status_is 0
}

@test "engine: exactly the body that run sends, for a source, an image, a task and a terminal's options" {
  make_volume data
  make_network one
  make_network two
  source_container app -e A=1 -e 'B=two words' -v data:/data -v "$WORK:/bind:ro" -v /anonymous --tmpfs /t:size=1m --network one -p 8000 --label x=y \
    --cap-add NET_ADMIN --ulimit nofile=100:200 --dns 192.0.2.1 --device /dev/null:/dev/nothing --
  docker network connect two app
  printf '%s\n' 'version: 1' 'name: shop' "image: $IMAGE" 'env: {E: 1}' 'tasks: {t: {command: [probe, line, x], env: {F: 2}, timeout: 1h}}' >shop.yaml
  record
  # The plan's words, then run's in place of them.
  local case plan run
  for case in '--from container/app --lock l --reason because -e C=3|-- probe line x' '--from image/run-once-test --keep on-failure -u 1000 -w /tmp --init|-- probe line x' \
    '--from container/app --network two --memory 64m --cpus 0.5 --entrypoint probe|-- line x' '--release shop.yaml --once key|task'; do
    plan=(${case%%|*}) run=(${case#*|})
    if [[ ${run[0]} == task ]]; then
      once plan --output engine --show-values "${plan[@]}" --task t
      cp "$OUT" planned.json
      once task -H "$RECORDED" "${plan[@]}" t
    else
      once plan --output engine --show-values "${plan[@]}" "${run[@]}"
      cp "$OUT" planned.json
      once run -H "$RECORDED" "${plan[@]}" "${run[@]}"
    fi
    status_is 0
    create_body >sent.json
    # Only the id is not known before: on the container, and on each of its anonymous volumes.
    jq -S . planned.json | sed "s/\"<id>\"/$(jq '.Labels["run-once.id"]' sent.json)/" >expected.json
    cmp expected.json sent.json || { diff expected.json sent.json; return 1; }
    rm -f "$REQUESTS"/*.line "$REQUESTS"/*.body
  done
}

@test "nothing but looking: no request that changes something, no history, no pull" {
  source_container app --
  record
  once plan -H "$RECORDED" --from container/app --lock l --once k -- probe line x
  status_is 0
  once plan -H "$RECORDED" --from image/registry.invalid/nothing:1 --pull always -- probe line x
  status_is 0
  out_has 'not on the engine yet'
  once plan -H "$RECORDED" --output engine --from image/registry.invalid/nothing:1 -- probe line x
  status_is 0
  is "$(planned .Image)" registry.invalid/nothing:1
  once plan -H "$RECORDED" --from image/registry.invalid/nothing:1 --pull never -- probe line x
  status_is 125
  one_complaint registry.invalid/nothing:1
  run ! grep -vE '^(GET|HEAD) ' <(requests)
  [[ ! -e $RUN_ONCE_HISTORY ]]
  nothing_left
}

@test "the origin of each variable and each mount" {
  make_volume data
  make_volume more
  source_container app -e A=1 -v data:/data --
  printf '%s\n' 'version: 1' 'from: container/app' 'volumes: [more:/more]' 'env: {B: 1}' >release.yaml
  once plan --output json -v "$WORK:/here:ro" -e C=1 -- ls
  is "$(planned '[.env[] | .name + "=" + .origin] | sort | join(" ")')" 'A=container/app B=release.yaml:4 C=--env FROM_IMAGE=image PATH=image'
  is "$(planned '[.mounts[] | .target + "=" + .origin] | sort | join(" ")')" '/data=container/app /here=--volume /more=release.yaml:3'
}

@test "faults end as run's would: 125, and no result file is touched" {
  printf 'earlier\n' >"$RESULT"
  once plan --result "$RESULT" --from container/nobody -- ls
  status_is 125
  one_complaint nobody
  is "$(<"$RESULT")" earlier
}
