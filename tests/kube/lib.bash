# What every Kubernetes test uses: `load lib` in a .bats file. shellcheck shell=bash disable=SC2034,SC2154
#
# Cluster: the one RUN_ONCE_TEST_KUBECONFIG names (the image RUN_ONCE_TEST_IMAGE must be there for its nodes); without it,
# the one at RUN_ONCE_TEST_CLUSTER, a folder of scripts/cluster (scripts/test starts it); without that, at
# /tmp/run-once-cluster, started when it does not run and left for the next time. Tests that break parts of the cluster
# are left out where it is not ours.
#
# Each test has a namespace of its own, $NS, and runs as a service account there with no more rights than
# manifests/role.yaml gives; the words of tests/e2e/lib.bash (once, job, status_is, out_is, result, ...) are all there, and
#   k ARG...                       kubectl in the namespace, as the administrator
#   workload KIND/NAME [PATCH]     one replica of the test image, labelled app=NAME, running; PATCH: jq on the manifest
#   pod_of [ID], pod_runs          the pod of a job (of the only one)
#   nothing_left [SECONDS]         no Job, pod, Secret or ConfigMap with run-once's labels
#   part kill|stop|cont NAME       a part of the cluster, brought back by the teardown
#   in_seconds N COMMAND...        fails if it took longer
#   said_nothing                   on stderr, but for the line that servers below 1.34 cannot tell it from stdout
bats_require_minimum_version 1.5.0
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"
: "${RUN_ONCE_TEST_CLUSTER:=/tmp/run-once-cluster}" "${RUN_ONCE_TEST_IMAGE:=run-once-test:latest}"
IMAGE=$RUN_ONCE_TEST_IMAGE
ours() { [[ -z ${RUN_ONCE_TEST_KUBECONFIG-} ]]; }

setup_file() {
  if ours; then
    "$PROJECT/scripts/cluster" status "$RUN_ONCE_TEST_CLUSTER" >/dev/null 2>&1 || "$PROJECT/scripts/cluster" start "$RUN_ONCE_TEST_CLUSTER" >&2 || return 1
  fi
}
admin_setup() {
  if ours; then
    ADMIN=$RUN_ONCE_TEST_CLUSTER/admin.kubeconfig KUBECTL=$(<"$RUN_ONCE_TEST_CLUSTER/programs")/kubectl
  else
    ADMIN=$RUN_ONCE_TEST_KUBECONFIG KUBECTL=$(type -P kubectl)
  fi
}
kubectl() { KUBECONFIG=$ADMIN "$KUBECTL" --cache-dir="${BATS_FILE_TMPDIR:-/tmp}/kubectl" "$@"; }
k() { kubectl -n "$NS" "$@"; }

setup() {
  local v
  for v in $(compgen -e | grep -E '^(RUN_ONCE_|DOCKER_|CI$|GITHUB_|KUBE|POD_NAMESPACE|TAG$)' | grep -vE '^RUN_ONCE_TEST_'); do unset "$v"; done
  export RUN_ONCE
  admin_setup
  for v in $(compgen -e | grep '^RUN_ONCE_TEST_'); do export -n "${v?}"; done # doctor calls them misspelt options
  export HOME=$BATS_TEST_TMPDIR/home XDG_STATE_HOME=$BATS_TEST_TMPDIR/state XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
  export RUN_ONCE_HISTORY=$BATS_TEST_TMPDIR/history/history.jsonl LC_ALL=C.UTF-8 TZ=UTC
  WORK=$BATS_TEST_TMPDIR/work
  mkdir -p "$HOME" "$XDG_STATE_HOME" "$WORK" "$BATS_TEST_TMPDIR/history" "$XDG_RUNTIME_DIR"
  chmod 700 "$BATS_TEST_TMPDIR/history" "$XDG_RUNTIME_DIR"
  OUT=$BATS_TEST_TMPDIR/out ERR=$BATS_TEST_TMPDIR/err RESULT=$BATS_TEST_TMPDIR/result.json
  helpers=() broken=()
  cd "$WORK" || return 1
  NS=once-$BATS_TEST_NUMBER-$(printf %04x $RANDOM)
  kubectl create namespace "$NS" >/dev/null || return 1
  k apply -f "$PROJECT/manifests/role.yaml" >/dev/null || return 1
  user_kubeconfig run-once >"$WORK/kubeconfig" || return 1
  export KUBECONFIG=$WORK/kubeconfig RUN_ONCE_RUNTIME=kubernetes
  within 60 k get serviceaccount default >/dev/null 2>&1
}

