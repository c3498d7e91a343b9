# What comes out of a command on a cluster, what goes into it, and how it ends.
load lib

well() { status_is 0 && verdict_is succeeded exit && nothing_left 10; }
fill_hash() { "$TOOLS/probe" fill "$1" | sha256sum; }

@test "a line and a status: nothing of its own on stderr, nothing left" {
  job -- probe line hello
  well
  out_is $'hello\n'
  said_nothing
  is "$(result runtime.kind) $(result target.namespace)" "kubernetes $NS"
  is "$(result output.stdout_bytes) $(result output.gap) $(result removed)" '6 null true'
  job -- probe line x exit 1
  status_is 1
  verdict_is failed exit
  job -- probe exit 126
  status_is 126
  verdict_is failed exit
  nothing_left 10
}

@test "from a Deployment: its image, environment and command's entry, none of its labels" {
  workload deployment/web '.spec.template.metadata.labels.tier = "front"'
  job --from deployment/web -- probe env APP
  status_is 0
  out_is $'web\n'
  job --from deployment/web -- sleep 3 &
  within 30 eval '[[ -n $(pod_of) ]]'
  is "$(k get pod "$(pod_of)" -o json | jq -c '.metadata.labels | [has("app"), has("tier"), has("pod-template-hash")]')" '[false,false,false]'
  wait
  nothing_left 10
}

