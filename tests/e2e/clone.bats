# What of the source is on the copy ("Kept") and what is not ("Inert"), by docker inspect of both.
load lib

# copy SOURCE [OPTION...]: runs a command in the copy, keeps it, inspects both into $A (source) and $B, removes it.
copy() {
  local source=$1
  shift
  A=$WORK/a.json B=$WORK/b.json
  job --from "container/$source" --keep always "$@" -- probe line copied
  status_is 0
  docker inspect "$source" | jq '.[0]' >"$A"
  docker inspect "$(result target.id)" | jq '.[0]' >"$B"
  docker rm -v "$(result target.id)" >/dev/null
}
a() { jq -c "$1" "$A"; }
b() { jq -c "$1" "$B"; }
equal() { # JQ...: the same in both, and there at all
  local q
  for q in "$@"; do
    [[ -n $(a "$q") && $(a "$q") == "$(b "$q")" ]] || { echo "$q: source $(a "$q"), copy $(b "$q")"; return 1; }
  done
}
b_is() { is "$(b "$1")" "$2" "copy's $1"; }
planned() { jq -r "$1" "$OUT"; }
dropped() { # TEXT: in the plan's list
  planned '.dropped[].what' | grep -qF -- "$1" && return
  echo "not listed as dropped: $1"
  planned '.dropped[].what'
  return 1
}
plan_of() { once plan --output json --from "$@" -- probe line x; status_is 0; }

@test "kept: user, groups, folder, entrypoint, limits, security, devices, names, stop signal and grace" {
  source_container app -u 1000:1000 --group-add 2000 --group-add 33 -w /tmp --entrypoint probe \
    --ulimit nofile=1000:2000 --ulimit core=0 --sysctl net.ipv4.ip_unprivileged_port_start=99 \
    --cap-add NET_ADMIN --cap-drop CHOWN --cap-drop MKNOD --security-opt no-new-privileges --security-opt seccomp=unconfined \
    --memory 128m --memory-swap 256m --memory-reservation 64m --cpus 0.75 --cpu-shares 512 --pids-limit 50 --oom-score-adj 100 \
    --shm-size 16m --init --stop-signal USR1 --stop-timeout 7 --dns 192.0.2.1 --dns-search example.test --dns-opt ndots:3 \
    --add-host db.test:192.0.2.9 --device /dev/null:/dev/nothing:r --tmpfs /scratch:size=1m,mode=1700 --read-only \
    --domainname example.test --ipc shareable --cgroupns private --env A=1 --env 'B=two words' --env EMPTY= \
    -- trap USR1 0 forever
  job --from container/app -- id lines /nothing
  is "$(sed 's/^id 1000 1000 [0-9]*/id 1000 1000 N/' "$OUT")" $'id 1000 1000 N /tmp\n0'
  A=$WORK/a.json B=$WORK/b.json
  job --from container/app --keep always -- line copied
  out_is $'copied\n'
  docker inspect app | jq '.[0]' >"$A"
  docker inspect "$(result target.id)" | jq '.[0]' >"$B"
  docker rm -v "$(result target.id)" >/dev/null
  equal .Config.User .Config.WorkingDir .Config.Entrypoint .Config.Env .Config.StopSignal .Config.StopTimeout .Config.Domainname .Image
  # Everything else of the host's side is the same, down to fields nobody here has heard of.
  local own='.HostConfig | del(.NetworkMode, .RestartPolicy, .LogConfig, .AutoRemove, .Binds, .Mounts, .ContainerIDFile, .ConsoleSize, .PortBindings)'
  equal "$own"
  is "$(b '.HostConfig.Devices[0].PathInContainer')" '"/dev/nothing"'
  is "$(b .Config.Cmd)" '["line","copied"]'
  nothing_left
}

@test "kept: environment, byte for byte and in order" {
  source_container app -e FIRST=1 -e 'QUOTED="x" $HOME \n' -e $'LINES=a\nb' -e 'EQUALS=a=b=' -e UMLAUT=ä -e EMPTY= --
  copy app
  equal .Config.Env
  job --from container/app -- probe env LINES env QUOTED env EQUALS
  out_is $'a\nb\n"x" $HOME \\n\na=b=\n'
}

