# How a cluster is reached: kubeconfig files and lists, credentials of every kind, whom it trusts; what doctor says of it.
load lib

server_of() { KUBECONFIG=$ADMIN "$KUBECTL" config view --raw --minify -o 'jsonpath={.clusters[0].cluster.server}'; }
# The kubeconfig of the test's user, changed by jq.
changed() { jq "$@" "$WORK/kubeconfig"; }
token() { jq -r '.users[0].user.token' "$WORK/kubeconfig"; }
complaint_has() {
  one_complaint
  err_has "$1"
}

@test "doctor: cluster, namespace, version, what the server lacks, and no finding with the Role of manifests/" {
  once doctor
  status_is 0
  out_has "$(server_of) (context "
  out_has "cluster      kubernetes v"
  out_has "namespace: $NS"
  out_has 'permissions: all that run-once can use'
  out_has 'no findings'
}

@test "doctor and run: what is not allowed is named, and the Role that would do is one" {
  k patch role run-once --type=json -p '[{"op": "remove", "path": "/rules/0"}]' >/dev/null
  once doctor
  status_is 1
  out_has 'not allowed to create, get, list, watch, patch, delete jobs.batch: the job itself; no job can run'
  out_has 'this Role would do'
  sed -n '/^apiVersion:/,/^$/p' "$OUT" >role.yaml
  job -- probe line x
  status_is 125
  complaint_has "namespace $NS: not allowed to create, get, list, watch, patch, delete jobs.batch; \`run-once doctor\` prints the Role that would do"
  is "$(result verdict) $(result cause)" 'not_started permission'
  nothing_left
  k apply -f role.yaml >/dev/null
  once doctor
  status_is 0
  job -- probe line x
  status_is 0
}

@test "a KUBECONFIG list is merged: cluster, user and context in three files, the first one wins" {
  changed '{kind, apiVersion, clusters}' >cluster
  changed '{kind, apiVersion, users}' >user
  changed '{kind, apiVersion, contexts, "current-context": .["current-context"]}' >context
  changed '.clusters[0].cluster.server = "https://127.0.0.1:1" | .users[0].user = {}' >last
  KUBECONFIG=$WORK/absent:$WORK/cluster:$WORK/user:$WORK/context:$WORK/last job -- probe line merged
  status_is 0
  out_is $'merged\n'
  KUBECONFIG=$WORK/absent:$WORK/last:$WORK/cluster job -- probe line x
  status_is 125
  complaint_has 'cannot reach the cluster at https://127.0.0.1:1'
  KUBECONFIG=$WORK/absent job -- probe line x
  status_is 125
  complaint_has "KUBECONFIG: none of its files is there: $WORK/absent"
}

@test "--kubeconfig, --context, --namespace; what is named and not there is no other" {
  cp "$WORK/kubeconfig" mine
  changed '.contexts += [{name: "elsewhere", context: (.contexts[0].context | .namespace = "kube-system")}]' >two
  unset KUBECONFIG
  job --kubeconfig mine -- probe line x
  status_is 0
  job --kubeconfig two --context elsewhere -N "$NS" -- probe line x
  status_is 0
  is "$(result target.namespace)" "$NS"
  job --kubeconfig two --context elsewhere -- probe line x
  status_is 125
  complaint_has 'namespace kube-system: not allowed to '
  job --kubeconfig two --context nowhere -- probe line x
  status_is 125
  complaint_has "two: context 'nowhere' is not there ("
  job --kubeconfig nix -- probe line x
  status_is 125
  complaint_has '--kubeconfig: nix: No such file or directory'
  once doctor
  status_is 1
  out_has 'no cluster: there is no kubeconfig'
}

@test "client certificate by data and by file" {
  local admin=$WORK/admin
  KUBECONFIG=$ADMIN "$KUBECTL" config view --raw --minify --flatten -o json >"$admin"
  jq -e '.users[0].user["client-certificate-data"]' "$admin" >/dev/null || skip 'the administrator has no client certificate'
  KUBECONFIG=$admin once doctor -N "$NS"
  status_is 0
  mkdir pki
  jq -r '.users[0].user["client-certificate-data"]' "$admin" | base64 -d >pki/me.crt
  jq -r '.users[0].user["client-key-data"]' "$admin" | base64 -d >pki/me.key
  jq -r '.clusters[0].cluster["certificate-authority-data"]' "$admin" | base64 -d >pki/ca.crt
  jq '.users[0].user = {"client-certificate": "pki/me.crt", "client-key": "pki/me.key"}
    | .clusters[0].cluster |= (del(.["certificate-authority-data"]) | .["certificate-authority"] = "pki/ca.crt")' "$admin" >files
  cd / # paths are the file's, not ours
  KUBECONFIG=$WORK/files job -N "$NS" -- probe line x
  status_is 0
  cd "$WORK"
}

