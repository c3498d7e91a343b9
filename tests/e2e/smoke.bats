# The simplest runs, from one end to the other. What each file beside this one goes deeper into is seen here once.
load lib

@test "stdout and stderr apart, byte for byte, and silence of its own" {
  job -- probe out 'one
two' err 'three
' out $'\ttäbs and no newline'
  status_is 0
  out_is $'one\ntwo\ttäbs and no newline'
  err_is $'three\n'
  job -- sh -c 'printf "\000\377\r\n"; printf "\001" >&2'
  cmp "$OUT" <(printf '\000\377\r\n')
  cmp "$ERR" <(printf '\001')
  nothing_left
}

@test "the command's own exit status" {
  for n in 0 1 42 119 255; do
    job -- probe exit $n
    status_is $n
    is "$(result exit_code)" $n
    is "$(result exit_status)" $n
  done
  nothing_left
}

@test "a status that is also one of run-once's is said to be the command's" {
  job -- probe exit 125
  status_is 125
  verdict_is failed exit
  err_is $'run-once: 125 is the command\'s own exit status\n'
}

@test "result and record of a success" {
  job --reason 'release 7' -- probe line hello err x
  status_is 0
  verdict_is succeeded exit
  is "$(result 'command | join("|")')" 'probe|line|hello|err|x'
  is "$(result retry_safe)" null
  is "$(result reason)" 'release 7'
  is "$(result output.stdout_bytes) $(result output.stderr_bytes)" '6 1'
  is "$(result removed)" true
  is "$(result release.image_id)" "$(docker image inspect -f '{{.Id}}' run-once-test)"
  is "$(result runtime.kind)" "${RUN_ONCE_TEST_KIND:-docker}"
  is "$(history_count intent) $(history_count outcome)" '1 1'
  is "$(intent id)" "$(result id)"
  is "$(outcome hash)" "$(result record_hash)"
  is "$(stat -c %a "$(dirname "$RUN_ONCE_HISTORY")")" 700
  nothing_left
}

@test "127 for a command that is not there, 126 for one that cannot be run" {
  job -- no-such-command
  status_is 127
  verdict_is not_started not_found
  one_complaint no-such-command
  is "$(result exit_code)" null
  is "$(result retry_safe)" true
  job -- /bin/not-executable
  status_is 126
  job -- /bin
  status_is 126
  verdict_is not_started not_executable
  nothing_left
}

@test "a running container's image, environment, user, folder and volume" {
  make_volume data
  source_container app -e SECRET_WORD=sesame -e MODE=production -u 1000:2000 -w /tmp -v data:/data -p 8000 --restart always --
  docker exec -u 0 app probe append /data/file from-app
  job --from container/app -e MODE=maintenance -- probe env SECRET_WORD env MODE env FROM_IMAGE lines /data/file id
  status_is 0
  is "$(sed 's/^id 1000 2000 [0-9]*/id 1000 2000 N/' "$OUT")" $'sesame\nmaintenance\nyes\n1\nid 1000 2000 N /tmp'
  nothing_left
}

@test "nothing but end of file on stdin, and a script on it is not swallowed" {
  printf '%s\n' "$RUN_ONCE run --from image/run-once-test -- probe count" 'echo last line' >script
  status=0
  sh <script >"$OUT" 2>"$ERR" || status=$?
  status_is 0
  out_is $'0\nlast line\n'
}

@test "-i sends all of stdin and its end" {
  head -c 3000000 /dev/urandom >input
  job -i -- cat <input
  status_is 0
  cmp input "$OUT"
  verdict_is succeeded exit
  nothing_left
}

@test "plan shows names and no values, and makes nothing" {
  source_container app -e SECRET_WORD=sesame --label traefik.enable=true -p 8000 --
  once plan --from container/app -e TOKEN=open-it -- probe line hello
  status_is 0
  out_has probe
  out_has SECRET_WORD
  out_has TOKEN
  out_has "$(docker inspect -f '{{.Image}}' app | cut -d: -f2 | cut -c1-12)"
  run ! grep -qE 'sesame|open-it' "$OUT" "$ERR"
  once plan --from container/app --output json -- probe line hello
  status_is 0
  jq -e . "$OUT" >/dev/null
  [[ ! -e $RUN_ONCE_HISTORY ]]
  nothing_left
}

@test "faults of the command line and of the surroundings: one line, 125, nothing made" {
  once run --no-such-option -- ls
  status_is 125
  one_complaint no-such-option
  job --from container/nobody -- ls
  status_is 125
  one_complaint nobody
  verdict=$(result verdict)
  is "$verdict" not_started
  once run --host unix:///nowhere/docker.sock --from image/run-once-test -- ls
  status_is 125
  one_complaint /nowhere/docker.sock
  once run --from image/no-such-image:1 --pull never -- ls
  status_is 125
  one_complaint no-such-image
  nothing_left
}
