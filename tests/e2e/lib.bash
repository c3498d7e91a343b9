# What every end-to-end test uses: `load lib` in a .bats file. shellcheck shell=bash disable=SC2034
#
# Engine: the one at RUN_ONCE_TEST_ENGINE, a folder of scripts/engine (scripts/test starts one for all files); without
# it, the one at /tmp/run-once-tests, started when it does not run and left for the next time. Image: run-once-test
# (busybox and tests/tools/probe.c). Program: RUN_ONCE, by default build/run-once.
#
# Each test has its own home, state, history, runtime and work folder, and the engine to itself:
#   once ARG...              run-once ARG...; sets $status, files $OUT, $ERR; stdin is the caller's
#   job [OPTION...] -- ARG...   run-once run --result $RESULT OPTION... -- ARG..., from the test image unless a source is named
#   out_is TEXT, err_is TEXT    exact, with every newline; err_has TEXT, out_has TEXT: contains
#   status_is N
#   result KEY               a field of the result file        outcome KEY, intent KEY    of the last such history line
#   start_job [OPTION...] -- ARG..., end_job   the same in the background, once its container runs; then its $status
#   $HELD, let_go [CONTAINER]  in a shell of the container: goes on until it is let go; else `sleep` is a bet on a fast machine
#   make_image REF CHANGE...   the test image with a Dockerfile's ENV, LABEL, USER, ... lines, under that name
#   helpers+=($!)            a process of the test that is ended with it
#   on_podman                whether the engine is Podman (RUN_ONCE_TEST_KIND says so)
#   nothing_left [SECONDS]   no container in any state, volume or network that was not there when the test began, or
#                            was made by `source_container`, `make_volume`, `make_network`
bats_require_minimum_version 1.5.0

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${RUN_ONCE:=$PROJECT/build/run-once}" "${RUN_ONCE_TEST_ENGINE:=/tmp/run-once-tests}"
TOOLS=${RUN_ONCE_TEST_TOOLS:-$PROJECT/build/tools}
IMAGE=run-once-test

engine_up() {
  local dir=$RUN_ONCE_TEST_ENGINE
  [[ -n ${RUN_ONCE_TEST_HOST-} ]] && return
  "$PROJECT/scripts/engine" status "$dir" >/dev/null 2>&1 || "$PROJECT/scripts/engine" start "$dir" >&2 || return 1
  [[ -x $TOOLS/probe ]] || make -s -C "$PROJECT" tools >&2 || return 1
  "$PROJECT/scripts/test-image" "unix://$dir/docker.sock" "$TOOLS/probe"
}

setup_file() { engine_up; }
on_podman() { [[ ${RUN_ONCE_TEST_KIND-} == podman ]]; }