# A registry on the node's loopback, which engines trust without TLS.
@test "the digest that runs is what the job's pod runs, though its tag means something else by now" {
  ours || skip "needs a registry beside the node"
  local engine=$RUN_ONCE_TEST_CLUSTER/engine image=127.0.0.1:5017/shop:v1 digest
  export DOCKER_HOST=unix://$engine/docker.sock DOCKER_CONFIG=$WORK
  printf '%s\n' 'version: 0.1' 'log: {level: warn}' "storage: {filesystem: {rootdirectory: $WORK/registry}}" 'http: {addr: "127.0.0.1:5017"}' >registry.yml
  nsenter --target "$(cut -d' ' -f1 "$engine/holder")" --net -- docker-registry serve "$WORK/registry.yml" >registry.log 2>&1 3>&- &
  helpers+=($!)
  within 10 nsenter --target "$(cut -d' ' -f1 "$engine/holder")" --net -- curl -sf http://127.0.0.1:5017/v2/
  docker tag "$IMAGE" $image
  docker push -q $image >/dev/null
  IMAGE=$image workload deployment/web
  printf 'FROM %s\nENV MOVED=yes\n' "$IMAGE" | DOCKER_BUILDKIT=0 docker build -q -t $image - >/dev/null
  docker push -q $image >/dev/null
  digest=$(k get pods -l app=web -o 'jsonpath={.items[0].status.containerStatuses[0].imageID}')
  digest=${digest##*@}
  [[ $digest == sha256:* ]]
  start_job --from deployment/web -- sh -c 'echo "moved: ${MOVED-no}"; sleep 2'
  k get pod "$(pod_of)" -o json >pod.json
  end_job
  well
  out_is $'moved: no\n'
  is "$(jq -r '.spec.containers[0].image' pod.json)" "127.0.0.1:5017/shop@$digest"
  is "$(jq -r '.status.containerStatuses[0].imageID | split("@")[1]' pod.json)" "$digest"
  is "$(result release.digest)" "$digest"
  docker rmi -f "$(docker image inspect -f '{{.Id}}' $image)" >/dev/null
}

@test "NUL, CRLF, no newline at the end: whole; by attach also bytes that are no UTF-8" {
  job -- sh -c 'printf "a\0b\r\nc tail"'
  well
  cmp "$OUT" <(printf 'a\0b\r\nc tail')
  # Docker's log, which such old nodes have, is JSON: other bytes than UTF-8 are lost in it. No log of a newer one is.
  local bytes='a\0b\r\nc\377\376 tail' options=()
  ! kubectl get nodes -o jsonpath='{..containerRuntimeVersion}' | grep -q docker: || options=(--streams apart)
  job "${options[@]}" -- sh -c "sleep 2; printf '$bytes'"
  well
  cmp "$OUT" <(printf "$bytes")
}

@test "stderr is not lost: apart by --streams apart, else on stdout and said" {
  job -- sh -c 'echo o; echo e >&2'
  well
  if [[ $(result output.stderr_bytes) == null ]]; then
    is "$(sort "$OUT" | tr -d '\n')" eo
    err_has 'all of the output is on stdout'
  else
    out_is $'o\n'
    err_is $'e\n'
  fi
  job --streams apart -- sh -c 'sleep 2; printf o; printf e >&2'
  well
  out_is o
  err_is e
}

@test "not found is 127, not executable is 126: not_started, in words" {
  job -- no-such-command
  status_is 127
  is "$(result verdict) $(result cause)" 'not_started not_found'
  one_complaint no-such-command
  job -- /bin/not-executable
  status_is 126
  is "$(result verdict) $(result cause)" 'not_started not_executable'
  nothing_left 10
}

@test "killed by a signal of its own: 128+N" {
  job -- sh -c 'sh -c "kill -USR1 \$\$"; exit $?'
  status_is 138
  nothing_left 10
}

@test "out of memory is named" {
  job --memory 20m -- probe eat 200
  status_is 122
  is "$(result verdict) $(result cause)" 'killed oom'
  one_complaint memory
  nothing_left 10
}

@test "values given on the command line reach the command and stand nowhere else" {
  start_job -e SECRET_WORD=sesame-opens -e PLAIN='two  words=$(x)' -- probe env SECRET_WORD env PLAIN sleep 3
  k get pods,jobs -l run-once/id -o yaml >seen
  run ! grep -q sesame-opens seen
  k get secrets -l run-once/id -o json | jq -e 'any(.items[].data // {} | .[]; @base64d == "sesame-opens")' >/dev/null
  run ! grep -rq sesame-opens "$XDG_STATE_HOME" "$RUN_ONCE_HISTORY"
  end_job
  status_is 0
  out_is $'sesame-opens\ntwo  words=$(x)\n'
  nothing_left 10
}

@test "arguments arrive as they are" {
  job -- probe argv 'a b' '' "it's" '"q"' '$HOME' '$(HOME)' '$$(x)' $'new\nline' '--' '-x' 'ü'
  well
  out_is $'3:a b\n0:\n4:it\'s\n3:"q"\n5:$HOME\n7:$(HOME)\n5:$$(x)\n8:new\nline\n2:--\n2:-x\n2:ü\n'
}

@test "64 MiB through -i, whole; its end is forwarded and output goes on" {
  "$TOOLS/probe" fill $((64 << 20)) >input
  job -i -- sha256sum <input
  well
  out_is "$(sha256sum <input)"$'\n'
  job -i -- sh -c 'n=$(wc -c); sleep 1; echo "got $n"; sleep 0.3; echo late' < <(printf 'six by')
  well
  out_is $'got 6\nlate\n'
}

@test "without -i the caller's stdin is not touched" {
  printf 'one\ntwo\n' >script
  { job -- cat; cat; } <script >rest
  well
  out_is ''
  is "$(<rest)" $'one\ntwo'
}

@test "64 MiB of output: whole" {
  status=0
  "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -- sh -c 'probe fill 67108864 | base64' >"$OUT" 2>"$ERR" || status=$?
  status_is 0
  is "$(sha256sum <"$OUT")" "$("$TOOLS/probe" fill $((64 << 20)) | base64 | sha256sum)"
  # So much may come before its log can be read at all: docs/kubernetes.md, unproved-log.
  if [[ $(result output.gap) != null ]]; then
    is "$(result output.gap)" 0
    grep -q 'that its beginning is there cannot be proved' "$ERR"
  fi
  nothing_left 10
}

@test "lines longer than any buffer, and no newline in 1 MiB: whole" {
  job -- sh -c 'head -c 1048576 /dev/zero | tr "\0" x; echo; head -c 100000 /dev/zero | tr "\0" y'
  well
  is "$(stat -c %s "$OUT")" $((1048577 + 100000))
  is "$(head -n 1 "$OUT" | wc -c)" 1048577
}

@test "a terminal: size, what is typed, its end" {
  cat >talk <<'X'
set timeout 60
log_user 1
spawn -noecho $env(RUN_ONCE) run --result result.json --from image/$env(IMG) -- sh
stty rows 31 columns 101 < $spawn_out(slave,name)
expect "# "
send "probe tty winsize\r"
expect "tty 1 1 1"
expect "size 31 101"
send "exit 7\r"
expect eof
exit [lindex [wait] 3]
X
  status=0
  IMG=$IMAGE expect talk >"$OUT" 2>"$ERR" || status=$?
  RESULT=result.json
  status_is 7
  is "$(result verdict) $(result exit_code)" 'failed 7'
  nothing_left 15
}

@test "a chosen container runs, the others do not; --with takes one along and its life does not count" {
  workload deployment/web '.spec.template.spec.containers += [{name: "side", image: .spec.template.spec.containers[0].image, imagePullPolicy: "IfNotPresent", args: ["probe", "trap", "TERM", "0", "forever"]}]'
  job --from deployment/web --container web -- probe line alone
  status_is 0
  out_is $'alone\n'
  in_seconds 25 job --from deployment/web --container web --with side -- probe line both exit 3
  status_is 3
  out_is $'both\n'
  nothing_left 40
}

@test "a container that is injected after creation neither keeps the job from ending nor changes its status" {
  # What a mesh's webhook does, by the API itself: pods get an ephemeral neighbour only by admission, so a --with
  # container that outlives the command, and one that fails, stand for it.
  workload cronjob/web '.spec.jobTemplate.spec.template.spec.containers += [{name: "proxy", image: .spec.jobTemplate.spec.template.spec.containers[0].image, imagePullPolicy: "IfNotPresent", args: ["probe", "exit", "9"]}]'
  in_seconds 25 job --from cronjob/web --container web --with proxy -- probe sleep 2 line mine
  status_is 0
  out_is $'mine\n'
  nothing_left 40
}

@test "100 jobs that print one line and exit at once: 100 lines, 100 statuses, nothing left" {
  one() {
    local s=0
    "$RUN_ONCE" run --from "image/$IMAGE" -- probe line "$1" exit $(($1 % 7)) >o$1 2>e$1 </dev/null 3>&- || s=$?
    echo "$1 $s" >s$1
  }
  local n
  for n in {1..100}; do
    one "$n" &
    ((n % 5)) || wait
  done
  wait
  same <(cat $(seq -f 'o%g' 100)) "$(seq 100)"$'\n' stdout
  cat e* >"$ERR"
  said_nothing
  is "$(for n in {1..100}; do read -r i s <s$n; ((s == i % 7)) || echo "$i: $s"; done)" ''
  is "$(history_count intent) $(history_count outcome)" '100 100'
  nothing_left 30
}
