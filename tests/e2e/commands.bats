# Commands beside run: task, plan, jobs, history, doctor, completion, help; and the command line's own faults.
load lib

detached() { # [OPTION...] -- ARG...: JOB is its id
  job --detach "$@"
  status_is 0
  JOB=$(<"$OUT")
  [[ $JOB =~ ^[a-z2-7]{12}$ ]] || { show; return 1; }
}

release_file() {
  cat >release.yaml <<-END
	version: 1
	name: shop
	image: $IMAGE
	env: {GREETING: hello, PASSWORD: m4rker}
	defaults: {timeout: 1m}
	tasks:
	  greet: {command: [sh, -c, 'echo \$GREETING \$*', sh], description: says it}
	  load: {command: [cat], stdin: true}
	END
}

@test "jobs: list, logs, attach, wait and result of a job that nobody is attached to" {
  detached --reason 'by hand' --lock schema -- sh -c "echo out; echo err >&2; $HELD; echo more; exit 4"
  once jobs
  status_is 0
  out_has "$JOB"
  out_has 'schema'
  once jobs list --output json
  is "$(jq -r '.[0] | [.id, .state, .lock, .reason, .app] | join(" ")' "$OUT")" "$JOB running schema by hand $IMAGE"
  once jobs result "$JOB"
  status_is 0
  is "$(jq -r .exit_code "$OUT")" null
  : >"$OUT"
  { within 20 grep -qx out "$OUT" && let_go; } >&2 3>&- &
  once jobs attach "${JOB:0:8}"
  status_is 4
  out_is $'out\nmore\n'
  err_is $'err\n'
  once jobs wait "$JOB"
  status_is 4
  once jobs result "$JOB"
  is "$(jq -r '[.id, .verdict, .exit_status] | join(" ")' "$OUT")" "$JOB failed 4"
  nothing_left 5
  once jobs logs "$JOB"
  status_is 0
  out_is $'out\nmore\n'
}

@test "jobs stop: the command is killed through run-once, told apart from a stop by someone else" {
  detached --stop-grace 1s -- probe trap TERM 0 forever
  once jobs stop --stop-grace 2 "$JOB"
  status_is 0
  once jobs wait "$JOB"
  status_is 122
  once jobs result "$JOB"
  is "$(jq -r '[.verdict, .cause] | join(" ")' "$OUT")" 'killed stopped'
  nothing_left 5
}

@test "jobs rm: refuses a running job, --force removes it" {
  detached -- probe forever
  once jobs rm "$JOB"
  status_is 121
  one_complaint 'it is running'
  once jobs rm --force "$JOB"
  status_is 0
  nothing_left 5
}

@test "jobs: unknown ids and missing words are faults, 125" {
  local command
  for command in logs attach wait stop rm result; do
    once jobs $command nosuchjob
    status_is 125
    one_complaint 'nosuchjob'
    once jobs $command
    status_is 125
    one_complaint "jobs $command"
  done
  once jobs frob
  status_is 125
  one_complaint 'jobs frob'
}

@test "history: list, show, verify, rotate, export" {
  job -- probe line a
  job -- probe exit 3
  once history
  status_is 0
  is "$(wc -l <"$OUT")" 2
  out_has 'failed         3'
  once history show "$(result id)"
  is "$(jq -rs 'map(.event) | join(" ")' "$OUT")" 'intent outcome'
  once history verify
  status_is 0
  once history rotate
  status_is 0
  job -- probe line b
  once history verify
  status_is 0
  once history export
  is "$(jq -rs length "$OUT")" 6
  once history export --output csv
  is "$(wc -l <"$OUT")" 7
  sed -i 's/"exit_code":0/"exit_code":1/' "$RUN_ONCE_HISTORY"
  once history verify
  status_is 1
  err_has broken
}

@test "task: list, run, further words, stdin" {
  release_file
  once task
  status_is 0
  out_has 'greet'
  out_has 'says it'
  once task greet you 'and me'
  status_is 0
  out_is $'hello you and me\n'
  once task load <<<'fed'
  out_is $'fed\n'
  once task gret
  status_is 125
  one_complaint "did you mean 'greet'"
  nothing_left
}