setup() {
  # Nothing of the caller's configuration.
  local v
  for v in $(compgen -e | grep -E '^(RUN_ONCE_|DOCKER_|CI$|GITHUB_|KUBECONFIG|TAG$)' | grep -vE '^RUN_ONCE_TEST_'); do unset "$v"; done
  export RUN_ONCE
  HOST=${RUN_ONCE_TEST_HOST:-unix://$RUN_ONCE_TEST_ENGINE/docker.sock}
  export DOCKER_HOST=$HOST
  for v in $(compgen -e | grep '^RUN_ONCE_TEST_'); do export -n "${v?}"; done # doctor calls them misspelt options
  export HOME=$BATS_TEST_TMPDIR/home XDG_STATE_HOME=$BATS_TEST_TMPDIR/state XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
  export RUN_ONCE_HISTORY=$BATS_TEST_TMPDIR/history/history.jsonl LC_ALL=C.UTF-8 TZ=UTC
  WORK=$BATS_TEST_TMPDIR/work
  mkdir -p "$HOME" "$XDG_STATE_HOME" "$WORK" "$BATS_TEST_TMPDIR/history" "$XDG_RUNTIME_DIR"
  chmod 700 "$BATS_TEST_TMPDIR/history" "$XDG_RUNTIME_DIR"
  OUT=$BATS_TEST_TMPDIR/out ERR=$BATS_TEST_TMPDIR/err RESULT=$BATS_TEST_TMPDIR/result.json
  MADE=$BATS_TEST_TMPDIR/made
  : >"$MADE"
  helpers=()
  cd "$WORK" || return 1
  on_engine >"$BATS_TEST_TMPDIR/baseline"
}

# What a test made it removes, and what a failing run left, so that the next test begins clean.
teardown() {
  local kind id
  if ((${#helpers[@]})); then kill "${helpers[@]}" 2>/dev/null || :; fi
  if [[ -n ${launcher-} ]] && kill -0 "$launcher" 2>/dev/null; then kill -KILL "$launcher"; fi
  comm -13 "$BATS_TEST_TMPDIR/baseline" <(on_engine) | while read -r kind id _; do
    [[ $kind != container ]] || docker rm -fv "$id" >/dev/null 2>&1
  done
  comm -13 "$BATS_TEST_TMPDIR/baseline" <(on_engine) | while read -r kind id _; do
    docker "$kind" rm "$id" >/dev/null 2>&1
  done
  sed -n 's/^image //p' "$MADE" | sort -u | xargs -r docker rmi -f >/dev/null 2>&1
  return 0
}

# One sorted line for each thing on the engine, by id. Looked for many times a test: docker would cost nine connections.
on_engine() {
  local custom='?filters=%7B%22type%22%3A%5B%22custom%22%5D%7D'
  if [[ $DOCKER_HOST != unix://* ]]; then
    { docker ps -aq --no-trunc | sed 's/^/container /'; docker volume ls -q | sed 's/^/volume /'; docker network ls -q --no-trunc | sed 's/^/network /'; } | sort
    return
  fi
  if on_podman; then custom=''; fi
  curl -sf --max-time 60 -w '"@"' --unix-socket "${DOCKER_HOST#unix://}" 'http://engine/containers/json?all=1' http://engine/volumes "http://engine/networks$custom" |
    awk -v RS='"' 'BEGIN { kind = "container" }
      $0 == "@" { kind = kind == "container" ? "volume" : "network" }
      found && $0 != ":" { print kind, $0; found = 0 }
      $0 == (kind == "volume" ? "Name" : "Id") { found = 1 }' | sort
}
left_over() { comm -13 <(sort "$BATS_TEST_TMPDIR/baseline" "$MADE" | uniq) <(on_engine); }
nothing_left() {
  local left tries=$((${1:-0} * 5))
  while :; do
    left=$(left_over)
    [[ -z $left ]] && return
    ((tries-- > 0)) || break
    sleep 0.2
  done
  echo "left on the engine:"
  local kind id
  while read -r kind id; do
    echo "  $kind $id $([[ $kind == container ]] && docker inspect -f '{{.Name}} {{.State.Status}} {{.Config.Cmd}}' "$id" 2>&1)"
  done <<<"$left"
  return 1
}

# source_container NAME [DOCKER-OPTION...] -- [COMMAND...]: a running container to take the release from.
source_container() {
  local name=$1 options=()
  shift
  while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift || :
  (($#)) || set -- probe trap TERM 0 forever
  echo "container $(docker run -d --name "$name" "${options[@]}" "$IMAGE" "$@")" >>"$MADE"
  # Its anonymous volumes are its own.
  docker inspect -f '{{range .Mounts}}{{if eq .Type "volume"}}volume {{.Name}}{{println}}{{end}}{{end}}' "$name" | grep . >>"$MADE" || :
}
make_volume() { echo "volume $(docker volume create "$@")" >>"$MADE"; }
make_network() { echo "network $(docker network create "$@")" >>"$MADE"; }

make_image() {
  local ref=$1 id
  shift
  id=$(printf '%s\n' "FROM $IMAGE" "$@" | DOCKER_BUILDKIT=0 docker build -q -t "$ref" - 2>/dev/null) || return
  printf 'image %s\n' "$ref" "$id" >>"$MADE"
}

once() {
  status=0
  "$RUN_ONCE" "$@" >"$OUT" 2>"$ERR" || status=$?
}
with_source() { # completes the caller's options
  [[ " ${options[*]} " =~ \ --(from|release)[\ =] ]] || options=(--from "image/$IMAGE" "${options[@]}")
}
job() {
  local options=()
  while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  with_source
  once run --result "$RESULT" "${options[@]}" -- "$@"
}

show() {
  echo "status: ${status-}"
  echo "stdout ($(stat -c %s "$OUT") bytes):"
  head -c 600 "$OUT" | cat -v
  echo
  echo "stderr:"
  head -c 2000 "$ERR" | cat -v
  if [[ -s $RESULT ]]; then
    echo "result:"
    cat "$RESULT"
  fi
}
status_is() {
  ((status == $1)) && return
  echo "exit status $status, expected $1"
  show
  return 1
}
same() { # FILE TEXT NAME
  cmp -s "$1" <(printf %s "$2") && return
  echo "$3 is not what was expected:"
  printf '%s' "$2" | head -c 2000 | cat -A
  echo
  show
  return 1
}
out_is() { same "$OUT" "$1" stdout; }
err_is() { same "$ERR" "$1" stderr; }
contains() { # FILE TEXT NAME
  grep -qF -- "$2" "$1" && return
  echo "$3 does not contain: $2"
  show
  return 1
}
out_has() { contains "$OUT" "$1" stdout; }
err_has() { contains "$ERR" "$1" stderr; }
# The contract's form of a fault: one line, with the program's name.
one_complaint() {
  [[ $(wc -l <"$ERR") == 1 && $(<"$ERR") == 'run-once: '*': '* && $(<"$ERR") == *"${1-}"* ]] && return
  echo "not one line 'run-once: WHAT: WHY' with '${1-}':"
  show
  return 1
}
is() { # TEXT EXPECTED [WHAT]
  [[ $1 == "$2" ]] && return
  printf '%s is: %s\nexpected: %s\n' "${3:-it}" "$1" "$2"
  show
  return 1
}

result() { jq -r ".$1" "$RESULT"; }
history_line() { jq -cs --arg e "$1" '[.[] | select(.event == $e)] | last // empty' "$RUN_ONCE_HISTORY"; }
outcome() { history_line outcome | jq -r ".$1"; }
intent() { history_line intent | jq -r ".$1"; }
refusal() { history_line refused | jq -r ".$1"; }
history_count() { cat "$RUN_ONCE_HISTORY" 2>/dev/null | jq -s --arg e "$1" 'map(select(.event == $e)) | length'; }
# verdict_is VERDICT CAUSE: in the result and in the record.
verdict_is() {
  is "$(result verdict) $(result cause)" "$1 $2" "result's verdict and cause" &&
    is "$(outcome verdict) $(outcome cause)" "$1 $2" "record's verdict and cause"
}
# Waits for a condition: within SECONDS COMMAND...
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || { echo "not within the time: $*"; return 1; }
    sleep 0.1
  done
}
# The container of a running job, by its label.
job_container() { docker ps -q --no-trunc --filter label=run-once.id | head -n 1; }
job_runs() { [[ -n $(job_container) ]]; }
# shellcheck disable=SC2034
HELD='until [ -e /tmp/go ]; do sleep 0.05; done'
# 137: the command has seen the file, and ended, before touch had; with it ends whatever is in the container.
let_go() { docker exec "${1:-$(job_container)}" touch /tmp/go || (($? == 137)); }
# start_job [OPTION...] -- ARG...: in the background; $launcher is its pid; ends with `end_job`, which sets $status.
start_job() {
  local options=()
  while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  with_source
  env --default-signal=INT,QUIT "$RUN_ONCE" run --result "$RESULT" "${options[@]}" -- "$@" >"$OUT" 2>"$ERR" </dev/null 3>&- &
  launcher=$!
  within 30 job_runs
}
end_job() {
  status=0
  wait "$launcher" || status=$?
  launcher=
}
