# Where the release comes from: image/, container/, compose/, and which image of it runs.
load lib

# member PROJECT SERVICE NUMBER [DOCKER-OPTION...]: a container as Compose labels it, PROJECT-SERVICE-NUMBER.
member() {
  local project=$1 service=$2 number=$3
  shift 3
  source_container "$project-$service-$number" --label com.docker.compose.project="$project" \
    --label com.docker.compose.service="$service" --label com.docker.compose.container-number="$number" \
    --label com.docker.compose.oneoff=False --label com.docker.compose.config-hash=x "$@"
}
plan_of() { # SOURCE [OPTION...]: $OUT is the plan as JSON
  once plan --output json --from "$@" -- probe line x
}
planned() { jq -r "$1" "$OUT"; }

@test "image/: an image and only what is given here" {
  job --from "image/$IMAGE" -e GIVEN=here -u 1000 -w /tmp -- probe env GIVEN env FROM_IMAGE id
  status_is 0
  is "$(sed 's/ [0-9]* \/tmp$/ N \/tmp/' "$OUT")" $'here\nyes\nid 1000 1000 N /tmp'
  is "$(result release.source) $(result release.image)" "image/$IMAGE $IMAGE"
  is "$(result target.kind)" container
  # --image alone is the same; both say which of them wins.
  once run --image "$IMAGE" -- probe line same
  status_is 0
  out_is $'same\n'
  nothing_left
}

@test "image/: by id and by the beginning of it" {
  local id
  id=$(docker image inspect -f '{{.Id}}' "$IMAGE")
  for ref in "$id" "${id#sha256:}" "$(cut -c8-19 <<<"$id")"; do
    job --from "image/$ref" --pull never -- probe line "$ref"
    status_is 0
    is "$(result release.image_id)" "$id"
  done
}

@test "container/: running, paused, stopped and never started, by name and by the beginning of its id" {
  source_container app -e WORD=kept --
  local id
  id=$(docker inspect -f '{{.Id}}' app)
  for name in app "$id" "${id:0:12}" "${id:0:6}"; do
    job --from "container/$name" -- probe env WORD
    status_is 0
    out_is $'kept\n'
    plan_of "container/$name"
    is "$(planned '.from.kind + " " + .from.name + " " + .from.id')" "container app $id"
  done
  docker pause app
  job --from container/app -- probe env WORD
  docker unpause app
  status_is 0
  docker stop -t 0 app
  job --from container/app -- probe env WORD
  status_is 0
  out_is $'kept\n'
  echo "container $(docker create --name fresh -e WORD=created "$IMAGE" probe line x)" >>"$MADE"
  job --from container/fresh -- probe env WORD
  status_is 0
  out_is $'created\n'
  nothing_left
}

@test "container/: one that is not there, a name that is none, an ambiguous beginning" {
  plan_of container/nobody
  status_is 125
  one_complaint 'container/nobody failed: '
  plan_of 'container/no such/name?x=1'
  status_is 125
  one_complaint
  plan_of container/
  status_is 125
  one_complaint 'container/'
}

@test "compose/: a service by name, and in its project by both" {
  member shop web 1 -e WORD=shop --
  plan_of compose/web
  status_is 0
  is "$(planned '.from.name + " " + .app + " " + .release.source')" 'shop-web-1 shop compose/web'
  job --from compose/shop/web -- probe env WORD
  status_is 0
  out_is $'shop\n'
  err_is ''
  # The copy is nobody's replica.
  plan_of compose/shop/web
  is "$(planned '.labels | keys | map(select(startswith("com.docker."))) | length')" 0
  nothing_left
}

@test "compose/: a service that is not there" {
  member shop web 1 --
  plan_of compose/api
  status_is 125
  one_complaint "compose/api failed: no Compose service 'api'"
  plan_of compose/other/web
  status_is 125
  one_complaint "compose/other/web failed: project 'other'"
}

@test "compose/: several projects have it: an error that lists them" {
  member shop web 1 -e WORD=shop --
  member blog web 1 -e WORD=blog --
  job --from compose/web -- probe env WORD
  status_is 125
  one_complaint 'several projects have it: '
  err_has blog
  err_has shop
  err_has 'compose/PROJECT/web'
  verdict=$(result verdict)
  is "$verdict" not_started
  job --from compose/blog/web -- probe env WORD
  status_is 0
  out_is $'blog\n'
  nothing_left
}

@test "compose/: running replicas come first, else the newest, and that is said" {
  member shop web 1 -e WORD=one --
  sleep 1.1
  member shop web 2 -e WORD=two --
  docker stop -t 0 shop-web-1
  job --from compose/web -- probe env WORD
  status_is 0
  out_is $'two\n'
  err_is ''
  docker stop -t 0 shop-web-2
  docker start shop-web-1
  job --from compose/web -- probe env WORD
  out_is $'one\n'
  docker stop -t 0 shop-web-1
  job --from compose/web -- probe env WORD
  status_is 0
  out_is $'two\n'
  err_has 'none of its containers is running; the newest is the source: shop-web-2 (exited)'
  nothing_left
}

@test "compose/: one-off containers, Compose's and run-once's own, are never the source" {
  member shop web 1 -e WORD=app --
  source_container oneoff -e WORD=oneoff --label com.docker.compose.project=shop --label com.docker.compose.service=web \
    --label com.docker.compose.oneoff=True --label com.docker.compose.container-number=0 --
  source_container ours -e WORD=ours --label run-once.id=someone --label com.docker.compose.project=shop \
    --label com.docker.compose.service=web --label com.docker.compose.container-number=0 --
  plan_of compose/web
  is "$(planned .from.name)" shop-web-1
  docker rm -f shop-web-1
  plan_of compose/web
  status_is 125
}

