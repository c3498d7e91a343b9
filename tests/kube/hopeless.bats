# What cannot start ends in seconds, in words, and leaves nothing.
load lib

ends() { # STATUS CAUSE TEXT
  status_is "$1"
  is "$(result verdict) $(result cause)" "not_started $2"
  [[ $(result message) == *"$3"* ]] || { echo "the message does not say: $3"; show; return 1; }
  one_complaint "$3"
  nothing_left 60
}

@test "an image that is not there: the registry's words" {
  in_seconds 40 job --from image/registry.invalid/nowhere/image:v1 -- probe line never
  ends 125 image registry.invalid/nowhere/image:v1
}

@test "an image that must not be pulled and is not there" {
  in_seconds 20 job --pull never --from image/not-here:v1 -- probe line never
  ends 125 image not-here:v1
}

@test "a name that is no image" {
  in_seconds 20 job --from 'image/NOT AN IMAGE' -- probe line never
  status_is 125
  nothing_left 20
}

# A cronjob: of a deployment the revision that runs would be taken, which has what it needs.
@test "a missing Secret, ConfigMap and key: named" {
  local container=.spec.jobTemplate.spec.template.spec.containers[0]
  k create configmap there --from-literal=a=b >/dev/null
  workload cronjob/secret "$container.envFrom = [{secretRef: {name: \"gone-secret\"}}]"
  workload cronjob/map "$container.envFrom = [{configMapRef: {name: \"gone-map\"}}]"
  workload cronjob/key "$container.env = [{name: \"X\", valueFrom: {configMapKeyRef: {name: \"there\", key: \"no-such-key\"}}}]"
  in_seconds 30 job --from cronjob/secret -- probe line never
  ends 125 missing_reference gone-secret
  in_seconds 30 job --from cronjob/map -- probe line never
  ends 125 missing_reference gone-map
  in_seconds 30 job --from cronjob/key -- probe line never
  ends 125 missing_reference no-such-key
}

@test "a volume's Secret that is not there: named" {
  workload cronjob/web '.spec.jobTemplate.spec.template.spec |= (.volumes = [{name: "v", secret: {secretName: "gone-volume"}}] | .containers[0].volumeMounts = [{name: "v", mountPath: "/v"}])'
  in_seconds 40 job --from cronjob/web -- probe line never
  ends 125 missing_reference gone-volume
}

@test "a quota that is full: its words" {
  k create quota small --hard=cpu=10m >/dev/null
  within 10 eval '[[ -n $(k get quota small -o jsonpath={.status.hard}) ]]'
  in_seconds 20 job --cpus 1 -- probe line never
  ends 125 quota small
  k delete quota small >/dev/null
  k create quota jobs --hard=count/jobs.batch=0 >/dev/null
  within 10 eval '[[ -n $(k get quota jobs -o jsonpath={.status.hard}) ]]'
  in_seconds 20 job -- probe line never
  ends 125 quota jobs
}

@test "a quota that the pod lacks the figures for" {
  k create quota must --hard=limits.memory=1Gi >/dev/null
  within 10 eval '[[ -n $(k get quota must -o jsonpath={.status.hard}) ]]'
  in_seconds 20 job -- probe line never
  ends 125 quota limits.memory
}

@test "no node fits: what is lacking" {
  in_seconds 60 job --cpus 4000 -- probe line never
  ends 125 unschedulable cpu
}

@test "a node selector that no node has" {
  workload cronjob/web '.spec.jobTemplate.spec.template.spec.nodeSelector = {planet: "mars"}'
  in_seconds 60 job --from cronjob/web -- probe line never
  ends 125 unschedulable 'node'
}

@test "the start's own deadline: 124, never started" {
  workload cronjob/web '.spec.jobTemplate.spec.template.spec.nodeSelector = {planet: "mars"}'
  in_seconds 15 job --start-timeout 2 --from cronjob/web -- probe line never
  status_is 124
  is "$(result verdict) $(result cause)" 'not_started deadline_start'
  nothing_left 20
}

@test "a service account that is not there" {
  cat >release.yaml <<X
version: 1
name: shop
runtime: kubernetes
image: $IMAGE
kubernetes: {service_account: nobody-here}
X
  in_seconds 20 job --release release.yaml -- probe line never
  status_is 125
  one_complaint nobody-here
  nothing_left 20
}

@test "rights that are missing: which, before anything is created" {
  k create serviceaccount weak >/dev/null
  k create role weak --verb=get,list,watch --resource=pods >/dev/null
  k create rolebinding weak --role=weak "--serviceaccount=$NS:weak" >/dev/null
  user_kubeconfig weak >weak.kubeconfig
  KUBECONFIG=$WORK/weak.kubeconfig job -- probe line never
  status_is 125
  is "$(result verdict) $(result cause)" 'not_started permission'
  one_complaint jobs
  nothing_left
  KUBECONFIG=$WORK/weak.kubeconfig once doctor
  status_is 1
  out_has 'kind: Role'
}

@test "doctor finds nothing to complain of with the Role of manifests/" {
  once doctor
  status_is 0
}

@test "a server that does not answer, a context and a file that are not there: one line, 125" {
  KUBECONFIG=/nowhere/config job -- probe line never
  status_is 125
  one_complaint
  job --context other -- probe line never
  status_is 125
  one_complaint other
  jq '.clusters[0].cluster.server = "https://127.0.0.1:1"' kubeconfig >dead
  in_seconds 15 env KUBECONFIG="$WORK/dead" true
  KUBECONFIG=$WORK/dead job -- probe line never
  status_is 125
  one_complaint 127.0.0.1:1
  nothing_left
}