@test "kept: named volumes and binds, shared, with their options; anonymous volumes are not shared and leave nothing" {
  mkdir -p "$WORK/bind" "$WORK/ro"
  echo one >"$WORK/bind/file"
  make_volume data
  make_volume more
  source_container app -v data:/data -v more:/more:ro,nocopy -v "$WORK/bind:/bind:private" -v "$WORK/ro:/ro:ro,z" -v /anonymous \
    --mount "type=bind,source=$WORK/ro,target=/long,readonly,bind-propagation=rprivate" \
    --mount type=volume,source=data,target=/again,readonly --mount type=tmpfs,target=/scratch,tmpfs-size=1048576,tmpfs-mode=1770 \
    --mount type=volume,target=/nameless --
  docker exec app probe append /data/log app append /anonymous/log app append /nameless/log app
  job --from container/app -- probe append /data/log copy append /bind/file copy lines /data/log lines /again/log lines /anonymous/log lines /nameless/log
  status_is 0
  out_is $'2\n2\n0\n0\n'
  is "$(wc -l <"$WORK/bind/file")" 2
  docker exec app probe lines /data/log | grep -x 2
  nothing_left
  copy app
  local shared='[.Mounts[] | select(.Type == "bind" or ((.Name // "") | length < 64)) | {Type, Name, Source, Destination, RW, Propagation}] | sort_by(.Destination)'
  equal "$shared"
  b_is '[.Mounts[] | select(.Destination == "/bind")][0].Propagation' '"private"'
  b_is '[.Mounts[] | select(.Destination == "/ro")][0].Mode' '""'
  b_is '[.Mounts[] | select(.Destination == "/scratch")][0].Type' '"tmpfs"'
  b_is '[.HostConfig.Mounts[] | select(.Target == "/scratch")][0].TmpfsOptions' '{"SizeBytes":1048576,"Mode":1016}'
  # Both anonymous volumes are there, and are others.
  is "$(b '[.Mounts[] | select(.Destination == "/anonymous" or .Destination == "/nameless")] | length')" 2
  is "$(jq -s '[.[].Mounts[] | select(.Destination == "/anonymous" or .Destination == "/nameless") | .Name] | unique | length' "$A" "$B")" 4
  plan_of container/app
  dropped 'anonymous volume at /anonymous'
  dropped 'anonymous volume at /nameless'
  dropped 'mount option z of /ro'
  nothing_left
}

@test "anonymous volumes that the image declares are the copy's own and gone at the end" {
  make_image declared:1 'VOLUME /cache'
  IMAGE=declared:1 source_container app --
  docker exec app probe append /cache/log app
  job --from container/app -- probe lines /cache/log append /cache/log copy lines /cache/log
  out_is $'0\n1\n'
  job --from image/declared:1 -- probe append /cache/log x lines /cache/log
  out_is $'1\n'
  nothing_left
}

@test "volumes of another container (--volumes-from) are shared" {
  make_volume data
  source_container holder -v data:/data -v /anonymous --
  docker exec holder probe append /anonymous/log x append /data/log x
  source_container app --volumes-from holder --
  job --from container/app -- probe lines /data/log lines /anonymous/log
  out_is $'1\n1\n'
  nothing_left
}

@test "all networks, without alias, address and MAC of the source" {
  make_network --subnet 10.77.1.0/24 one
  make_network --subnet 10.77.2.0/24 two
  make_network --internal --subnet 10.77.3.0/24 three
  source_container db --network two --network-alias database --
  source_container app --network one --network-alias web --ip 10.77.1.50 --hostname shop --
  docker network connect --alias web2 --ip 10.77.2.50 two app
  docker network connect three app
  once run -d --from container/app -- probe trap TERM 0 forever
  status_is 0
  local id copy
  id=$(<"$OUT")
  copy=$(docker ps -q --no-trunc --filter "label=run-once.id=$id")
  A=$WORK/a.json B=$WORK/b.json
  docker inspect app | jq '.[0]' >"$A"
  docker inspect "$copy" | jq '.[0]' >"$B"
  # It reaches what the application reaches, by name, and nothing by the application's names reaches it.
  docker exec "$copy" nslookup database
  docker exec db nslookup web2 | grep -q 10.77.2.50
  is "$(docker exec db nslookup web2 | grep -c '^Address.*10\.77\.')" 1
  once jobs stop "$id"
  status_is 0
  b_is '[.NetworkSettings.Networks | to_entries[] | .key] | sort' '["one","three","two"]'
  equal '[.NetworkSettings.Networks | to_entries[] | {key, value: .value.NetworkID}] | sort_by(.key)'
  [[ $(a .Config.Hostname) != "$(b .Config.Hostname)" ]]
  # Only its own short id is an alias.
  b_is '[.Id[0:12] as $me | .NetworkSettings.Networks[] | (.Aliases // [])[] | select(. != $me)]' '[]'
  b_is '[.NetworkSettings.Networks[] | .IPAMConfig // {} | .IPv4Address // empty]' '[]'
  within 10 nothing_left
  plan_of container/app
  dropped 'network alias web on one'
  dropped 'network alias web2 on two'
  dropped 'fixed address 10.77.1.50 on one'
  dropped 'hostname shop'
  is "$(planned '.networks | join(" ")')" 'one three two'
}

