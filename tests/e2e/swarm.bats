# service/NAME: a Swarm service as the source. The engine becomes a swarm of one node here, and leaves it afterwards.
# bats file_tags=slow
load lib

setup_file() {
  [[ -z ${RUN_ONCE_TEST_HOST-} ]] || skip 'an engine of our own is needed'
  on_podman && skip 'Podman has no Swarm'
  "$PROJECT/scripts/install-packages" endpoints >&2
  engine_up
  export DOCKER_HOST=unix://$RUN_ONCE_TEST_ENGINE/docker.sock
  docker volume ls -q | sort >"$BATS_FILE_TMPDIR/volumes"
  docker swarm init --advertise-addr 127.0.0.1 >&2
  docker network create -d overlay --attachable front >&2
  docker network create -d overlay --attachable back >&2
  docker network create -d overlay closed >&2
  echo hidden | docker secret create db - >&2
  echo hidden | docker config create conf - >&2
  mkdir -p "$BATS_FILE_TMPDIR/folder"
  chmod 755 "$BATS_FILE_TMPDIR/folder"
  docker run --rm -v data:/data "$IMAGE" chmod 777 /data
  # All that a service can ask for, of one replica that stays.
  service shop_web --network name=front,alias=web --network back -e WORD=kept -e DB_PASSWORD=secret --env VIRTUAL_HOST=shop \
    --mount type=volume,source=data,target=/data --mount type=volume,target=/own --mount "type=bind,source=$BATS_FILE_TMPDIR/folder,target=/folder,readonly" \
    --mount type=tmpfs,target=/scratch,tmpfs-size=1048576 --user 1000:1000 --group 33 --workdir /tmp --hostname shop --init --read-only \
    --cap-add NET_ADMIN --cap-drop CHOWN --ulimit nofile=100:200 --sysctl net.core.somaxconn=100 --stop-signal INT --stop-grace-period 5s \
    --dns 192.0.2.1 --dns-search example.com --dns-option ndots:1 --host db:192.0.2.2 --limit-memory 64M --limit-cpu 0.5 --limit-pids 50 \
    --reserve-memory 16M --publish 8080:80 --label traefik.enable=true --label com.docker.stack.namespace=shop --container-label com.example.team=a \
    --health-cmd true --health-interval 1s --restart-condition any --constraint node.role==manager --entrypoint probe "$IMAGE" forever
}
teardown_file() {
  export DOCKER_HOST=unix://$RUN_ONCE_TEST_ENGINE/docker.sock
  docker swarm leave --force >&2 || :
  # Its tasks' containers end behind it.
  within 20 no_tasks
  # With the anonymous volumes of tasks, which the agent leaves there.
  comm -13 "$BATS_FILE_TMPDIR/volumes" <(docker volume ls -q | sort) | xargs -r docker volume rm >&2 || :
  docker network rm docker_gwbridge >&2 || :
  if [[ -s $BATS_FILE_TMPDIR/registry ]]; then kill "$(<"$BATS_FILE_TMPDIR/registry")" 2>/dev/null || :; fi
}
# What a test left behind it when it failed is not the next one's.
eval "of_lib_$(declare -f teardown)"
teardown() {
  local name
  for name in $(docker service ls --format '{{.Name}}' 2>/dev/null | grep -vx shop_web); do gone "$name"; done
  of_lib_teardown
}
no_tasks() {
  docker ps -aq --filter label=com.docker.swarm.task.id | xargs -r docker rm -fv >/dev/null
  [[ -z $(docker ps -aq --filter label=com.docker.swarm.task.id) ]]
}

