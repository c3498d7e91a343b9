# Bad input and bad surroundings: one clear line, exit status 125 (126, 127, 121 where the contract says so), nothing made.
load lib

ONE=(--from image/run-once-test) # a release, where that is not what is wrong

# refused TEXT: 125, one line with it, no container, no intent in the history.
refused() {
  status_is 125 && one_complaint "${1-}" && out_is '' && is "$(history_count intent)" 0 'number of intents' && nothing_left
}
run_once() { once run --result "$RESULT" "$@"; }

# A scripted engine; LINE... are fakeengine's rules. $FAKE is its address.
fake() {
  [[ -z ${fake_pid-} ]] || kill "$fake_pid"
  rm -f "$WORK/fake.sock"
  printf '%s\n' "$@" >fake.rules
  "$TOOLS/fakeengine" "$WORK/fake.sock" fake.rules fake.log 3>&- &
  fake_pid=$!
  helpers+=("$fake_pid")
  FAKE=unix://$WORK/fake.sock
  within 5 test -S "$WORK/fake.sock"
}
PING=('GET /_ping' '  header Api-Version: 1.41' '  body OK')

@test "the command line: unknown commands and options, with the nearest" {
  once rnu -- ls
  refused 'did you mean run?'
  once run --form x -- ls
  refused '--from'
  once run --timout 3 -- ls
  refused '--timeout'
  once run -Z -- ls
  refused '-Z'
  once jobs lst
  refused list
  once history vrify
  refused verify
  once
  status_is 125
  # Options end at COMMAND: what follows is its own.
  job -- probe argv --no-such-option -h
  status_is 0
  out_is $'16:--no-such-option\n2:-h\n'
}

@test "the command line: an option of another command, one that waits for a later version" {
  once history list --env A=1
  refused '--env'
  once run "${ONE[@]}" --head x -- ls
  refused '--head'
  for later in '--put a:b' '--get a:b' '--plan x' '--guardian engine' '--notify x' '--shards 3'; do
    # shellcheck disable=SC2086
    once run "${ONE[@]}" $later -- ls
    refused 'not in this version'
  done
  for elsewhere in '--namespace x' '-N x' '--kubeconfig x' '--container x' '--init-containers' '--with x' '--volumes-of x' '--streams apart'; do
    # shellcheck disable=SC2086
    once run "${ONE[@]}" $elsewhere -- ls
    refused 'only for Kubernetes'
  done
  once run "${ONE[@]}" --runtime kubernetes --kubeconfig /nowhere/config -- ls
  refused '/nowhere/config'
  once run "${ONE[@]}" --runtime podman -- ls
  [[ $status == 125 ]]
  once run "${ONE[@]}" --runtime rkt -- ls
  refused rkt
}

@test "the command line: values" {
  local bad
  for bad in '--timeout soon' '--timeout -1' '--timeout 1x' '--memory lots' '--memory -3' '--cpus many' '--cpus -1' '--keep sometimes' '--pull maybe' \
    '--if-locked perhaps' '--on-epipe x' '--on-disconnect x' '--progress loud' '--log-max x' '--result fd:x' '--result fd:99' \
    '--trace everything' '--volume a' '--volume a:b:c:d' '--volume x:relative' '--volume :/x' '--volume a:/b:sideways' '--env =x' '--env-file nowhere.env' \
    '--from nothing' '--from container/' '--release nowhere.yaml' '--label =x' '--stop-grace never' '--once-output x' '--lock-wait x' \
    '--entrypoint'; do
    rm -f "$RESULT"
    # shellcheck disable=SC2086
    once run "${ONE[@]}" $bad -- ls
    refused || { echo "with $bad"; failed=1; }
  done
  [[ -z ${failed-} ]]
}

@test "the command line: no command, an empty word, no release, --shell with two words" {
  run_once "${ONE[@]}"
  refused COMMAND
  run_once "${ONE[@]}" --
  refused COMMAND
  run_once "${ONE[@]}" -- ''
  refused empty
  run_once -- ls
  refused 'no release given'
  is "$(result verdict) $(result cause)" 'not_started usage'
  run_once "${ONE[@]}" --shell -- echo two
  refused '--shell'
  run_once "${ONE[@]}" ls -- ls
  [[ $status != 125 ]] # options ended at ls: it got "-- ls"
}