# A kubeconfig with the token of a service account of this namespace. Tokens are asked for by the API itself: servers
# since 1.24 make no Secret with one.
user_kubeconfig() {
  local token
  token=$(kubectl create --raw "/api/v1/namespaces/$NS/serviceaccounts/$1/token" -f - \
    <<<'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}' | jq -er .status.token) || return
  KUBECONFIG=$ADMIN "$KUBECTL" config view --raw --minify --flatten -o json |
    jq --arg ns "$NS" --arg token "$token" '.users[0].user = {token: $token} | .contexts[0].context.namespace = $ns'
}

teardown() {
  local p
  if ((${#helpers[@]})); then kill "${helpers[@]}" 2>/dev/null || :; fi
  if [[ -n ${launcher-} ]] && kill -0 "$launcher" 2>/dev/null; then kill -KILL "$launcher"; fi
  for p in ${broken[@]+"${broken[@]}"}; do "$PROJECT/scripts/cluster" kill "$RUN_ONCE_TEST_CLUSTER" "$p" CONT >/dev/null 2>&1; done
  # After a server that was away the parts wait up to half a minute before they look again: new ones do not.
  if [[ " ${broken[*]-} " == *' apiserver '* ]]; then
    for p in controller-manager scheduler kubelet; do "$PROJECT/scripts/cluster" kill "$RUN_ONCE_TEST_CLUSTER" "$p" >/dev/null 2>&1; done
  fi
  ((${#broken[@]} == 0)) || "$PROJECT/scripts/cluster" status "$RUN_ONCE_TEST_CLUSTER" >/dev/null || "$PROJECT/scripts/cluster" start "$RUN_ONCE_TEST_CLUSTER" >&2
  kubectl delete namespace "$NS" --wait=false >/dev/null 2>&1
  return 0
}

in_namespace() { k get jobs,pods,secrets,configmaps -l run-once/id -o name 2>/dev/null; }
nothing_left() {
  local tries=$((${1:-0} * 4)) left
  while :; do
    left=$(in_namespace)
    [[ -n $left ]] || return 0
    ((tries-- > 0)) || break
    sleep 0.25
  done
  echo "left in the namespace:"
  k get jobs,pods,secrets,configmaps -l run-once/id -o wide 2>&1
  return 1
}

workload() {
  local kind=${1%%/*} name=${1#*/} template api
  template=$(jq -n --arg n "$name" --arg i "$IMAGE" '{metadata: {labels: {app: $n}}, spec: {terminationGracePeriodSeconds: 1, containers:
    [{name: "web", image: $i, imagePullPolicy: "IfNotPresent", args: ["probe", "trap", "TERM", "0", "forever"], env: [{name: "APP", value: $n}]}]}}')
  case $kind in
    deployment | replicaset | daemonset | statefulset)
      jq -n --arg n "$name" --argjson t "$template" --arg k "$kind" '{apiVersion: "apps/v1",
        kind: {deployment: "Deployment", replicaset: "ReplicaSet", daemonset: "DaemonSet", statefulset: "StatefulSet"}[$k], metadata: {name: $n},
        spec: ({replicas: 1, selector: {matchLabels: {app: $n}}, template: $t} + (if $k == "statefulset" then {serviceName: $n} else {} end))}
          | if $k == "daemonset" then del(.spec.replicas) else . end' ;;
    job) jq -n --arg n "$name" --argjson t "$template" '{apiVersion: "batch/v1", kind: "Job", metadata: {name: $n}, spec: {template: $t}}
      | .spec.template.spec.restartPolicy = "Never"' ;;
    cronjob)
      api=batch/v1 # since 1.21
      kubectl get --raw /apis/batch/v1 | grep -q cronjobs || api=batch/v1beta1
      jq -n --arg n "$name" --argjson t "$template" --arg a "$api" '{apiVersion: $a, kind: "CronJob", metadata: {name: $n},
        spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: $t}}}} | .spec.jobTemplate.spec.template.spec.restartPolicy = "Never"' ;;
    pod) jq -n --arg n "$name" --argjson t "$template" '{apiVersion: "v1", kind: "Pod"} + $t | .metadata.name = $n' ;;
  esac | jq "${2:-.}" | k apply -f - >/dev/null || return 1
  case $kind in
    cronjob) ;;
    pod) k wait --for=condition=Ready "pod/$name" --timeout=60s >/dev/null ;;
    job) within 30 workload_pod_runs "$name" ;;
    *) k rollout status "$kind/$name" --timeout=60s >/dev/null 2>&1 || within 60 workload_pod_runs "$name" ;;
  esac
}
workload_pod_runs() { k get pods -l "app=$1" -o json | jq -e 'any(.items[]; .status.phase == "Running")' >/dev/null; }

