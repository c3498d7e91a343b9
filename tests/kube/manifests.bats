# manifests/: each is accepted by the server, and does what it says, in the cluster, with run-once in an image.
load ../e2e/life
load lib # its words go over those

# The program with the libraries it needs, as an image on the cluster's node (a release build needs none).
program_image() {
  ours || skip "an image of run-once is put on nodes of our own only"
  local top=$BATS_FILE_TMPDIR/image lib
  PROGRAM=run-once-program:latest
  [[ ! -e $BATS_FILE_TMPDIR/imported ]] || return 0
  mkdir -p "$top/usr/local/bin" "$top/etc" "$top/tmp"
  chmod 1777 "$top/tmp"
  cp "$RUN_ONCE" "$top/usr/local/bin/run-once"
  printf 'root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n' >"$top/etc/passwd"
  for lib in $(ldd "$RUN_ONCE" 2>/dev/null | grep -oE '/[^ ]+'); do
    mkdir -p "$top/${lib%/*}"
    cp -L "$lib" "$top$lib"
  done
  tar -C "$top" --owner=0 --group=0 -c . |
    docker -H "unix://$RUN_ONCE_TEST_CLUSTER/engine/docker.sock" import -c 'ENTRYPOINT ["/usr/local/bin/run-once"]' - $PROGRAM >/dev/null
  touch "$BATS_FILE_TMPDIR/imported"
}
# manifest FILE: as a user would fill it in, for this test's images.
manifest() {
  sed "s|registry.example.com/run-once:.*|${PROGRAM:-run-once-program:latest}|; s|registry.example.com/shop:[a-z0-9]*|$IMAGE|; s|bin/rails\$|probe|; s|db:migrate\$|line\n            - migrated|" "$PROJECT/manifests/$1"
}
beta_where_needed() { # CronJobs are batch/v1 since 1.21
  if kubectl get --raw /apis/batch/v1 | grep -q cronjobs; then cat; else sed 's|^apiVersion: batch/v1$|apiVersion: batch/v1beta1|'; fi
}

@test "every file is accepted by the server" {
  local f
  for f in role job-template helm-hook argocd-presync; do
    k apply --dry-run=server -f "$PROJECT/manifests/$f.yaml" || { echo "$f.yaml"; return 1; }
  done
  beta_where_needed <"$PROJECT/manifests/prune-cronjob.yaml" | k apply --dry-run=server -f -
  # All of the folder's files are named above.
  is "$(ls "$PROJECT/manifests" | tr '\n' ' ')" 'argocd-presync.yaml helm-hook.yaml job-template.yaml prune-cronjob.yaml role.yaml '
}

@test "job-template.yaml runs by itself, too" {
  manifest job-template.yaml | sed 's|\[bin/rails, about\]|[probe, line, about]|; s|cpu: 100m, memory: 128Mi|cpu: 10m|' | k apply -f -
  k wait --for=condition=complete job/shop-task --timeout=60s
}

@test "a Helm hook and an Argo CD hook: the migration runs once, from the Deployment, as the service account of role.yaml" {
  program_image
  workload deployment/web
  manifest helm-hook.yaml | k apply -f -
  k wait --for=condition=complete job/shop-migrate --timeout=90s || { k logs job/shop-migrate; k describe pods -l job-name=shop-migrate | tail -n 20; false; }
  is "$(k logs job/shop-migrate | tail -n 1)" migrated
  # A second sync of the same release finds it done.
  k delete job shop-migrate >/dev/null
  manifest argocd-presync.yaml | k apply -f -
  k wait --for=condition=complete job/shop-migrate --timeout=90s || { k logs job/shop-migrate; false; }
  k logs job/shop-migrate >log
  grep -q migrated log
  grep -q 'run-once: ' log # says that it is a replay
  within 30 eval '[[ -z $(k get jobs,pods -l run-once/id -o name) ]]'
}

@test "prune-cronjob.yaml settles what nobody looks after" {
  program_image
  start_job -- probe line begun sleep 1 exit 6
  id=$(job_id)
  kill_both
  manifest prune-cronjob.yaml | sed 's|\[jobs, prune, |[jobs, prune, --now, |' | beta_where_needed | k apply -f -
  sleep 3
  k create job --from=cronjob/run-once-prune prune-now >/dev/null
  k wait --for=condition=complete job/prune-now --timeout=90s || { k logs job/prune-now; false; }
  nothing_left 20
}