@test "the command line: options that contradict each other" {
  # Of a yes and a no the last one counts.
  run_once "${ONE[@]}" -t -T -- probe tty
  out_is $'tty 0 0 0\n'
  run_once "${ONE[@]}" -i -n -- probe count <"$0"
  out_is $'0\n'
  rm "$RUN_ONCE_HISTORY"
  run_once "${ONE[@]}" -d -i -- ls
  refused '-i'
  run_once "${ONE[@]}" --host "$DOCKER_HOST" --context default -- ls
  refused '--context'
  err_has '--host'
  run_once "${ONE[@]}" --network host --network bridge -- ls
  refused host
  run_once "${ONE[@]}" --image-of 1 -- ls
  refused '--image-of'
}

@test "an empty lock name and an empty key are errors" {
  for option in --lock --once; do
    run_once "${ONE[@]}" $option '' -- ls
    refused "$option"
    run_once "${ONE[@]}" $option= -- ls
    refused "$option"
  done
  RUN_ONCE_LOCK='' run_once "${ONE[@]}" -- ls
  refused
}

@test "--env of a variable that is not set, a bad line of an env file" {
  run_once "${ONE[@]}" --env NOT_SET_ANYWHERE -- ls
  refused NOT_SET_ANYWHERE
  printf 'A=1\n=no name\n' >bad.env
  run_once "${ONE[@]}" --env-file bad.env -- ls
  refused bad.env:2
  printf 'A=1\nWITH SPACE=2\n' >bad.env
  run_once "${ONE[@]}" --env-file bad.env -- ls
  refused bad.env:2
}

@test "environment that no kernel carries is refused before create" {
  head -c 131072 /dev/zero | tr '\0' x >long
  printf 'LONG=%s\n' "$(<long)" >long.env
  run_once "${ONE[@]}" --env-file long.env -- ls
  refused LONG
  for n in $(seq 20); do printf 'LONG%s=%s\n' "$n" "$(head -c 120000 long)"; done >long.env
  run_once "${ONE[@]}" --env-file long.env -- ls
  refused environment
}

@test "an image that is not there, and one that cannot be pulled" {
  run_once --from image/no-such-image:1 --pull never -- ls
  refused no-such-image:1
  is "$(result cause)" image
  run_once --from image/127.0.0.1:1/nothing:1 -- ls
  status_is 125
  one_complaint 127.0.0.1:1/nothing:1
  is "$(result verdict) $(result cause) $(result retry_safe)" 'not_started image true'
  nothing_left
  run_once --from 'image/Not A Reference' -- ls
  status_is 125
  one_complaint 'Not A Reference'
  nothing_left
}

@test "126 and 127: the command itself" {
  run_once "${ONE[@]}" -- no-such-command
  status_is 127
  one_complaint no-such-command
  verdict_is not_started not_found
  run_once "${ONE[@]}" -- /bin/not-executable
  status_is 126
  one_complaint not-executable
  verdict_is not_started not_executable
  run_once "${ONE[@]}" -- /bin/no-shebang
  [[ $status == 126 || $status == 1 ]]
  run_once "${ONE[@]}" --entrypoint no-such-entry -- ls
  status_is 127
  nothing_left
}

@test "a user, a working folder and limits that the engine refuses: its own words, 125" {
  run_once "${ONE[@]}" --user nobody-here -- ls
  status_is 125
  one_complaint nobody-here
  verdict=$(result verdict)
  is "$verdict" not_started
  run_once "${ONE[@]}" --memory 1k -- ls
  status_is 125
  one_complaint 'Minimum memory limit'
  run_once "${ONE[@]}" --workdir relative -- ls
  status_is 125
  one_complaint "'relative'"
  run_once "${ONE[@]}" --log-driver nosuchdriver -- ls
  status_is 125
  one_complaint nosuchdriver
  nothing_left
}

