# What plan says of a job on a cluster, and what its manifest holds.
load lib

planned() { once plan "$@" && status_is 0; }
manifest() { planned --output manifest "$@" && cp "$OUT" manifest.yaml; }
# The pod's spec of a manifest, as the server reads it: JQ
pod_spec() { k create --dry-run=server -o json -f manifest.yaml | jq -c "select(.kind == \"Job\") | .spec.template | $1"; }

@test "names with their origin, what was dropped and why, what was checked; no values" {
  workload deployment/web '.spec.template.spec.containers[0] += {ports: [{containerPort: 8080}], env: [{name: "LITERAL", value: "marker-1"}], envFrom: [{configMapRef: {name: "words", optional: true}}]}
    | .spec.template.spec.containers += [.spec.template.spec.containers[0] + {name: "side"}] | .spec.template.metadata.annotations = {"prometheus.io/scrape": "true", "keep.example.com/it": "yes"}'
  planned --from deployment/web --container web -e GIVEN=marker-2 -- probe line x
  out_has '  GIVEN                            (--env)'
  out_has '  LITERAL                          (deployment/web)'
  out_has '  config map words'
  out_has '  container side: only the chosen container runs (--with keeps it)'
  out_has '  ports of container web: the copy serves nobody'
  out_has '  label app: a selector would take the copy for the application (--keep-label keeps it)'
  out_has '  annotation prometheus.io/scrape: the copy must not be scraped as the application'
  out_has '  the cluster takes such a pod (dry run)'
  run ! grep -q marker- "$OUT"
  planned --from deployment/web -- probe line x
  out_has 'deployment/web has several containers (web, side); the command runs in the first; --container chooses'
  nothing_left
}

@test "the manifest: accepted, masked unless asked for, COMMAND exact" {
  workload deployment/web '.spec.template.spec.containers[0].env = [{name: "LITERAL", value: "marker-1"}]'
  manifest --from deployment/web -e GIVEN=marker-2 --timeout 1h --lock schema -- probe line '$(GIVEN) $$ $HOME'
  run ! grep -q marker- manifest.yaml
  is "$(grep -c '<set, 8 bytes>' manifest.yaml)" 2
  k apply --dry-run=server -f manifest.yaml
  is "$(pod_spec '.spec | [.restartPolicy, .activeDeadlineSeconds, .containers[0].args[-1]]')" '["Never",4200,"$$(GIVEN) $$$ $HOME"]'
  manifest --show-values --from deployment/web -e GIVEN=marker-2 -- probe line x
  is "$(grep -c marker- manifest.yaml)" 2
  job --from deployment/web -e GIVEN=marker-2 -- probe line '$(GIVEN) $$ $HOME'
  status_is 0
  out_is $'$(GIVEN) $$ $HOME\n'
  nothing_left 20
}

@test "--pull is the pod's policy; without it the source's own" {
  manifest --from "image/$IMAGE" -- probe line x
  is "$(pod_spec '.spec.containers[0].imagePullPolicy')" '"IfNotPresent"'
  manifest --from "image/$IMAGE" --pull always -- probe line x
  is "$(pod_spec '.spec.containers[0].imagePullPolicy')" '"Always"'
  workload deployment/web
  manifest --from deployment/web --pull never -- probe line x
  is "$(pod_spec '.spec.containers[0].imagePullPolicy')" '"Never"'
}

@test "what Kubernetes cannot have is named" {
  once plan --from "image/$IMAGE" --network back --init -v /srv:/srv -- probe line x
  status_is 125
  once plan --from "image/$IMAGE" --network back --init -- probe line x
  status_is 125
  one_complaint 'Kubernetes cannot have these: networks, init'
  once plan --from "image/$IMAGE" -u rails -- probe line x
  status_is 125
  one_complaint "user 'rails' failed: Kubernetes takes numbers only"
  once plan --from "image/$IMAGE" -v no-such-claim:/data -- probe line x
  status_is 125
  one_complaint no-such-claim
}

@test "a NetworkPolicy that no longer holds for the copy, a budget that does: said" {
  workload deployment/web
  k apply -f - >/dev/null <<'X'
{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "to-db"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}}}
X
  job --from deployment/web -- probe line x
  status_is 0
  err_has 'NetworkPolicy to-db (app=web) selects the application but not the copy'
  job --from deployment/web --keep-label app -- probe line x
  status_is 0
  said_nothing
  k create poddisruptionbudget web --selector=app=web --min-available=1 >/dev/null
  planned --from deployment/web -- probe line x
  out_has 'PodDisruptionBudget web selects the application but not the copy'
  planned --from deployment/web --keep-label app -- probe line x
  out_has 'PodDisruptionBudget web selects the copy'
  nothing_left 20
}

@test "a newest revision that does not run is not the release" {
  workload deployment/web
  k patch deployment web -p '{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":0}},"template":{"spec":{"containers":[{"name":"web","image":"not-there:v2","imagePullPolicy":"Never","env":[{"name":"APP","value":"newer"}]}]}}}}' >/dev/null
  within 20 eval '(($(k get pods -l app=web -o name | wc -l) == 2))'
  job --from deployment/web -- probe env APP
  status_is 0
  out_is $'web\n'
  err_has 'deployment/web: its newest revision is not the one that runs'
  nothing_left 20
}

@test "a StatefulSet's claims are left out; --volumes-of takes one replica's, on the node where it is in use" {
  k apply -f - >/dev/null <<X
{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "$NS"}, "spec": {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"],
    "storageClassName": "$NS", "persistentVolumeReclaimPolicy": "Delete", "hostPath": {"path": "/tmp/$NS"}}},
  {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-db-0"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "$NS",
    "resources": {"requests": {"storage": "1Mi"}}}}]}
X
  workload statefulset/db '.spec.volumeClaimTemplates = [{metadata: {name: "data"}, spec: {accessModes: ["ReadWriteOnce"], storageClassName: "'"$NS"'", resources: {requests: {storage: "1Mi"}}}}]
    | .spec.template.spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}]'
  planned --from statefulset/db -- probe line x
  out_has "  volume data: it belongs to one replica (--volumes-of POD takes that one's)"
  planned --from statefulset/db --volumes-of db-0 -- probe line x
  out_has '  claim data-db-0 -> /data rw  (statefulset/db)'
  out_has 'claim data-db-0 is ReadWriteOnce and in use by pod db-0: the copy goes to its node'
  job --from statefulset/db --volumes-of db-0 -- sh -c 'echo there >/data/file; cat /data/file'
  status_is 0
  out_is $'there\n'
  k exec db-0 -- cat /data/file >shared
  is "$(<shared)" there
  nothing_left 20
  kubectl delete pv "$NS" --wait=false >/dev/null
}