with_source() { # completes the caller's options
  [[ " ${options[*]} " =~ \ --(from|release)[\ =] ]] || options=(--from "image/$IMAGE" "${options[@]}")
}
# shellcheck disable=SC2119,SC2120 # the job, for some
pod_of() { k get pods -l "run-once/id${1:+=$1}" -o 'jsonpath={.items[0].metadata.name}' 2>/dev/null; }
pod_runs() { [[ -n $(k get pods -l run-once/id -o json | jq -r '.items[] | select(any(.status.containerStatuses[]?; .state.running)) | .metadata.name') ]]; }
job_runs() { pod_runs; }
says() { k logs "$(pod_of)" 2>&1 | grep -qF -- "$1"; }
objects_of() { k get "$1" -l "run-once/id=$2" -o name; }
gone() { [[ -z $(in_namespace) ]]; }

part() {
  ours || skip "only on a cluster of our own"
  broken+=("$2")
  case $1 in
    kill) "$PROJECT/scripts/cluster" kill "$RUN_ONCE_TEST_CLUSTER" "$2" ;;
    stop) "$PROJECT/scripts/cluster" kill "$RUN_ONCE_TEST_CLUSTER" "$2" STOP ;;
    cont) "$PROJECT/scripts/cluster" kill "$RUN_ONCE_TEST_CLUSTER" "$2" CONT ;;
    back) "$PROJECT/scripts/cluster" start "$RUN_ONCE_TEST_CLUSTER" >/dev/null ;;
  esac
}
in_seconds() {
  local limit=$1 from=$SECONDS
  shift
  "$@" || return
  ((SECONDS - from <= limit)) || { echo "took $((SECONDS - from)) s, not $limit: $*"; return 1; }
}
said_nothing() {
  grep -v '^run-once: the log of this cluster does not tell stderr from stdout' "$ERR" >"$ERR.own" || return 0
  echo "it said something of its own:"
  show
  return 1
}
# The line about the one log stands before whatever else is said.
one_complaint() {
  local own
  own=$(grep -v '^run-once: the log of this cluster does not tell' "$ERR") || :
  [[ $own != *$'\n'* && $own == 'run-once: '*': '* && $own == *"${1-}"* ]] && return
  echo "not one line 'run-once: WHAT: WHY' with '${1-}':"
  show
  return 1
}