@test "no engine: no socket, a file, a folder, a closed port, a host that is none" {
  : >file
  mkdir folder
  for host in "unix://$WORK/nowhere.sock" "unix://$WORK/file" "unix://$WORK/folder" tcp://127.0.0.1:1; do
    run_once "${ONE[@]}" --host "$host" -- ls
    refused "${host#*://}"
    is "$(result verdict) $(result cause) $(result retry_safe)" 'not_started engine true'
  done
  for host in nothing ftp://x unix:// tcp://; do
    run_once "${ONE[@]}" --host "$host" -- ls
    refused
  done
  DOCKER_HOST=unix://$WORK/nowhere.sock run_once "${ONE[@]}" -- ls
  refused nowhere.sock
  run_once "${ONE[@]}" --context nosuchcontext -- ls
  refused nosuchcontext
  once doctor --host "unix://$WORK/nowhere.sock"
  status_is 1
}

@test "a socket that is not an engine, one that closes, one that never answers" {
  fake 'GET *' '  raw hello, this is another program\n'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused "$WORK/fake.sock"
  fake '* *' '  cut'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused "$WORK/fake.sock"
  fake '* *' '  status 404' '  body not found'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused "$WORK/fake.sock"
  fake '* *' '  body <html><body>a web server</body></html>'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused "$WORK/fake.sock"
}

@test "an engine whose answers are not JSON, or not what they should be" {
  fake "${PING[@]}" 'GET /images/*' '  body <html>gateway</html>'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused
  is "$(result cause)" engine
  fake "${PING[@]}" 'GET /images/*' '  body [1, 2'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused
  fake "${PING[@]}" 'GET /containers/*' '  body {"Id": 7}'
  run_once --from container/x --host "$FAKE" -- ls
  refused container/x
  fake "${PING[@]}" 'GET /containers/json*' '  body {"not": "a list"}'
  run_once --from compose/x --host "$FAKE" -- ls
  refused compose/x
  fake "${PING[@]}" 'GET /images/*' '  status 500' '  body {"message":"disk broken\nin two lines"}'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused 'disk broken; in two lines'
}

@test "too old an API, and a newer one" {
  fake 'GET /_ping' '  header Api-Version: 1.24' '  body OK'
  run_once "${ONE[@]}" --host "$FAKE" -- ls
  refused 1.24
  err_has 1.41
}

@test "permission denied on the socket" {
  ((EUID == 0)) || skip 'needs root to become somebody else'
  fake "${PING[@]}"
  chmod 600 "$WORK/fake.sock"
  chmod -R a+rX "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
  local program=$BATS_TEST_TMPDIR/run-once
  cp "$RUN_ONCE" "$program"
  status=0
  setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$WORK" XDG_STATE_HOME=/nonexistent RUN_ONCE_HISTORY=off \
    "$program" run "${ONE[@]}" --host "$FAKE" -- ls >"$OUT" 2>"$ERR" || status=$?
  status_is 125
  one_complaint "$WORK/fake.sock"
  grep -qi 'permission' "$ERR"
}

@test "jobs and history with ids that nobody knows" {
  for verb in logs attach wait stop rm result; do
    once jobs $verb nosuchjob
    status_is 125
    one_complaint nosuchjob
    once jobs $verb
    status_is 125
    one_complaint
  done
  once history show nosuchjob
  status_is 125
  one_complaint nosuchjob
  once jobs list nosuchjob
  status_is 125
  once jobs list
  status_is 0
  once completion tcsh
  status_is 125
  one_complaint tcsh
  once help nosuchcommand
  status_is 125
  one_complaint nosuchcommand
  once plan --output xml "${ONE[@]}" -- ls
  status_is 125
  one_complaint 'plan prints text|json|engine|manifest'
}

@test "a history that cannot be written: 125 before anything is made" {
  : >file
  RUN_ONCE_HISTORY=$WORK/file/history.jsonl job -- probe line x
  status_is 125
  one_complaint "$WORK/file"
  nothing_left
  RUN_ONCE_HISTORY=/proc/nowhere/history.jsonl job -- probe line x
  status_is 125
  one_complaint /proc/nowhere
  nothing_left
}

@test "a result file that cannot be written: 125 before anything is made" {
  RESULT=$WORK/no/such/folder/result.json
  job -- probe line x
  RESULT=$WORK/none
  status_is 125
  one_complaint no/such/folder
  nothing_left
}
