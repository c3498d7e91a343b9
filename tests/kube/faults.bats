# What happens to a job when the cluster around it breaks: the truth or "unknown", one execution, nothing left, its lock
# free, a history that verifies.
load ../e2e/life
load lib # its words go over those
eval "lib_$(declare -f setup)"

# Every execution leaves a line in a file on the node, which is this machine where the cluster is ours.
setup() {
  lib_setup || return 1
  mkdir -m 777 marks
  local volume='{name: "marks", emptyDir: {}}'
  ! ours || volume="{name: \"marks\", hostPath: {path: \"$WORK/marks\"}}"
  workload cronjob/shop ".spec.jobTemplate.spec.template.spec |= (.volumes = [$volume] | .containers[0].volumeMounts = [{name: \"marks\", mountPath: \"/marks\"}])"
}

begun() { says begun; }
# begin [OPTION...] -- STEP...: of the probe, behind a mark and the word.
begin() {
  local options=()
  while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  "$RUN_ONCE" run --result "$RESULT" --from cronjob/shop --lock fault "${options[@]}" -- probe append /marks/all x line begun "$@" >"$OUT" 2>"$ERR" </dev/null 3>&- &
  launcher=$!
  within 60 begun # controllers come back late when the API server was away just before
  id=$(job_id)
}
lines() { for ((i = 0; i < $1; i++)); do echo "line line$i sleep $2"; done; }
# ended STATUS VERDICT [CAUSE]
ended() {
  end_job
  status_is "$1"
  is "$(result verdict) $(result cause)" "$2 ${3-$(result cause)}"
}
# afterwards SECONDS [EXECUTIONS]: what holds once it has settled, whatever broke.
afterwards() {
  nothing_left "$1"
  ! ours || is "$(cat marks/* 2>/dev/null | wc -l)" "${2-1}" executions
  is "$(outcomes_of "$id")" 1 outcomes
  chain_holds
  once plan --from cronjob/shop --lock fault -- probe line free
  status_is 0
}
one_of() { # VALUE EXPECTED...
  local value=$1
  shift
  [[ " $* " == *" $value "* ]] || { echo "$value is none of: $*"; show; return 1; }
}

@test "the pod is deleted mid-run: it ran once, and its end is told as what it is" {
  begin --stop-grace 2 -- trap TERM 0 forever
  run -121 "$RUN_ONCE" plan --from cronjob/shop --lock fault -- probe line held
  k delete pod "$(pod_of)" --wait=false >/dev/null
  ended 122 killed deleted
  is "$(result retry_safe)" false
  is "$(grep -c begun "$OUT")" 1
  run ! pod_runs # the Job's controller makes a second one; it lacks its ticket
  afterwards 30
}

@test "an exit 0 of a pod that is being deleted is no success" {
  begin --stop-grace 20 -- trap TERM 0 forever
  k delete pod "$(pod_of)" --grace-period=5 --wait=false >/dev/null
  ended 122 killed deleted
  is "$(result exit_code)" 0
  afterwards 20
}

# Six at once, each with a deadline that passes about when its command begins: whichever it was, it is told.
@test "--start-timeout passes while the command begins: a success only with its output, never a start that is denied" {
  local n v i jobs=(1 1 2 2 3 3)
  for n in "${!jobs[@]}"; do
    "$RUN_ONCE" run --result r$n.json --start-timeout "${jobs[n]}" --from cronjob/shop -- probe append /marks/$n x line out >o$n 2>e$n 3>&- </dev/null &
  done
  wait
  for n in "${!jobs[@]}"; do
    RESULT=r$n.json OUT=o$n ERR=e$n status=$(jq .exit_status r$n.json)
    v="$(result verdict) $(result cause) $(result exit_status)"
    case $v in
      'succeeded exit 0') out_is $'out\n' ;;
      'not_started deadline_start 124') out_is '' && [[ ! -e marks/$n ]] ;;
      'killed deadline_start 124' | 'unknown '*' 120') ;;
      *) echo "job $n: $v"; show; false ;;
    esac
  done
  nothing_left 30
  is "$(for i in marks/*; do [[ ! -e $i ]] || wc -l <"$i"; done | sort -u | grep -vx 1)" '' 'executions other than one'
  chain_holds
}