@test "network modes: host, none, another container's; and other modes of namespaces" {
  source_container hosted --network host --pid host --
  copy hosted
  equal .HostConfig.NetworkMode .HostConfig.PidMode
  b_is .HostConfig.NetworkMode '"host"'
  source_container alone --network none --ipc none --
  copy alone
  equal .HostConfig.NetworkMode .HostConfig.IpcMode
  b_is '.NetworkSettings.Networks | keys' '["none"]'
  source_container beside --network container:alone --
  copy beside
  equal .HostConfig.NetworkMode
  nothing_left
}

@test "links of the source" {
  source_container db -e POSTGRES=1 --
  source_container app --link db:database --
  copy app
  is "$(b '.HostConfig.Links[0] | sub("^/db:/[^/]*/"; "")')" '"database"'
  nothing_left
}

@test "GPU requests: asked for as the source asked" {
  echo "container $(docker create --name gpu --gpus '"device=0,1","capabilities=compute,utility"' "$IMAGE" probe line x)" >>"$MADE"
  once plan --from container/gpu --output engine -- probe line x
  status_is 0
  is "$(jq -c .HostConfig.DeviceRequests "$OUT")" "$(docker inspect gpu | jq -c '.[0].HostConfig.DeviceRequests')"
  is "$(jq -c '.HostConfig.DeviceRequests[0].DeviceIDs' "$OUT")" '["0","1"]'
}

@test "inert: ports, restart, health check, auto-remove, name, host name and every label" {
  source_container app -p 127.0.0.1::8000 -P --expose 9000 --restart unless-stopped --health-cmd true --health-interval 1h \
    --hostname shop --label traefik.enable=true --label 'traefik.http.routers.shop.rule=Host(`shop`)' --label keep.me=yes \
    --label com.docker.compose.project=shop --label com.docker.compose.service=web --label other=1 \
    --log-driver json-file --log-opt max-size=1m --
  copy app --keep-label keep.me
  b_is '.HostConfig.PortBindings // {}' '{}'
  b_is .HostConfig.PublishAllPorts false
  b_is '.Config.ExposedPorts // {}' '{}'
  b_is '.NetworkSettings.Ports // {}' '{}'
  b_is .HostConfig.RestartPolicy.Name '"no"'
  b_is .HostConfig.AutoRemove false
  b_is .Config.Healthcheck.Test '["NONE"]'
  b_is '.Id[0:12] == .Config.Hostname' true
  b_is '.Name | startswith("/run-once")' true
  b_is '.HostConfig.LogConfig.Type' '"local"'
  b_is '[.Config.Labels | to_entries[] | select(.key | startswith("run-once.") or startswith("test.") | not)]' '[{"key":"keep.me","value":"yes"}]'
  plan_of container/app
  local word
  for word in 'published port' 'publishing of all ports' 'restart policy unless-stopped' 'health check' 'hostname shop' 'container name app' \
    'label traefik.enable' 'label keep.me' 'label com.docker.compose.project' 'label other'; do dropped "$word"; done
  is "$(planned '.checked | length > 2')" true
  # By request.
  copy app --hostname source
  b_is .Config.Hostname '"shop"'
  copy app --hostname other
  b_is .Config.Hostname '"other"'
  nothing_left
}

@test "inert: auto-remove of the source" {
  docker run -d --rm --name app "$IMAGE" probe trap TERM 0 forever
  copy app
  b_is .HostConfig.AutoRemove false
  plan_of container/app
  dropped auto-remove
  docker rm -f app
}

