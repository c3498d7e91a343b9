# What happens to a job when the cluster around it breaks: the truth or "unknown", never twice, nothing left.
load ../e2e/life
load lib # its words go over those

begun() { says begun; }
ready_again() { kubectl get --raw /readyz >/dev/null 2>&1; }

@test "the pod is deleted mid-run: it ran once, and its end is told as what it is" {
  start_job --stop-grace 2 -- probe line begun trap TERM 0 forever
  within 15 begun
  k delete pod "$(pod_of)" --wait=false >/dev/null
  end_job
  status_is 122
  is "$(result verdict) $(result cause) $(result retry_safe)" 'killed deleted false'
  is "$(grep -c begun "$OUT")" 1
  sleep 3
  run ! pod_runs # the Job's controller makes a second one; it lacks its ticket
  nothing_left 30
}

@test "an exit 0 of a pod that is being deleted is no success" {
  start_job --stop-grace 20 -- probe line begun trap TERM 0 forever
  within 15 begun
  k delete pod "$(pod_of)" --grace-period=5 --wait=false >/dev/null
  end_job
  status_is 122
  is "$(result verdict) $(result cause)" 'killed deleted'
  nothing_left 20
}

@test "the pod is torn away, and nobody looks after the job: no second one runs its command" {
  start_job -- probe line begun forever
  id=$(job_id)
  within 15 begun
  sleep 1
  kill_both
  k delete pod "$(pod_of)" --grace-period=0 --force >/dev/null 2>&1
  sleep 8
  run ! pod_runs
  once jobs prune --now
  within 30 recorded "$id"
  [[ $(field "$id" verdict) == unknown || $(field "$id" verdict) == killed ]] || { field "$id" verdict; false; }
  nothing_left 30
}

@test "the Job is deleted by someone else: unknown or deleted, never a success" {
  start_job -- probe line begun trap TERM 0 forever
  within 15 begun
  k delete job -l run-once/id --wait=false >/dev/null
  end_job
  [[ $status == 122 || $status == 120 ]] || show
  [[ $(result verdict) == killed || $(result verdict) == unknown ]]
  nothing_left 20
}

@test "evicted: killed, and by what" {
  start_job --stop-grace 2 -- probe line begun trap TERM 0 forever
  within 15 begun
  local pod
  pod=$(pod_of)
  kubectl create --raw "/api/v1/namespaces/$NS/pods/$pod/eviction" -f - >/dev/null \
    <<<'{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"'"$pod"'","namespace":"'"$NS"'"}}'
  end_job
  status_is 122
  [[ $(result cause) == deleted || $(result cause) == evicted ]]
  nothing_left 20
}

@test "API server killed and restarted mid-job: the command's own end, every line once" {
  start_job -- sh -c 'i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i + 1)); sleep 0.5; done; exit 4'
  within 15 says 'line 2'
  part kill apiserver
  sleep 2
  part back
  end_job
  status_is 4
  verdict_is failed exit
  same "$OUT" "$(for i in {0..19}; do echo line $i; done)"$'\n' stdout
  nothing_left 20
}

@test "API server killed while the command ends: the same" {
  start_job -- sh -c 'echo begun; sleep 3; echo end; exit 4'
  within 15 begun
  part kill apiserver
  sleep 5
  part back
  end_job
  status_is 4
  out_is $'begun\nend\n'
  nothing_left 20
}

@test "API server away for longer than --reconnect-for: unknown (120), then settled" {
  start_job --reconnect-for 3 -- sh -c 'echo begun; sleep 8; exit 4'
  id=$(job_id)
  within 15 begun
  part kill apiserver
  end_job
  status_is 120
  is "$(result verdict) $(result cause)" 'unknown contact_lost'
  part back
  once jobs prune --now
  within 60 gone
}

@test "etcd pauses for 8 s mid-job: survived" {
  start_job -- sh -c 'echo begun; sleep 4; echo end; exit 4'
  within 15 begun
  part stop etcd
  sleep 8
  part cont etcd
  end_job
  status_is 4
  out_is $'begun\nend\n'
  nothing_left 30
}

@test "the controller manager is away when a job is started: waited for, then run" {
  part kill controller-manager
  "$RUN_ONCE" run --result "$RESULT" --from image/$IMAGE -- probe line late exit 3 >"$OUT" 2>"$ERR" 3>&- </dev/null &
  launcher=$!
  sleep 4
  part back
  end_job
  status_is 3
  out_is $'late\n'
  nothing_left 30
}

@test "kubelet stopped: the node is lost, and what became of the command is unknown (120)" {
  start_job -- probe line begun sleep 10 exit 4
  within 15 begun
  part kill kubelet
  end_job
  status_is 120
  is "$(result verdict) $(result cause)" 'unknown node_lost'
  err_has node
  part back
  once jobs prune --now
  within 60 gone
}

@test "kubelet restarted while the command runs: nothing happened" {
  start_job -- sh -c 'echo begun; sleep 6; echo end; exit 4'
  within 15 begun
  part kill kubelet
  part back
  end_job
  status_is 4
  out_is $'begun\nend\n'
  nothing_left 30
}