# service NAME OPTION... IMAGE [ARG...]: made, and all its tasks run.
service() {
  local name=$1
  shift
  docker service create --detach --no-resolve-image --name "$name" "$@" >/dev/null
  within 30 all_run "$name"
}
all_run() {
  local mode
  mode=$(docker service ls --filter "name=$1" --format '{{.Name}} {{.Replicas}}' | sed -n "s/^$1 //p")
  [[ ${mode%%/*} == "${mode##*/}" ]]
}
task_of() { docker ps -q --no-trunc --filter "label=com.docker.swarm.service.name=$1" | head -n 1; }
gone() { # SERVICE...: and their containers, or the next test's engine is not its own
  docker service rm "$@" >/dev/null
  for name in "$@"; do within 20 no_task "$name"; done
}
no_task() { [[ -z $(docker ps -aq --filter "label=com.docker.swarm.service.name=$1") ]]; }
# In the engine's network alone: its tree may lack the program.
in_network() { nsenter --target "$(cut -d' ' -f1 "$RUN_ONCE_TEST_ENGINE/holder")" --net -- "$@"; }
planned() { jq -r "$1" "$OUT"; }

@test "a job in the image, environment, mounts, user and networks of a service's task" {
  job --from service/shop_web -- env WORD id append /data/file line env DB_PASSWORD
  status_is 0
  # The service's entrypoint is probe, as the copy's is.
  is "$(sed 's/id 1000 1000 [0-9]* /id 1000 1000 N /' "$OUT")" $'kept\nid 1000 1000 N /tmp\nsecret'
  err_is ''
  verdict_is succeeded exit
  is "$(result release.source) $(result release.name)" 'service/shop_web shop'
  is "$(result release.image_id)" "$(docker image inspect -f '{{.Id}}' "$IMAGE")"
  # The named volume is the service's own.
  docker exec "$(task_of shop_web)" probe lines /data/file >"$OUT"
  out_is $'1\n'
  nothing_left
}

@test "the copy against its task, field by field: the same but for what is inert" {
  local task copy
  task=$(docker inspect "$(task_of shop_web)")
  start_job --from service/shop_web -- forever
  copy=$(docker inspect "$(job_container)")
  kill -INT "$launcher"
  end_job
  # What differs of Config and HostConfig, and nothing else.
  is "$(jq -rn --argjson a "$task" --argjson b "$copy" '[$a[0], $b[0]] | map((.Config.Env |= sort) | del(.HostConfig.RestartPolicy)) as [$x, $y]
      | [("Config", "HostConfig") as $k | ($x[$k] + $y[$k] | keys[]) | select($x[$k][.] != $y[$k][.])] | unique | join(" ")')" \
    'AttachStderr AttachStdout Env Healthcheck Hostname Image Isolation Labels LogConfig Mounts NetworkMode PortBindings StopTimeout'
  # Of these: one variable less, the mounts in another order and the anonymous one labelled, the first network by its name; the agent's own way to say
  # no isolation and no ports, and that it holds the grace of a stop itself.
  is "$(jq -rn --argjson a "$task" --argjson b "$copy" '$a[0].Config.Env - $b[0].Config.Env | join(" ")')" VIRTUAL_HOST=shop
  is "$(jq -rn --argjson a "$task" --argjson b "$copy" '$a[0].HostConfig.Mounts - $b[0].HostConfig.Mounts | map(.Target) | join(" ")')" /own
  is "$(jq -r '.[0].NetworkSettings.Networks | keys | sort | join(" ")' <<<"$copy")" 'back front'
  is "$(jq -rn --argjson b "$copy" '$b[0] | [.Config.StopTimeout, .HostConfig.PortBindings, .Config.Healthcheck.Test[0], .HostConfig.RestartPolicy.Name] | tojson')" \
    '[5,null,"NONE","no"]'
  # Its anonymous volume is not the task's.
  is "$(jq -rn --argjson a "$task" --argjson b "$copy" '[$a[0], $b[0]] | map(.Mounts[] | select(.Destination == "/own").Name) | unique | length')" 2
  nothing_left 5
}

@test "inert: no port, label, alias or health check of the service; plan lists what was left out, and changes nothing" {
  once plan --output json --from service/shop_web -- line x
  status_is 0
  is "$(planned '.from.kind + " " + .from.name + " " + .app')" 'service shop_web shop'
  is "$(planned '.labels | keys | map(select(startswith("test.") | not)) | length')" 0
  is "$(planned '.dropped[].what' | sort)" "$(sort <<'EOF'
environment variable VIRTUAL_HOST
health check
hostname shop
label com.docker.stack.namespace
label com.example.team
label traefik.enable
memory reservation
network alias web on front
placement constraint node.role==manager
published port 8080 -> 80/tcp
restart policy any
EOF
)"
  is "$(planned '.env | map(.name + " " + .origin) | sort | join(",")')" 'DB_PASSWORD service/shop_web,FROM_IMAGE image,PATH image,WORD service/shop_web'
  [[ $(<"$OUT") != *'"secret"'* && $(<"$OUT") != *=secret* ]]
  start_job --from service/shop_web --keep-label com.example.team --hostname source -- forever
  is "$(docker inspect -f '{{json .Config.Labels}}' "$(job_container)" | jq -r 'keys | map(select(startswith("run-once.") or startswith("test.") | not)) | join(" ")')" com.example.team
  is "$(docker inspect -f '{{.Config.Hostname}} {{.HostConfig.PortBindings}} {{.NetworkSettings.Ports}}' "$(job_container)")" 'shop map[] map[]'
  # Swarm does not take it for one of its tasks.
  is "$(docker service ps -q shop_web | wc -l)" 1
  kill -INT "$launcher"
  end_job
  nothing_left 5
}

@test "secrets, configs, templates and networks that only tasks can have: one line that names each; options take their place" {
  service closed_one --replicas 0 --network closed --secret db --config source=conf,target=/etc/conf -e 'NODE={{.Node.Hostname}}' -e WORD=kept "$IMAGE" probe forever
  once run --from service/closed_one -- probe line x
  status_is 125
  one_complaint 'service/closed_one failed: only tasks of the swarm can have these'
  for word in 'secret db (--volume FILE:/run/secrets/db:ro)' 'config conf (--volume FILE:/etc/conf:ro)' 'the template in variable NODE (--env)' 'network closed (not attachable; --network OTHER)'; do
    err_has "$word"
  done
  once plan --from service/closed_one -- probe line x
  status_is 125
  once run --from service/closed_one -v /dev/null:/run/secrets/db:ro -v /dev/null:/etc/conf:ro -- probe line x
  status_is 125
  one_complaint 'cannot: the template in variable NODE (--env), network closed'
  echo replaced >"$BATS_FILE_TMPDIR/folder/db"
  chmod 644 "$BATS_FILE_TMPDIR/folder/db"
  job --from service/closed_one -v "$BATS_FILE_TMPDIR/folder/db:/run/secrets/db:ro" -v /dev/null:/etc/conf:ro --network front -e NODE=here -- \
    sh -c 'cat /run/secrets/db; echo $NODE $WORD'
  status_is 0
  out_is $'replaced\nhere kept\n'
  nothing_left
  gone closed_one
}

@test "a roll-out that is half done: 121 and a list; --image-of chooses" {
  make_image app:1 'ENV GENERATION=one'
  make_image app:2 'ENV GENERATION=two'
  service rolling --replicas 2 --stop-grace-period 1s app:1 probe forever
  job --from service/rolling -- probe env GENERATION
  status_is 0
  out_is $'one\n'
  docker service update --detach --no-resolve-image --image app:2 --update-delay 1h rolling >/dev/null
  two_images() { [[ $(docker ps --filter label=com.docker.swarm.service.name=rolling --format '{{.Image}}' | sort | uniq | wc -l) == 2 ]] && all_run rolling; }
  within 30 two_images
  job --from service/rolling -- probe env GENERATION
  status_is 121
  one_complaint 'service/rolling refused: its tasks run more than one image, a roll-out is half done: rolling.1 (app:'
  err_has '--image-of REPLICA chooses'
  is "$(result verdict) $(result cause)" 'refused rollout'
  local old new slot
  for slot in 1 2; do
    job --from service/rolling --image-of "rolling.$slot" -- probe env GENERATION
    status_is 0
    [[ $(<"$OUT") == one ]] && old=$slot || new=$slot
  done
  [[ -n $old && -n $new ]]
  job --from service/rolling --image-of "$new" -- probe env GENERATION
  out_is $'two\n'
  once run --from service/rolling --image-of rolling.7 -- probe line x
  status_is 125
  one_complaint '--image-of rolling.7 failed: no task of service/rolling is called that; there are: rolling.1 (app:'
  gone rolling
  nothing_left
}

@test "an update that stands still is half done too, with one image everywhere; when it is complete it is not" {
  service update_only --replicas 2 --stop-grace-period 1s "$IMAGE" probe forever
  docker service update --detach --no-resolve-image --env-add NEW=1 --update-delay 1h update_only >/dev/null
  updating() { [[ $(docker service inspect -f '{{.UpdateStatus.State}}' update_only) == updating ]] && all_run update_only; }
  within 20 updating
  once run --from service/update_only -- probe line x
  status_is 121
  one_complaint "service/update_only refused: a roll-out is half done, Swarm says 'updating': update_only."
  docker service update --detach --no-resolve-image --update-delay 0s --force update_only >/dev/null
  complete() { [[ $(docker service inspect -f '{{.UpdateStatus.State}}' update_only) == completed ]]; }
  within 40 complete
  job --from service/update_only -- probe env NEW
  status_is 0
  out_is $'1\n'
  gone update_only
}

@test "scaled to zero: what Swarm would start is the source, and said; a volume that was never here is not made" {
  service idle --replicas 0 -e WORD=spec --mount type=volume,source=never,target=/data "$IMAGE" probe forever
  once run --from service/idle -- probe line x
  status_is 125
  err_has "volume 'never' of service/idle failed: it does not exist on this engine"
  job --from service/idle -v /tmp:/data -- probe env WORD
  status_is 0
  out_is $'spec\n'
  err_is $'run-once: service/idle: none of its tasks is running; what Swarm would start is the source\n'
  job --from service/idle --create-volumes -- probe append /data/x y
  status_is 0
  docker volume rm never >/dev/null
  nothing_left
  gone idle
}

@test "global, on the host's network; --image with a service: all but the image" {
  make_image app:2 'ENV GENERATION=two FROM_IMAGE=new' 'WORKDIR /var'
  service everywhere --mode global --network host -e WORD=kept "$IMAGE" probe forever
  job --from service/everywhere --image app:2 -- probe env WORD env GENERATION env FROM_IMAGE id
  status_is 0
  is "$(sed 's/[0-9]* \/var$/N \/var/' "$OUT")" $'kept\ntwo\nnew\nid 0 0 N /var'
  once plan --output json --from service/everywhere --image app:2 -- probe line x
  is "$(planned '.networks | join(" ")')" host
  is "$(planned '.differences | sort | .[]' | grep -c 'env GENERATION: new in the new image\|env FROM_IMAGE: the new image')" 2
  gone everywhere
}

@test "the pinned digest: a tag that moves changes nothing, and what is not here is pulled by it" {
  local digest
  printf '%s\n' 'version: 0.1' 'log: {level: warn}' "storage: {filesystem: {rootdirectory: $BATS_FILE_TMPDIR/data}}" 'http: {addr: "127.0.0.1:5009"}' >registry.yml
  # No function: what is ended is the registry, not a shell that waits for it.
  nsenter --target "$(cut -d' ' -f1 "$RUN_ONCE_TEST_ENGINE/holder")" --net -- docker-registry serve "$PWD/registry.yml" >registry.log 2>&1 3>&- &
  echo $! >"$BATS_FILE_TMPDIR/registry"
  within 10 in_network curl -sf http://127.0.0.1:5009/v2/ >/dev/null
  make_image 127.0.0.1:5009/app:1 'ENV GENERATION=pinned'
  docker push -q 127.0.0.1:5009/app:1
  docker service create --detach --name pinned 127.0.0.1:5009/app:1 probe forever >/dev/null
  within 20 all_run pinned
  digest=$(docker service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Image}}' pinned)
  [[ $digest == 127.0.0.1:5009/app:1@sha256:* ]]
  make_image 127.0.0.1:5009/app:1 'ENV GENERATION=moved'
  docker push -q 127.0.0.1:5009/app:1
  job --from service/pinned -- probe env GENERATION
  status_is 0
  out_is $'pinned\n'
  is "$(result release.image) $(result release.digest)" "$digest ${digest#*@}"
  # Nothing of it on this engine: pulled by its digest.
  docker service scale --detach pinned=0 >/dev/null
  within 20 no_task pinned
  docker rmi -f "$digest" >/dev/null
  job --from service/pinned --pull never -- probe env GENERATION
  status_is 125
  job --from service/pinned -- probe env GENERATION
  status_is 0
  out_is $'pinned\n'
  is "$(result release.digest)" "${digest#*@}"
  echo "image $(docker image inspect -f '{{.Id}}' "$digest")" >>"$MADE"
  gone pinned
}

@test "no such service, no swarm: one line each, 125" {
  once run --from service/nothing -- line x
  status_is 125
  one_complaint 'service/nothing failed: service nothing not found'
  docker swarm leave --force >/dev/null
  within 20 no_tasks
  for verb in plan run; do
    once "$verb" --from service/shop_web -- line x
    status_is 125
    one_complaint 'service/shop_web failed: This node is not a swarm manager.'
  done
  [[ -z $(docker ps -aq --filter label=run-once.id) ]]
}
