# file:PATH#SERVICE on an engine: the container of `docker compose run` and ours, field by field. What a file means without
# an engine is tests/compose.
# bats file_tags=slow
load lib

FILES=$PROJECT/tests/compose/engine

# What differs by the contract: of the streams and of the name; section 2, Inert; the image is pinned by id; run-once's own log.
# Mounts are compared as the engine made them, whichever way they were asked for.
SAME='def full: with_entries(select(.value != null and .value != [] and .value != {} and .value != "" and .value != 0 and .value != false));
  {config: (.Config | del(.Hostname, .Image, .Labels, .Tty, .AttachStdin, .AttachStdout, .AttachStderr, .OpenStdin, .StdinOnce, .Healthcheck,
      .ExposedPorts, .MacAddress) | .Env = ((.Env // []) | sort) | full),
   host: (.HostConfig | del(.LogConfig, .RestartPolicy, .PortBindings, .AutoRemove, .Binds, .Mounts, .ConsoleSize, .NetworkMode, .Annotations)
      | .Ulimits = ((.Ulimits // []) | sort_by(.Name)) | full),
   mounts: (.Mounts | map({Type, Name: (if .Type == "volume" and (.Name | test("^[0-9a-f]{64}$")) then "anonymous" else .Name end),
      Source: (if .Type == "bind" then .Source else null end), Destination, RW, Propagation}) | sort_by(.Destination)),
   networks: (.NetworkSettings.Networks | keys)}'

compose() { "$COMPOSE" "$@" >"$BATS_TEST_TMPDIR/compose" 2>&1 </dev/null || { cat "$BATS_TEST_TMPDIR/compose" && return 1; }; }

# compared NAME: runs the same in both, compares.
compared() {
  COMPOSE=$("$PROJECT/scripts/compose-oracle" 2>/dev/null) || skip "no docker-compose to compare with"
  compose -f "$FILES/$1.yaml" run -T --name theirs web probe line x
  job --from "file:$FILES/$1.yaml#web" --keep always -- probe line x
  status_is 0
  out_is $'x\n'
  docker inspect theirs | jq -S ".[0] | $SAME" >"$WORK/theirs"
  docker inspect "$(result target.id)" | jq -S ".[0] | $SAME" >"$WORK/ours"
  diff "$WORK/theirs" "$WORK/ours"
  # Inert: nothing by which the application is found is on ours.
  is "$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{len .HostConfig.PortBindings}}' "$(result target.id)")" "no 0"
  ! docker inspect "$(result target.id)" | grep -E 'www|com.docker.compose|traefik.enable": "true"' || return 1
  docker rm -fv theirs "$(result target.id)" >/dev/null
}

@test "compose file and docker compose run: environment" { compared environment; }
@test "compose file and docker compose run: limits" { compared limits; }
@test "compose file and docker compose run: security" { compared security; }
@test "compose file and docker compose run: volumes" { compared volumes; }
@test "compose file and docker compose run: secrets, configs, tmpfs" { compared secrets; }
@test "compose file and docker compose run: networks" { compared networks; }
@test "compose file and docker compose run: no network, nothing published" { compared nowhere; }
@test "compose file and docker compose run: names and sysctls" { compared names; }
@test "compose file and docker compose run: entrypoint, signals, init" { compared process; }
@test "compose file and docker compose run: extends and deploy" { compared merged; }

@test "compose file: a service that only builds, without its image, is an error that says how" {
  printf 'name: shop\nservices:\n  web:\n    build: .\n' >compose.yaml
  once run --from file:compose.yaml#web -- probe line x
  status_is 125
  err_is $'run-once: file:compose.yaml#web failed: the image \'shop-web\' is not on the engine, and nobody can pull it: compose.yaml:4 builds it (docker compose build web)\n'
  nothing_left
}

@test "compose file: networks and volumes that are not there are errors, nothing is made" {
  printf 'name: shop\nservices:\n  web:\n    image: run-once-test\n    volumes: ["data:/d"]\nvolumes: {data: }\n' >compose.yaml
  once run --from file:.#web -- probe line x
  status_is 125
  err_has "network 'shop_default' failed: it does not exist on the engine"
  once run --from file:.#web --network none -- probe line x
  status_is 125
  err_has "volume 'shop_data' for /d failed: it does not exist on the engine"
  nothing_left
}

@test "compose file: the release file and the options go over it; plan says what was left out" {
  printf 'name: shop\nservices:\n  web:\n    image: never-there\n    network_mode: none\n    environment: {A: compose, B: compose, C: compose, VIRTUAL_HOST: x}\n    ports: ["80:80"]\n    depends_on: [db]\n    labels: {keep: me}\n    hostname: app\n  db: {image: d}\n' >compose.yaml
  printf 'version: 1\nfrom: file:compose.yaml#web\nimage: %s\nenv: {B: release, C: release}\n' "$IMAGE" >release.yaml
  once run --result "$RESULT" --env C=option --keep-label keep --hostname source -- probe env A env B env C
  status_is 0
  out_is $'compose\nrelease\noption\n'
  is "$(result release.source)" file:compose.yaml#web
  once plan --output json --keep-label keep --hostname source -- probe line x
  status_is 0
  is "$(jq -r '.app + " " + .hostname' "$OUT")" "shop app"
  is "$(jq -r '.env[] | select(.name == "A") | .origin' "$OUT")" compose.yaml:6
  is "$(jq -r '[.dropped[].what | select(test("VIRTUAL_HOST|ports|dependency on db"))] | length' "$OUT")" 3
  nothing_left
}

@test "compose file: network_mode service: is the network of that service's running container" {
  printf 'name: shop\nservices:\n  web: {image: run-once-test, network_mode: "service:db"}\n  db: {image: d}\n' >compose.yaml
  once run --from file:compose.yaml#web -- probe line x
  status_is 125
  err_has "service 'db' of project 'shop' has no running container on this engine"
  source_container shop-db-1 --label com.docker.compose.project=shop --label com.docker.compose.service=db --label com.docker.compose.oneoff=False --
  once run --from file:compose.yaml#web --keep always --result "$RESULT" -- probe line x
  status_is 0
  is "$(docker inspect -f '{{.HostConfig.NetworkMode}}' "$(result target.id)")" "container:$(docker inspect -f '{{.Id}}' shop-db-1)"
}