@test "plan: changes nothing, tells everything but values" {
  release_file
  once plan --lock x -e GIVEN=m4rker -- probe line
  status_is 0
  out_has 'PASSWORD'
  out_has '(--env)'
  once plan --output json --task greet
  is "$(jq -r '[.release.name, .task, .env[] .name] | join(" ")' "$OUT" | grep -c PASSWORD)" 1
  once plan --output engine -e GIVEN=m4rker -- probe line
  is "$(jq -r '.Env[]' "$OUT" | grep ^GIVEN)" 'GIVEN=<set, 6 bytes>'
  ! grep -r m4rker "$OUT" "$RUN_ONCE_HISTORY" 2>/dev/null || return 1
  once plan --output engine --show-values -e GIVEN=m4rker -- probe line
  is "$(jq -r '.Env[]' "$OUT" | grep ^GIVEN)" 'GIVEN=m4rker'
  once plan --pull never --from image/no-such-image -- ls
  status_is 125
  [[ ! -e $RUN_ONCE_HISTORY ]]
  nothing_left
}

@test "plan: 121 where run would be refused" {
  detached --lock schema -- probe forever
  once plan --from "image/$IMAGE" --lock schema -- ls
  status_is 121
  one_complaint "$JOB"
  once jobs rm --force "$JOB"
  once plan --from "image/$IMAGE" --lock schema -- ls
  status_is 0
}

@test "doctor: nothing found is 0, a finding is 1 and says what to do" {
  once doctor
  status_is 0
  out_has "$HOST"
  RUN_ONCE_TIMEOUTT=1m once doctor
  status_is 1
  out_has RUN_ONCE_TIMEOUTT
  once doctor --host unix:///nowhere.sock
  status_is 1
  out_has 'FINDING'
}

@test "completion: the shell takes it, and offers commands, options, choices and tasks" {
  release_file
  for shell in bash zsh fish; do
    once completion $shell
    status_is 0
    command -v $shell >/dev/null && $shell -n "$OUT"
  done
  complete_words() {
    PATH=$(dirname "$RUN_ONCE"):$PATH bash -c 'eval "$(run-once completion bash)"
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _run_once; echo "${COMPREPLY[*]}"' - "$@"
  }
  [[ $(complete_words run-once ta) == task ]]
  [[ $(complete_words run-once run --lock-w) == --lock-wait ]]
  [[ $(complete_words run-once run --if-locked w) == wait ]]
  [[ $(complete_words run-once jobs at) == attach ]]
  [[ $(complete_words run-once task gr) == greet ]]
}

@test "faults of the command line: one line, 125, nothing made; the result file tells of them" {
  local line
  while IFS='|' read -r line words; do
    eval "once run --result $RESULT $line"
    status_is 125
    one_complaint "$words"
    is "$(result verdict) $(result cause) $(result exit_status)" "not_started usage 125"
    rm "$RESULT"
  done <<-'END'
	--tiemout 3 ls|did you mean --timeout
	--timeout soon ls|is not a duration
	--keep maybe ls|never|on-failure|always
	--lock '' ls|the value is empty
	--once= ls|the value is empty
	--put a:b ls|not in this version
	--env NOT_SET_ANYWHERE --image x ls|the variable is not set
	--env =x ls|before '=' is empty
	--image x --shell a b|takes one word
	--image x ''|COMMAND: it is an empty word
	--image x|no COMMAND given
	ls|no release given
	-h web ls|--hostname
	--from nonsense ls|expected KIND/NAME
	-ti --image x cat|is not a terminal
	END
  nothing_left
}

@test "without run: only with --, and never a word that is no command" {
  once --from "image/$IMAGE" -- probe line x
  status_is 0
  out_is $'x\n'
  once --from "image/$IMAGE" probe line x
  status_is 125
  one_complaint 'stands behind options'
  once prob
  status_is 125
  one_complaint 'run-once run prob'
  once
  status_is 125
  one_complaint 'no command given'
}

@test "RUN_ONCE_ variables: the command line wins, a bad one is named and not quoted" {
  RUN_ONCE_FROM=image/$IMAGE RUN_ONCE_ENV=$'A=1\nB=2' RUN_ONCE_SHELL=true once run -e B=3 'echo $A$B'
  status_is 0
  out_is $'13\n'
  RUN_ONCE_TIMEOUT=m4rker once run --from "image/$IMAGE" ls
  status_is 125
  one_complaint 'RUN_ONCE_TIMEOUT: '
  ! grep m4rker "$ERR" || return 1
}

@test "values given by --env are not in the process list" {
  start_job -e A=m4rker --env=B=m4rker -eC=m4rker -- probe notice WINCH sleep 1
  ! cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep '^\(--env=\|-e\)\?[ABC]=m4rker' || return 1
  end_job
  status_is 0
}