@test "inert: exactly three variables and what drop_env lists; --keep-env keeps one, --env sets one" {
  source_container app -e VIRTUAL_HOST=shop.test -e VIRTUAL_HOST_MULTIPORTS=x -e LETSENCRYPT_HOST=shop.test -e VIRTUAL_PORT=80 \
    -e NEW_RELIC=key -e STAYS=yes --
  copy app
  b_is '[.Config.Env[] | split("=")[0]] | sort' '["FROM_IMAGE","NEW_RELIC","PATH","STAYS","VIRTUAL_PORT"]'
  copy app --keep-env VIRTUAL_HOST --env LETSENCRYPT_HOST=mine
  b_is '[.Config.Env[] | select(test("VIRTUAL_HOST|LETSENCRYPT"))] | sort' '["LETSENCRYPT_HOST=mine","VIRTUAL_HOST=shop.test"]'
  printf '%s\n' 'version: 1' 'from: container/app' 'drop_env: [NEW_RELIC]' >release.yaml
  once plan --output json -- probe line x
  dropped 'environment variable NEW_RELIC'
  dropped 'environment variable VIRTUAL_HOST'
  run ! grep -qE 'shop.test|=key' "$OUT"
  once run -- probe env NEW_RELIC env STAYS
  out_is $'yes\n'
}

@test "inert: variables that come with the image are taken away, too" {
  make_image routed:1 'ENV VIRTUAL_HOST=shop.test'
  job --from image/routed:1 -- probe env VIRTUAL_HOST env FROM_IMAGE
  out_is $'yes\n'
}

@test "labels of the image that others act upon are neutralised, the rest is shown" {
  make_image labelled:1 'LABEL traefik.enable=true traefik.http.routers.x.rule=Host com.docker.compose.project=shop com.docker.swarm.service.name=x caddy=shop.test caddy.reverse_proxy=x com.centurylinklabs.watchtower.enable=true maintainer=somebody'
  IMAGE=labelled:1 source_container app --
  for from in container/app image/labelled:1; do
    job --from "$from" --keep always -- probe line x
    docker inspect "$(result target.id)" | jq '.[0]' >"$WORK/b.json"
    docker rm "$(result target.id)"
    B=$WORK/b.json
    b_is '.Config.Labels | [."traefik.enable", ."traefik.http.routers.x.rule", ."com.docker.compose.project", ."com.docker.swarm.service.name", .caddy, ."caddy.reverse_proxy", ."com.centurylinklabs.watchtower.enable", .maintainer]' \
      '["false","","","","","","false","somebody"]'
    once plan --output json --from "$from" -- ls
    dropped 'image label traefik.enable'
    is "$(planned .labels.maintainer)" somebody
  done
  # The application's engine side looks for containers by label: none but the application answers.
  once run -d --from container/app -- probe trap TERM 0 forever
  is "$(docker ps -q --filter label=com.docker.compose.project=shop | wc -l)" 1
  once jobs stop "$(<"$OUT")"
  within 10 nothing_left
}

@test "labels that are run-once's own can be neither kept nor given" {
  source_container app --label run-once.lock=schema --label run-once.id=x --
  copy app
  b_is '.Config.Labels["run-once.lock"]' null
  for option in '--keep-label run-once.lock' '--label run-once.lock=schema'; do
    # shellcheck disable=SC2086
    job --from container/app $option -- probe line x
    status_is 125
    one_complaint "${option%=*} failed: "
  done
  nothing_left
}

@test "what the command line says goes over the source" {
  make_volume data
  make_volume other
  make_network extra
  source_container app -v data:/data -e A=1 -u 1000 -w /tmp --memory 64m --cpus 1 --entrypoint probe -- trap TERM 0 forever
  copy app -v other:/data -e A=2 -e B=3 -u 0 -w / --memory 32m --cpus 0.5 --entrypoint '' --network extra --label l=v --init --stop-grace 3s
  b_is '[.Mounts[] | .Name]' '["other"]'
  b_is '[.Config.Env[] | select(test("^[AB]="))]' '["A=2","B=3"]'
  b_is '[.Config.User, .Config.WorkingDir, .HostConfig.Memory, .HostConfig.NanoCpus, .Config.Labels.l, .HostConfig.Init, .Config.StopTimeout]' \
    '["0","/",33554432,500000000,"v",true,3]'
  b_is '.NetworkSettings.Networks | keys' '["extra"]'
  nothing_left
}

