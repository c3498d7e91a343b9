# Beside lib.bash, for tests that kill, stop and look after jobs: `load life`. shellcheck shell=bash disable=SC2154
#
#   job_id                 of the run begun by start_job: the result file has it from the start
#   guardian [ID]          pid of the guardian of a job
#   kill_launcher [SIG]    and waits until it is gone
#   kill_both              guardian first, so that nobody looks after the job
#   recorded [ID]          the outcome line of a job is in the history
#   field ID KEY           of the last outcome line of job ID
#   never_created [OPTION...] -- ARG...   a run whose create never reaches its engine, launcher and guardian killed then;
#                          ${gate[@]} names the engine as it did; AT=PART: the first request whose line has that, instead
#   elsewhere COMMAND...   as from another machine that reaches the same engine: other home, state, hostname
job_id() { jq -r .id "$RESULT"; }
guardian() { pgrep -xf "run-once: guardian of ${1:-$(job_id)}"; }
no_guardian() { ! guardian "$@" >/dev/null; }
# shellcheck disable=SC2120 # the signal, for some
kill_launcher() {
  kill -"${1:-KILL}" "$launcher"
  wait "$launcher" 2>/dev/null || :
  launcher=
}
kill_both() {
  kill -KILL "$(guardian)"
  kill_launcher
}
outcome_line() { jq -cs --arg id "$1" '[.[] | select(.event == "outcome" and .id == $id)] | last // empty' "$RUN_ONCE_HISTORY"; }
recorded() { [[ -n $(outcome_line "${1:-$(job_id)}") ]]; }
field() { outcome_line "$1" | jq -r ".$2"; }
outcomes_of() { jq -s --arg id "$1" '[.[] | select(.event == "outcome" and .id == $id)] | length' "$RUN_ONCE_HISTORY"; }
container_of() { docker ps -aq --no-trunc --filter "label=run-once.id=$1"; }
gone() { [[ -z $(container_of "$1") ]]; }
container_state() { docker inspect -f '{{.State.Status}}' "$1" 2>/dev/null; }
has_state() { [[ $(container_state "$1") == "$2" ]]; }
says() { docker logs "$(job_container)" 2>&1 | grep -qF -- "$1"; }
chain_holds() {
  "$RUN_ONCE" history verify >/dev/null 2>"$BATS_TEST_TMPDIR/verify" || { cat "$BATS_TEST_TMPDIR/verify"; return 1; }
}
never_created() {
  local socket=$BATS_TEST_TMPDIR/gate.sock log=$BATS_TEST_TMPDIR/gate.log pid options=()
  while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  with_source
  rm -f "$socket" "$log"
  docker volume rm "$(docker volume create)" >/dev/null # a young engine remembers nothing from before
  sleep 1.5                                             # clocks are compared by the second
  "$TOOLS/proxy" "$socket" "${HOST#unix://}" "$log" delay:0:"${AT-/containers/create}":600000 3>&- &
  pid=$!
  within 10 test -S "$socket"
  gate=(-H "unix://$socket")
  "$RUN_ONCE" run "${gate[@]}" --result "$RESULT" "${options[@]}" -- "$@" >"$OUT" 2>"$ERR" </dev/null 3>&- &
  launcher=$!
  within 15 grep -qF "${AT-/containers/create}" "$log"
  kill_both
  kill "$pid"
  wait "$pid" 2>/dev/null || :
  rm -f "$socket"
  ln -s "${HOST#unix://}" "$socket"
}
elsewhere() {
  local away=$BATS_TEST_TMPDIR/away
  mkdir -p "$away/history" "$away/runtime" "$away/live"
  chmod 700 "$away/history" "$away/runtime"
  HOME=$away XDG_STATE_HOME=$away/state XDG_RUNTIME_DIR=$away/runtime RUN_ONCE_HISTORY=$away/history/history.jsonl \
    unshare -mu sh -c 'hostname other-machine; mount --bind "$0" /run; exec "$@"' "$away/live" "$@"
}