@test "compose/: replicas on two images are a half-done roll-out: 121, listed, nothing made" {
  make_image shop:1 'ENV VERSION=1'
  make_image shop:2 'ENV VERSION=2'
  IMAGE=shop:1 member shop web 1 --
  IMAGE=shop:2 member shop web 2 --
  job --from compose/shop/web -- probe env VERSION
  status_is 121
  one_complaint 'compose/shop/web refused: '
  err_has 'shop-web-1 (shop:1'
  err_has 'shop-web-2 (shop:2'
  err_has '--image-of'
  is "$(result verdict) $(result cause) $(result retry_safe)" 'refused rollout true'
  nothing_left
  once plan --from compose/shop/web -- ls
  status_is 121
  local two
  two=$(docker inspect -f '{{.Id}}' shop-web-2)
  for replica in 2 shop-web-2 "${two:0:10}"; do
    job --from compose/shop/web --image-of "$replica" -- probe env VERSION
    status_is 0
    out_is $'2\n'
    is "$(result release.image_id)" "$(docker image inspect -f '{{.Id}}' shop:2)"
  done
  job --from compose/shop/web --image-of 1 -- probe env VERSION
  out_is $'1\n'
  job --from compose/shop/web --image-of 7 -- probe env VERSION
  status_is 125
  one_complaint '--image-of 7'
  # A stopped one of the old image is no roll-out.
  docker stop -t 0 shop-web-1
  job --from compose/shop/web -- probe env VERSION
  status_is 0
  out_is $'2\n'
  nothing_left
}

@test "--image-of without replicas" {
  source_container app --
  plan_of container/app --image-of 1
  status_is 125
  one_complaint '--image-of'
}

@test "the image that runs, not its tag; and that the tag has moved is said" {
  make_image shop:stable 'ENV VERSION=1'
  IMAGE=shop:stable source_container app --
  job --from container/app -- probe env VERSION
  err_is ''
  local old
  old=$(docker inspect -f '{{.Image}}' app)
  make_image shop:stable 'ENV VERSION=2'
  job --from container/app -- probe env VERSION
  status_is 0
  out_is $'1\n'
  err_has 'the tag shop:stable has since moved'
  is "$(result release.image_id)" "$old"
  is "$(wc -l <"$ERR")" 1
  job -q --from container/app -- probe env VERSION
  err_is ''
  plan_of container/app
  is "$(planned '.notes | map(select(contains("has since moved"))) | length')" 1
  # With the tag as --image it is the new one and there is nothing to say.
  job --from container/app --image shop:stable -- probe env VERSION
  out_is $'2\n'
  err_is ''
  nothing_left
}

@test "a stopped source whose image was removed: 125; --image brings another" {
  make_image shop:gone 'ENV VERSION=1'
  IMAGE=shop:gone source_container app -e WORD=kept -- probe line x
  docker wait app
  docker rmi -f "$(docker image inspect -f '{{.Id}}' shop:gone)"
  job --from container/app -- probe line x
  status_is 125
  one_complaint 'is no longer on the engine; --image REF'
  is "$(result cause)" image
  job --from container/app --image "$IMAGE" -- probe env WORD
  status_is 0
  out_is $'kept\n'
  nothing_left
}

@test "--image over a source: everything of the source but what it merely inherited, and the plan shows the difference" {
  make_image shop:1 'ENV VERSION=1' 'ENV ONLY_OLD=yes' 'ENV OVERRIDDEN=image' 'USER 1000' 'WORKDIR /tmp' 'STOPSIGNAL SIGQUIT' 'LABEL release=1'
  make_image shop:2 'ENV VERSION=2' 'ENV ONLY_NEW=yes' 'ENV OVERRIDDEN=other' 'USER 2000' 'WORKDIR /root' 'LABEL release=2'
  make_volume data
  IMAGE=shop:1 source_container app -e WORD=source -e OVERRIDDEN=source -v data:/data --
  job --from container/app --image shop:2 -- probe env VERSION env ONLY_OLD env ONLY_NEW env OVERRIDDEN env WORD lines /data/none id
  is "$(sed 's/^id 2000 \([0-9]*\) [0-9]*/id 2000 \1 N/' "$OUT")" $'2\nyes\nsource\nsource\n0\nid 2000 0 N /root'
  is "$(result release.image) $(result release.image_id)" "shop:2 $(docker image inspect -f '{{.Id}}' shop:2)"
  plan_of container/app --image shop:2
  local differences
  differences=$(planned '.differences | sort | join("\n")')
  for word in "env VERSION" "env ONLY_OLD" "env ONLY_NEW" user "working directory" "stop signal"; do
    grep -qi "$word" <<<"$differences" || { echo "no difference for $word: $differences"; return 1; }
  done
  run ! grep -q OVERRIDDEN <<<"$differences"
  is "$(planned '.stop_signal')" SIGTERM
  once plan --from container/app --image shop:2 -- ls
  out_has 'Different with this image'
  # Given by the source's own hand: stays.
  docker rm -f app
  IMAGE=shop:1 source_container app -u 1234 -w / --stop-signal SIGINT --
  plan_of container/app --image shop:2
  is "$(planned '[.user, .workdir, .stop_signal] | join(" ")')" '1234 / SIGINT'
  nothing_left
}

@test "a source of another kind says what this runtime has" {
  for source in deployment/web pod/x; do # of a cluster: here there is none
    plan_of "$source"
    status_is 125
    one_complaint kubeconfig
  done
  for source in service/web file:compose.yaml#web; do
    plan_of "$source"
    status_is 125
    one_complaint "$source"
  done
  for source in web compose/ compose/a/b/c image/ nothing/x 'file:compose.yaml'; do
    plan_of "$source"
    status_is 125
    one_complaint
  done
}