@test "a volume, network or bind source that does not exist: 125 and not created" {
  source_container app --
  job --from container/app -v nosuchvolume:/data -- probe line x
  status_is 125
  one_complaint "volume 'nosuchvolume'"
  err_has --create-volumes
  is "$(result verdict)" not_started
  nothing_left
  job --from container/app --network nosuchnetwork -- probe line x
  status_is 125
  one_complaint "network 'nosuchnetwork'"
  job --from container/app -v "$WORK/nowhere:/data" -- probe line x
  status_is 125
  one_complaint "$WORK/nowhere"
  [[ ! -e $WORK/nowhere ]]
  nothing_left
  job --from container/app -v nosuchvolume:/data --create-volumes -- probe append /data/x x lines /data/x
  status_is 0
  out_is $'1\n'
  docker volume rm nosuchvolume
  nothing_left
}

@test "a source's bind source or network that is gone: 125" {
  mkdir "$WORK/bind"
  docker network create gone
  source_container app -v "$WORK/bind:/bind" --network gone -- probe line x
  docker wait app
  docker network rm gone
  job --from container/app -- probe line x
  status_is 125
  one_complaint "network 'gone'"
  # Made anew under its name it is the source's again.
  make_network gone
  job --from container/app -- probe line x
  status_is 0
  # Looking must not make the engine create it, neither plan's nor run's.
  rmdir "$WORK/bind"
  once plan --from container/app -- probe line x
  [[ ! -e $WORK/bind ]]
  job --from container/app -- probe line x
  status_is 125
  one_complaint "$WORK/bind"
  [[ ! -e $WORK/bind ]]
  nothing_left
}

@test "a running source's bind source that is gone: 125, and looking does not make it anew" {
  mkdir "$WORK/bind"
  source_container app -v "$WORK/bind:/bind" --
  rmdir "$WORK/bind"
  once plan --from container/app -- probe line x
  [[ ! -e $WORK/bind ]]
  job --from container/app -- probe line x
  status_is 125
  one_complaint "$WORK/bind"
  [[ ! -e $WORK/bind ]]
  nothing_left
}

# put_secret CONTAINER: a file as Compose puts it, owner and mode by tar.
put_secret() {
  mkdir -p tree/run/secrets
  printf 'sesame\n' >tree/run/secrets/password
  chmod 440 tree/run/secrets/password
  tar -C tree --owner=1000 --group=2000 --numeric-owner -c run | docker cp - "$1:/"
  rm -r tree
}

@test "files under /run/secrets are copied, with owner and mode" {
  source_container app -u 1000 --
  put_secret app
  job --from container/app -- sh -c 'stat -c "%u %g %a" /run/secrets/password; cat /run/secrets/password'
  status_is 0
  out_is $'1000 2000 440\nsesame\n'
  plan_of container/app
  is "$(planned '.copied_files | join(" ")')" /run/secrets/password
  run ! grep -rq sesame "$OUT" "$RUN_ONCE_HISTORY" "$RESULT" "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR"
  docker stop -t 0 app
  job --from container/app -- cat /run/secrets/password
  out_is $'sesame\n'
  nothing_left
}

@test "files under /run/secrets of a source with binds, running and stopped" {
  mkdir bind
  source_container app -v "$WORK/bind:/bind" --
  put_secret app
  job --from container/app -- cat /run/secrets/password
  out_is $'sesame\n'
  docker stop -t 0 app
  plan_of container/app
  is "$(planned '.copied_files | join(" ")')" /run/secrets/password
  job --from container/app -- sh -c 'stat -c "%u %g %a" /run/secrets/password; cat /run/secrets/password'
  status_is 0
  out_is $'1000 2000 440\nsesame\n'
  nothing_left
}

@test "files at the target of a Compose config are copied" {
  printf '%s\n' 'services:' '  web:' '    image: x' '    configs: [{source: conf, target: /etc/shop.conf}]' \
    'configs:' '  conf:' '    content: "mode=production"' >compose.yaml
  source_container app --label com.docker.compose.service=web --label com.docker.compose.project=shop \
    --label "com.docker.compose.project.config_files=$WORK/compose.yaml" --
  printf 'mode=production' >shop.conf
  docker cp shop.conf app:/etc/shop.conf
  job --from compose/web -- cat /etc/shop.conf
  status_is 0
  out_is 'mode=production'
  nothing_left
}

@test "secrets that cannot be read: 125, naming them, nothing made" {
  source_container app --label com.docker.swarm.task.id=x --
  put_secret app
  job --from container/app -- probe line x
  status_is 125
  one_complaint /run/secrets/password
  run ! grep -q sesame "$ERR"
  nothing_left
}