@test "token file and exec plugin: read again, kept; no secret in arguments, trace or records" {
  token >token
  changed '.users[0].user = {tokenFile: "token"}' >file
  KUBECONFIG=$WORK/file job -- probe line x
  status_is 0
  cat >login <<'END'
#!/bin/sh
cd "${0%/*}"
tr "\\0" " " <"/proc/$PPID/cmdline" >>runs
echo >>runs
[ "$PROFILE" = blue ] || { echo "no profile" >&2; exit 1; }
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$(cat token)"
END
  chmod +x login
  changed '.users[0].user = {exec: {apiVersion: "client.authentication.k8s.io/v1", command: "./login", interactiveMode: "Never",
    env: [{name: "PROFILE", value: "blue"}]}}' >plugin
  KUBECONFIG=$WORK/plugin job --trace all -- probe line x
  status_is 0
  is "$(grep -c 'run-once run ' runs)" 1 "$(<runs)" # the guardian is another process
  ! grep -qF "$(token)" "$ERR" "$RUN_ONCE_HISTORY" "$RESULT" || false
  sed -i s/blue/red/ plugin
  KUBECONFIG=$WORK/plugin job -- probe line x
  status_is 125
  complaint_has "credential plugin $WORK/./login failed: exit status 1: no profile"
}

@test "the launcher is killed: its guardian has the plugin's environment" {
  token >token
  cat >login <<'END'
#!/bin/sh
[ "$PROFILE" = blue ] || exit 1
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$(cat "${0%/*}/token")"
END
  chmod +x login
  changed '.users[0].user = {exec: {apiVersion: "client.authentication.k8s.io/v1", command: "./login", interactiveMode: "Never"}}' >plugin
  export PROFILE=blue KUBECONFIG=$WORK/plugin
  start_job --on-disconnect stop -- probe trap TERM 0 forever
  within 30 pod_runs
  kill -KILL "$launcher"
  wait "$launcher" || :
  within 60 eval '[[ $(outcome cause) == stopped ]]'
}

@test "refused: a wrong token, a wrong authority, a wrong name, credentials that are not supported" {
  changed '.users[0].user.token = "wrong"' >bad
  KUBECONFIG=$WORK/bad job -- probe line x
  status_is 125
  complaint_has 'Unauthorized: the API server does not accept the credentials, or they have expired; log in again'
  ! grep -q wrong "$ERR" || false
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -out ca.crt -days 1 -subj /CN=other 2>/dev/null
  changed '.clusters[0].cluster |= (del(.["certificate-authority-data"]) | .["certificate-authority"] = "ca.crt")' >ca
  KUBECONFIG=$WORK/ca job -- probe line x
  status_is 125
  complaint_has "only what $WORK/ca.crt has signed is trusted"
  changed '.clusters[0].cluster["tls-server-name"] = "not.this.one"' >name
  KUBECONFIG=$WORK/name job -- probe line x
  status_is 125
  complaint_has 'tls-server-name of the kubeconfig says which name the certificate has'
  changed '.users[0].user = {username: "me", password: "sesame"}' >basic
  KUBECONFIG=$WORK/basic job -- probe line x
  status_is 125
  complaint_has 'username and password are not supported'
  ! grep -q sesame "$ERR" || false
  changed '.clusters[0].cluster["proxy-url"] = "http://127.0.0.1:1"' >proxy
  KUBECONFIG=$WORK/proxy job -- probe line x
  status_is 125
  complaint_has 'cannot reach the cluster at '
  nothing_left
}

@test "not verified only where the kubeconfig says so, and doctor finds it; acting as somebody else" {
  changed '.clusters[0].cluster |= (del(.["certificate-authority-data"]) | .["insecure-skip-tls-verify"] = true)' >insecure
  KUBECONFIG=$WORK/insecure job -- probe line x
  status_is 0
  KUBECONFIG=$WORK/insecure once doctor
  status_is 1
  out_has "the server's certificate is not verified (insecure-skip-tls-verify)"
  KUBECONFIG=$ADMIN "$KUBECTL" config view --raw --minify --flatten -o json |
    jq --arg u "system:serviceaccount:$NS:default" --arg ns "$NS" '.users[0].user.as = $u | .contexts[0].context.namespace = $ns' >as
  KUBECONFIG=$WORK/as job -- probe line x
  status_is 125
  complaint_has "namespace $NS: not allowed to "
  sed -i "s/:default\"/:run-once\"/" as
  KUBECONFIG=$WORK/as job -- probe line x
  status_is 0
  KUBECONFIG=$WORK/as once doctor
  out_has "acting as system:serviceaccount:$NS:run-once"
}

# What a pod has: two variables and three files, here in a mount namespace of the test's own.
@test "in a pod: its service account, with a token that changes" {
  local host port server
  unshare -m true 2>/dev/null || skip 'no mount namespaces here'
  server=$(server_of) host=${server#https://} port=${host##*:} host=${host%:*}
  [[ $port =~ ^[0-9]+$ ]] || skip "no port in $server"
  token >token
  jq -r '.clusters[0].cluster["certificate-authority-data"]' "$WORK/kubeconfig" | base64 -d >ca.crt
  unset KUBECONFIG
  status=0
  KUBERNETES_SERVICE_HOST=$host KUBERNETES_SERVICE_PORT=$port unshare -m sh -ec '
    mount -t tmpfs none /var/run
    d=/var/run/secrets/kubernetes.io/serviceaccount
    mkdir -p "$d"
    cp token ca.crt "$d"
    printf %s "$2" >"$d/namespace"
    "$1" run --from "image/$3" -- probe line in-cluster
    "$1" doctor' sh "$RUN_ONCE" "$NS" "$IMAGE" >"$OUT" 2>"$ERR" || status=$?
  status_is 0
  out_has in-cluster
  out_has 'service account of this pod'
  out_has "namespace: $NS"
}
