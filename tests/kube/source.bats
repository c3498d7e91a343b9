# Where a job on a cluster comes from, and when it is refused.
load lib

refused() { # CAUSE [TEXT]
  status_is 121
  is "$(result verdict) $(result cause)" "refused $1"
  one_complaint "${2-}"
  nothing_left
}

@test "every kind of workload is a source" {
  for kind in deployment statefulset daemonset replicaset pod cronjob; do workload $kind/$kind & done
  wait
  workload job/job
  for kind in deployment statefulset daemonset replicaset pod cronjob job; do
    job --from $kind/$kind -- probe env APP
    status_is 0
    out_is "$kind"$'\n'
  done
  nothing_left 20
}

@test "a workload that is not there: 125, named" {
  job --from deployment/nowhere -- probe line x
  status_is 125
  one_complaint nowhere
  nothing_left
}

@test "the digest that runs is pinned" {
  workload deployment/web
  once plan --output json --from deployment/web -- probe line x
  status_is 0
  is "$(jq -r '.release.source' "$OUT")" deployment/web
  local running
  running=$(k get pods -l app=web -o 'jsonpath={.items[0].status.containerStatuses[0].imageID}')
  [[ $running != *@sha256:* ]] || is "$(jq -r '.release.digest' "$OUT")" "${running##*@}"
}

@test "a Service that would select the copy: refused, named" {
  workload deployment/web
  k create service clusterip kept --tcp=80:80 >/dev/null
  k patch service kept --type=merge -p '{"spec":{"selector":{"app":null,"team":"blue"}}}' >/dev/null
  job --from deployment/web -- probe line fine
  status_is 0
  k patch deployment web --type=merge -p '{"spec":{"template":{"metadata":{"labels":{"team":"blue"}}}}}' >/dev/null
  k rollout status deployment/web --timeout=60s >/dev/null
  within 30 eval '(($(k get pods -l app=web -o name | wc -l) == 1))'
  job --from deployment/web -- probe line fine
  status_is 0
  job --from deployment/web --keep-label team -- probe line never
  refused not_inert kept
}

@test "a roll-out half done: refused, listed; --image-of chooses" {
  workload deployment/web '.spec.replicas = 2'
  k set env deployment/web REVISION=2 >/dev/null
  k patch deployment web --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"'"$IMAGE"'-never","imagePullPolicy":"Never"}]}}}}' >/dev/null
  within 20 eval '(($(k get replicasets -l app=web -o name | wc -l) >= 2))'
  k patch deployment web --type=json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"'"$IMAGE"'"},{"op":"add","path":"/spec/template/spec/containers/0/args","value":["probe","trap","TERM","0","forever"]},{"op":"add","path":"/spec/minReadySeconds","value":300}]' >/dev/null
  within 30 eval '(($(k get pods -l app=web -o json | jq "[.items[] | select(.status.phase == \"Running\") | .metadata.labels[\"pod-template-hash\"]] | unique | length") == 2))'
  job --from deployment/web -- probe line never
  refused rollout
  err_has web-
  local pod
  pod=$(k get pods -l app=web -o 'jsonpath={.items[0].metadata.name}')
  job --from deployment/web --image-of "$pod" -- probe line chosen
  status_is 0
  out_is $'chosen\n'
  nothing_left 20
}

@test "references stay references: Secret and ConfigMap by name, in the environment and as files" {
  k create secret generic settings --from-literal=TOKEN=from-secret >/dev/null
  k create configmap words --from-literal=WORD=from-map >/dev/null
  workload deployment/web '.spec.template.spec.containers[0] += {envFrom: [{configMapRef: {name: "words"}}], env: [{name: "TOKEN", valueFrom: {secretKeyRef: {name: "settings", key: "TOKEN"}}}], volumeMounts: [{name: "s", mountPath: "/s"}]} | .spec.template.spec.volumes = [{name: "s", secret: {secretName: "settings"}}]'
  job --from deployment/web -- sh -c 'echo $TOKEN $WORD; cat /s/TOKEN'
  status_is 0
  out_is $'from-secret from-map\nfrom-secret'
  once plan --output manifest --from deployment/web -- probe line x
  status_is 0
  run ! grep -q from-secret "$OUT"
  nothing_left 10
}

@test "probes, ports and hooks are dropped; service account and security context stay" {
  k create serviceaccount worker >/dev/null
  workload deployment/web '.spec.template.spec.serviceAccountName = "worker" | .spec.template.spec.containers[0] += {ports: [{containerPort: 8080}], securityContext: {runAsUser: 1000}, lifecycle: {preStop: {exec: {command: ["sleep", "1"]}}}}'
  start_job --from deployment/web -- probe id sleep 3
  k get pod "$(pod_of)" -o json >pod
  is "$(jq -c '.spec | [.serviceAccountName, .containers[0].securityContext.runAsUser, .containers[0].ports, .containers[0].lifecycle, .restartPolicy]' pod)" '["worker",1000,null,null,"Never"]'
  end_job
  status_is 0
  out_has 'id 1000'
  nothing_left 10
}

@test "plan changes nothing and says what was dropped; its manifest is accepted by the server" {
  workload deployment/web
  once plan --from deployment/web -e WORD=sesame -- probe line x
  status_is 0
  out_has deployment/web
  run ! grep -q sesame "$OUT"
  once plan --output manifest --from deployment/web -e WORD=sesame --lock schema --timeout 1h -- probe line 'two words'
  status_is 0
  run ! grep -q sesame "$OUT"
  cp "$OUT" manifest.yaml
  k apply --dry-run=server -f manifest.yaml
  in_namespace >left
  is "$(<left)" ''
}

@test "a template Job of the user's own" {
  cat >release.yaml <<X
version: 1
name: shop
runtime: kubernetes
kubernetes: {template: job.yaml}
tasks:
  hello: {command: [probe, env, FROM_TEMPLATE], description: a greeting}
X
  sed "s|registry.example.com/shop:stable|$IMAGE|; s|value: production|value: of the template|; s|RAILS_ENV|FROM_TEMPLATE|" "$PROJECT/manifests/job-template.yaml" >job.yaml
  sed -i "s|cpu: 100m, memory: 128Mi|cpu: 10m, memory: 16Mi|" job.yaml
  once task --release release.yaml --result "$RESULT" hello
  status_is 0
  out_is $'of the template\n'
  nothing_left 10
}