@test "the pod is torn away, and nobody looks after the job: no second one runs its command" {
  begin -- forever
  sleep 1
  kill_both
  k delete pod "$(pod_of)" --grace-period=0 --force >/dev/null 2>&1
  within 20 eval '[[ $(k get pods -l run-once/id -o json | jq -r ".items[].status.containerStatuses[]?.state.waiting.reason") == CreateContainerConfigError ]]'
  once jobs prune --now
  within 30 recorded "$id"
  one_of "$(field "$id" verdict)" unknown killed
  afterwards 30
}

@test "the Job is deleted by someone else: unknown or deleted, never a success" {
  begin -- trap TERM 0 forever
  k delete job -l run-once/id --wait=false >/dev/null
  end_job
  one_of "$status $(result verdict)" '122 killed' '120 unknown'
  afterwards 20
}

@test "evicted: killed, and by what" {
  begin --stop-grace 2 -- trap TERM 0 forever
  local pod
  pod=$(pod_of)
  kubectl create --raw "/api/v1/namespaces/$NS/pods/$pod/eviction" -f - >/dev/null \
    <<<'{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"'"$pod"'","namespace":"'"$NS"'"}}'
  ended 122 killed
  one_of "$(result cause)" deleted evicted
  afterwards 20
}

@test "API server killed and restarted mid-job: the command's own end, every line once" {
  # shellcheck disable=SC2046 # words
  begin -- $(lines 16 0.5) exit 4
  within 15 says line2
  part kill apiserver
  sleep 2
  part back
  ended 4 failed exit
  same "$OUT" $'begun\n'"$(for i in {0..15}; do echo line$i; done)"$'\n' stdout
  afterwards 20
}

@test "API server killed while the command ends: the same" {
  begin -- sleep 2 line end exit 4
  part kill apiserver
  sleep 3
  part back
  ended 4 failed exit
  out_is $'begun\nend\n'
  afterwards 20
}

@test "API server away for longer than --reconnect-for: unknown (120), then settled" {
  begin --reconnect-for 3 -- sleep 6 exit 4
  part kill apiserver
  ended 120 unknown contact_lost
  part back
  once jobs prune --now
  within 60 recorded "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 4'
  afterwards 60
}

@test "launcher killed while the API server is away: its guardian waits for it, and tells the true end" {
  begin -- sleep 3 line end exit 4
  part kill apiserver
  kill_launcher
  sleep 3
  part back
  within 60 recorded "$id"
  is "$(field "$id" verdict) $(field "$id" cause) $(field "$id" exit_code)" 'failed exit 4'
  once jobs logs "$id"
  out_is $'begun\nend\n'
  afterwards 20
}

@test "launcher and guardian killed while the API server is away: the next run settles it" {
  begin -- sleep 3 exit 4
  part kill apiserver
  kill_both
  sleep 3
  part back
  RESULT=$BATS_TEST_TMPDIR/later.json
  job -- probe line next
  status_is 0
  out_is $'next\n'
  within 30 recorded "$id"
  is "$(field "$id" verdict) $(field "$id" exit_code)" 'failed 4'
  afterwards 20
}

@test "etcd pauses for 10 s mid-job: survived" {
  begin -- sleep 4 line end exit 4
  part stop etcd
  sleep 10
  part cont etcd
  ended 4 failed exit
  out_is $'begun\nend\n'
  afterwards 30
}

@test "the controller manager is away when a job is started: waited for, then run" {
  part kill controller-manager
  "$RUN_ONCE" run --result "$RESULT" --from cronjob/shop --lock fault -- probe append /marks/all x line late exit 3 >"$OUT" 2>"$ERR" 3>&- </dev/null &
  launcher=$!
  sleep 3
  id=$(job_id)
  part back
  ended 3 failed exit
  out_is $'late\n'
  afterwards 30
}

@test "kubelet stopped: the node is lost, and what became of the command is unknown (120)" {
  begin -- sleep 5 exit 4
  part kill kubelet
  ended 120 unknown node_lost
  err_has node
  part back
  once jobs prune --now
  afterwards 60
}

@test "kubelet restarted while the command runs: nothing happened" {
  begin -- sleep 4 line end exit 4
  part kill kubelet
  part back
  ended 4 failed exit
  out_is $'begun\nend\n'
  afterwards 30
}

@test "kubelet stands still for 8 s, and the command ends meanwhile: its own end" {
  begin -- sleep 3 line end exit 4
  part stop kubelet
  sleep 8
  part cont kubelet
  ended 4 failed exit
  out_is $'begun\nend\n'
  afterwards 30
}
