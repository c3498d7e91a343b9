# Values of the environment, passwords and tokens: a marker is planted by every way in, and looked for in everything that
# comes out. The container's own environment necessarily holds it; nothing else may.
load lib
load life

MARK=vErY-sEcReT-mArKeR

# Every way in at once.
plant() {
  printf 'FROM_FILE=%s-file\n' $MARK >given.env
  printf 'FROM_RELEASE_FILE=%s-relfile\n' $MARK >release.env
  export CALLERS=$MARK-caller INTERPOLATED=$MARK-interpolated
  export DOCKER_AUTH_CONFIG='{"auths":{"127.0.0.1:1":{"username":"u","password":"'$MARK-auth'"}}}'
  export DOCKER_CONFIG=$HOME/.docker
  mkdir -p "$DOCKER_CONFIG"
  printf '{"auths":{"127.0.0.1:1":{"auth":"%s"}}}' "$(printf 'u:%s' $MARK-config | base64 -w0)" >"$DOCKER_CONFIG/config.json"
  source_container secret-source -e FROM_SOURCE=$MARK-source -e DATABASE_URL=postgres://u:$MARK-url@db/x
  cat >release.yaml <<'Y'
version: 1
name: shop
from: container/secret-source
env:
  FROM_RELEASE: vErY-sEcReT-mArKeR-release
  WITH_VARIABLE: "${INTERPOLATED}"
  CALLERS:
env_file: [release.env]
tasks:
  long: {command: [probe, trap, TERM, "0", line, ready, forever]}
  short: {command: [probe, env, FROM_SOURCE]}
Y
  WAYS=(-e GIVEN=$MARK-given --env=GIVEN2=$MARK-given2 -eGIVEN3=$MARK-given3 --env-file given.env)
}
# Everything the tests may look into, but for the container's environment.
none_in() {
  local f found
  found=$(grep -rlaF -e "$MARK" -e "$(printf 'u:%s' $MARK-config | base64 -w0)" "$@" 2>/dev/null || :)
  [[ -z $found ]] && return
  for f in $found; do echo "the marker is in $f: $(grep -aoF "$MARK" "$f" | head -n 1) $(grep -aF "$MARK" "$f" | cut -c1-300 | head -n 2)"; done
  return 1
}

@test "plan, in every form" {
  plant
  for form in text json engine; do
    once plan --output $form "${WAYS[@]}" -- probe line x
    status_is 0
    for name in FROM_FILE FROM_RELEASE FROM_RELEASE_FILE FROM_SOURCE DATABASE_URL GIVEN GIVEN2 GIVEN3 CALLERS WITH_VARIABLE; do out_has $name; done
    none_in "$OUT" "$ERR"
  done
  once plan --output engine --show-values "${WAYS[@]}" -- probe line x
  for value in file release relfile source url given given2 given3 caller interpolated; do out_has "$MARK-$value"; done
  nothing_left
}

@test "the values do arrive" {
  plant
  once run "${WAYS[@]}" -- probe env -
  status_is 0
  for value in FROM_FILE=$MARK-file FROM_RELEASE=$MARK-release FROM_RELEASE_FILE=$MARK-relfile FROM_SOURCE=$MARK-source GIVEN=$MARK-given \
    GIVEN2=$MARK-given2 GIVEN3=$MARK-given3 CALLERS=$MARK-caller WITH_VARIABLE=$MARK-interpolated; do out_has $value; done
  none_in "$ERR" "$RUN_ONCE_HISTORY"
  nothing_left
}

@test "while it runs and after: result, history, spool's name, traces, process list of launcher and guardian, labels, name" {
  plant
  make_volume secret-once
  "$RUN_ONCE" task --trace all --result "$RESULT" --lock l --once k "${WAYS[@]}" long >"$OUT" 2>"$ERR" </dev/null 3>&- &
  launcher=$!
  within 15 job_runs
  within 5 says ready
  id=$(job_id) c=$(job_container) look=$BATS_TEST_TMPDIR/look
  mkdir "$look"
  for pid in "$launcher" "$(guardian)"; do tr '\0' '\n' <"/proc/$pid/cmdline" >"$look/argv-$pid"; done
  tr '\0' '\n' <"/proc/$(guardian)/environ" >"$look/environ"
  ps -eo args | grep -v bats >"$look/processes"
  docker inspect -f '{{json .Config.Labels}} {{.Name}} {{json .Config.Cmd}} {{json .Config.Entrypoint}}' "$c" >"$look/labels"
  docker volume inspect $(docker volume ls -q) >"$look/volumes"
  once jobs list
  cp "$OUT" "$look/list"
  once jobs list --output json
  cp "$OUT" "$look/list.json"
  none_in "$look"
  kill -TERM "$launcher"
  end_job
  # The guardian's turn: its record, spool and result.
  "$RUN_ONCE" run -d --trace all --result r2.json "${WAYS[@]}" -- probe line out >"$look/detached" 2>"$look/trace" 3>&-
  id=$(<"$look/detached")
  within 10 recorded "$id"
  within 10 gone "$id"
  once history show "$id"
  cp "$OUT" "$look/show"
  once history export
  cp "$OUT" "$look/export"
  once history export --output csv
  cp "$OUT" "$look/csv"
  once doctor
  cp "$OUT" "$look/doctor"
  cp "$ERR" "$look/doctor-err"
  ls -R "$(dirname "$RUN_ONCE_HISTORY")" "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME" >"$look/names"
  none_in "$look" "$OUT" "$ERR" "$RESULT" r2.json "$(dirname "$RUN_ONCE_HISTORY")" "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME"
}

@test "complaints show no value" {
  plant
  export BAD_JSON='{"auths": '$MARK
  for words in "-e =${MARK}" "--env-file /nonexistent" "--label $MARK-is-shown" "--image 127.0.0.1:1/x:y --pull always"; do
    once run $words "${WAYS[@]}" -- no-such-command
    ((status != 0))
    none_in <(grep -v is-shown "$ERR") "$RUN_ONCE_HISTORY"
  done
  printf 'GOOD=1\nBAD NAME=%s\n' $MARK >bad.env
  once run --env-file bad.env -- probe line x
  none_in "$ERR"
  DOCKER_AUTH_CONFIG="{\"auths\": $MARK" once run --image 127.0.0.1:1/x:y --pull always -- probe line x
  status_is 125
  none_in "$ERR"
  printf '{"auths": {"127.0.0.1:1": {"auth": "%s"' $MARK >"$DOCKER_CONFIG/config.json"
  once run --image 127.0.0.1:1/x:y --pull always -- probe line x
  status_is 125
  none_in "$ERR"
  sed -i 's/FROM_RELEASE: \(.*\)/FROM_RELEASE: [\1]/' release.yaml
  once run -- probe line x
  status_is 125
  none_in "$ERR"
  nothing_left
}

@test "--redact-args keeps the arguments out of the record" {
  job --redact-args -- probe line $MARK-argument
  status_is 0
  is "$(result 'command[0]')" probe
  none_in "$RESULT" "$RUN_ONCE_HISTORY" "$ERR"
}

@test "the spool holds what the command wrote, for its owner only" {
  id=$("$RUN_ONCE" run -d --from image/$IMAGE -- probe line $MARK 2>"$ERR" 3>&-)
  within 10 recorded "$id"
  is "$(stat -c %a "$(dirname "$RUN_ONCE_HISTORY")/spool" "$(dirname "$RUN_ONCE_HISTORY")/spool/$id" | paste -sd' ')" '700 600'
}
