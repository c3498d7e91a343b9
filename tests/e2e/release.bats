# The release file: what is read from it, in which order things win, and what is said about faults in it.
load lib

file() { printf '%s\n' "$@" >release.yaml; } # LINE...
file_for_image() { file 'version: 1' 'name: shop' "image: $IMAGE" "$@"; }
task() { once task --result "$RESULT" "$@"; }
# complains LINE TEXT: of the file, at this line, and nothing is made.
complains() {
  once run --result "$RESULT" -- probe line x
  status_is 125
  one_complaint "$2"
  contains "$ERR" "release.yaml${1:+:$1}" stderr
  is "$(result verdict) $(result cause)" 'not_started config'
}

@test "tasks: listed with their descriptions, run by name, words appended" {
  file_for_image 'tasks:' \
    '  migrate: {command: [probe, line, migrated], description: Brings the schema up to date}' \
    '  args: {command: [probe, argv, "a b", "$HOME", "${HOME}"]}'
  once task
  status_is 0
  is "$(sed 's/  */ /' "$OUT")" $'migrate Brings the schema up to date\nargs'
  once task --output json
  is "$(jq -c '[.[].name]' "$OUT")" '["migrate","args"]'
  task migrate
  status_is 0
  out_is $'migrated\n'
  is "$(result 'command | join(" ")')" 'probe line migrated'
  # Nothing in command: is touched, and what is appended is argv.
  task args '' 'c  d' --result '*'
  status_is 0
  out_is $'3:a b\n5:$HOME\n7:${HOME}\n0:\n4:c  d\n8:--result\n1:*\n'
  is "$(jq -r .release.name "$RESULT")" shop
  nothing_left
}

@test "tasks: a line for the shell, whose first appended word is \$1" {
  file_for_image 'tasks:' '  greet: {shell: "echo \"$HOME|$1|$2|$#\"; exit 3"}'
  task greet 'one two' three
  status_is 3
  out_is $'/root|one two|three|2\n'
  task greet
  out_is $'/root|||0\n'
}

@test "tasks: one that is not there, with the nearest; no file at all" {
  file_for_image 'tasks:' '  migrate: {command: [probe, line, x]}'
  task migrat
  status_is 125
  one_complaint "did you mean 'migrate'?"
  rm release.yaml
  task migrate
  status_is 125
  one_complaint 'no release file'
  once task
  status_is 125
  one_complaint 'no release file'
  task --release nowhere.yaml migrate
  status_is 125
  one_complaint nowhere.yaml
}

@test "tasks: stdin, env, user and folder of a task; options of a task and of defaults" {
  file_for_image 'env: {A: file, B: file}' 'user: "1000"' 'workdir: /' 'defaults: {timeout: 1h, keep: on-failure, reason: x}' 'tasks: {}'
  complains 7 reason
  file_for_image 'env: {A: file, B: file}' 'user: "1000"' 'workdir: /' 'defaults: {timeout: 1h, keep: on-failure}' 'tasks:' \
    '  load: {command: [cat], stdin: true}' \
    '  show: {command: [probe, env, A, env, B, id], env: {B: task}, user: "2000:2000", workdir: /tmp, reason: because}' \
    '  slow: {command: [probe, sleep, "20"], timeout: 1s, keep: never}' \
    '  fail: {command: [probe, exit, "4"], description: x}'
  task load < <(printf 'sent in')
  status_is 0
  out_is 'sent in'
  task show
  is "$(sed 's/^id 2000 2000 [0-9]*/id 2000 2000 N/' "$OUT")" $'file\ntask\nid 2000 2000 N /tmp'
  is "$(result reason)" because
  task slow
  status_is 124
  verdict_is killed deadline_run
  nothing_left
  # defaults keep a failed one; the command line wins over them.
  task fail
  status_is 4
  docker rm "$(result target.id)"
  task --keep never fail
  status_is 4
  nothing_left
}

@test "environment: image < source < env_file < env < task < --env-file < --env, and where each comes from" {
  make_image layered:1 'ENV A=image B=image C=image D=image E=image F=image G=image'
  IMAGE=layered:1 source_container app -e B=source -e C=source -e D=source -e E=source -e F=source -e G=source --
  printf '%s\n' C=env_file D=env_file E=env_file F=env_file G=env_file >vars.env
  printf '%s\n' F=cli_file G=cli_file >cli.env
  file 'version: 1' 'from: container/app' 'env: {D: env, E: env, F: env, G: env}' 'env_file: vars.env' 'tasks:' \
    '  show:' '    command: [probe, env, A, env, B, env, C, env, D, env, E, env, F, env, G]' '    env: [E=task, F=task, G=task]'
  task --env-file cli.env -e G=cli show
  status_is 0
  out_is $'image\nsource\nenv_file\nenv\ntask\ncli_file\ncli\n'
  once plan --output json --env-file cli.env -e G=cli --task show
  status_is 0
  is "$(jq -r '[.env[] | select(.name | test("^[A-G]$")) | .name + " " + .origin] | sort | join("\n")' "$OUT")" \
    $'A image\nB container/app\nC env_file vars.env:1\nD release.yaml:3\nE task show\nF --env-file cli.env:1\nG --env'
}

@test "RUN_ONCE_ variables: below the command line, above the file" {
  file_for_image 'env: {A: file}' 'user: "1000"' 'workdir: /root'
  RUN_ONCE_USER=2000 RUN_ONCE_WORKDIR=/tmp RUN_ONCE_ENV=$'A=variable\nB=two' once run --user 0 -- probe env A env B id
  status_is 0
  is "$(sed 's/^id 0 0 [0-9]*/id 0 0 N/' "$OUT")" $'variable\ntwo\nid 0 0 N /tmp'
  RUN_ONCE_ENV=A=variable once run -e A=option -- probe env A
  out_is $'option\n'
  RUN_ONCE_TIMEOUT=soon once run -- probe line x
  status_is 125
  one_complaint RUN_ONCE_TIMEOUT
  RUN_ONCE_RELEASE=nowhere.yaml once run -- probe line x
  status_is 125
  one_complaint nowhere.yaml
}

@test "interpolation: the caller, then .env beside the file; all of Compose's forms; \$NAME stays" {
  mkdir sub
  printf '%s\n' FROM_DOTENV=dotenv BOTH=dotenv "TAG=latest" >sub/.env
  printf '%s\n' 'version: 1' 'name: shop' "image: $IMAGE:\${TAG}" 'env:' \
    '  A: "${FROM_DOTENV} ${BOTH}"' '  B: "${UNSET:-default} ${EMPTY:-empty} ${EMPTY-not}"' \
    '  C: "${BOTH:+given} ${UNSET+not}"' '  D: "$BOTH $$BOTH $${BOTH}"' '  E: "${UNSET:-${BOTH}}"' '  F: "${BOTH:?needed}"' >sub/release.yaml
  BOTH=caller EMPTY='' once run --release sub/release.yaml -- probe env A env B env C env D env E env F
  status_is 0
  out_is $'dotenv caller\ndefault empty \ngiven \n$BOTH $BOTH ${BOTH}\ncaller\ncaller\n'
}

@test "an unset variable is said where it would choose something, and with :? everywhere" {
  file 'version: 1' 'name: shop' 'image: run-once-test:${TAG}'
  complains 3 TAG
  file 'version: 1' 'name: shop' 'from: container/${WHICH}'
  complains 3 WHICH
  file_for_image 'env: {A: "${NEEDED:?set it to the address}"}'
  complains 4 'set it to the address'
  file_for_image 'env:' '  - NOT_SET_ANYWHERE'
  complains 5 NOT_SET_ANYWHERE
  file_for_image 'tasks:' '  x: {command: [probe, line, x], once: "${KEY}"}' '  y: {command: [probe, line, y], lock: "l-${KEY}"}'
  task x
  status_is 125
  one_complaint KEY
  task y
  one_complaint KEY
  # Elsewhere it is empty, as Compose has it, and said.
  file_for_image 'env: {A: "x${NOBODY}y"}'
  once run -- probe env A
  status_is 0
  out_is $'xy\n'
  err_has NOBODY
}

@test "env_file: Compose's rules, several, required, raw; a line that is none" {
  printf '%s\n' '# comment' 'A=plain # not a value' "B='single \$C'" 'C="double ${A}\tx"' 'export D=exported' '' 'E=' 'F' >one.env
  printf '%s\n' 'A="quoted" ${B}' >two.env
  file_for_image 'env_file: [one.env, {path: nowhere.env, required: false}]'
  F=caller once run -- probe env A env B env C env D env E env F
  status_is 0
  out_is $'plain\nsingle $C\ndouble plain\tx\nexported\n\ncaller\n'
  file_for_image 'env_file: [one.env, {path: two.env, format: raw}]'
  once run -- probe env A
  out_is $'"quoted" ${B}\n'
  file_for_image 'env_file: nowhere.env'
  complains 4 nowhere.env
  printf '%s\n' 'A=1' 'not a line' >bad.env
  file_for_image 'env_file: bad.env'
  once run -- probe line x
  status_is 125
  one_complaint bad.env:2
}

@test "from: with image: replaces the image alone" {
  make_image shop:2 'ENV VERSION=2'
  source_container app -e WORD=kept --
  file 'version: 1' 'from: container/app' 'image: shop:2'
  once run --result "$RESULT" -- probe env WORD env VERSION
  status_is 0
  out_is $'kept\n2\n'
  # The application's name is the source's.
  is "$(result release.name) $(result release.source) $(result release.image)" 'app container/app shop:2'
  # A source on the command line takes the place of both, and that is said.
  once run --from container/app -- probe env VERSION env WORD
  out_is $'kept\n'
  err_has 'shop:2'
}

@test "from: settings of the file go over the source's" {
  make_volume data
  make_volume other
  make_network one
  make_network two
  source_container app -v data:/data -v other:/other --network one -e A=1 --label keep=yes --cap-add NET_ADMIN --
  file 'version: 1' 'from: container/app' 'volumes: [other:/data:ro]' 'networks: [two]' 'cap_drop: [NET_ADMIN]' 'cap_add: [SYS_TIME]' \
    'labels: {mine: x}' 'init: true' 'read_only: true' 'memory: 64m' 'cpus: 0.5' 'ulimits: {nofile: 512}' 'tmpfs: /scratch:size=1m' \
    'extra_hosts: [a.test:192.0.2.1]' 'entrypoint: [probe]' 'shm_size: 8m' 'sysctls: {net.ipv4.ip_unprivileged_port_start: 1}' 'x-own: {a: 1}'
  once run --keep always --result "$RESULT" -- line x
  status_is 0
  docker inspect "$(result target.id)" | jq '.[0]' >b.json
  docker rm -v "$(result target.id)"
  is "$(jq -c '[.Mounts[] | select(.Type == "volume") | [.Name, .Destination, .RW]] | sort' b.json)" '[["other","/data",false],["other","/other",true]]'
  is "$(jq -c '[(.NetworkSettings.Networks | keys), .HostConfig.CapAdd, .HostConfig.CapDrop, .Config.Labels.mine, .HostConfig.Init, .HostConfig.ReadonlyRootfs,
    .HostConfig.Memory, .HostConfig.NanoCpus, .HostConfig.Ulimits, .HostConfig.Tmpfs, .HostConfig.ExtraHosts, .Config.Entrypoint, .HostConfig.ShmSize, .HostConfig.Sysctls]' b.json | sed 's/CAP_//g')" \
    '[["two"],["SYS_TIME"],["NET_ADMIN"],"x",true,true,67108864,500000000,[{"Name":"nofile","Hard":512,"Soft":512}],{"/scratch":"size=1m"},["a.test:192.0.2.1"],["probe"],8388608,{"net.ipv4.ip_unprivileged_port_start":"1"}]'
  nothing_left
}

@test "release.yaml of somebody else is left alone, in one line" {
  printf 'apiVersion: v1\nkind: Release\n' >release.yaml
  once run --image "$IMAGE" -- probe line x
  status_is 0
  out_is $'x\n'
  is "$(wc -l <"$ERR")" 1
  err_has 'release.yaml is not read'
  once run --release release.yaml --image "$IMAGE" -- probe line x
  status_is 125
  one_complaint release.yaml
  printf '# ours\n\nversion: 1\nname: shop\nimage: %s\n' "$IMAGE" >release.yaml
  once run -- probe line x
  status_is 0
  err_is ''
}

@test "x- keys are ignored everywhere" {
  file_for_image 'x-a: [1]' 'x-b: {c: d}' 'defaults: {x-c: 1}' 'tasks:' '  x-d: 3' '  t: {command: [probe, line, x], x-e: 4}'
  task t
  status_is 0
  out_is $'x\n'
}

@test "faults of the file: with file, line and what would be right" {
  file_for_image 'enviroment: {}'
  complains 4 "did you mean 'env'?"
  file_for_image 'workdri: /'
  complains 4 "did you mean 'workdir'?"
  file_for_image 'environment: {}'
  complains 4 "did you mean 'env'?"
  file_for_image 'ports: ["80:80"]'
  complains 4 'a one-off publishes no ports'
  file_for_image 'defaults: {timeuot: 1h}'
  complains 4 "did you mean 'timeout'?"
  file_for_image 'timeout: 1h'
  complains 4 'belongs in defaults: or in a task'
  file_for_image 'defaults: {timeout: soon}'
  complains 4 "found 'soon'"
  file_for_image 'memory: lots'
  complains 4 "found 'lots'"
  file_for_image 'init: maybe'
  complains 4 'true or false'
  file_for_image 'env: text'
  complains 4 env
  file_for_image 'user: [a]'
  complains 4 user
  file_for_image 'networks: {one: {aliases: [web]}}'
  complains 4 'no aliases'
  file_for_image 'volumes: ["a:relative"]'
  complains 4 'not an absolute path'
  file_for_image 'user: a' 'user: b'
  complains 5 user
  file_for_image 'tasks: {x: {description: nothing}}'
  complains 4 'neither command: nor shell:'
  file_for_image 'tasks: {x: {command: ls -l}}'
  complains 4 'a list of words'
  file_for_image 'tasks: {x: {command: []}}'
  complains 4 'the command is empty'
  file_for_image 'tasks: {x: {command: [ls], shell: ls}}'
  complains 4 'not both'
  file_for_image 'tasks:' '  x:' '    command: [ls]' '    lock: ""'
  complains 7 'is empty'
  file_for_image 'tasks:' '  x:' '    command: [ls]' '    keep: sometimes'
  complains 7 "found 'sometimes'"
  # Somebody else's file is not read, and that is said in the same line.
  file 'version: 2' 'name: x'
  once run -- ls
  status_is 125
  one_complaint 'no release given: release.yaml is not read: '
  printf '%s\n' 'version: 2' 'name: x' >other.yaml
  once run --release other.yaml -- ls
  one_complaint 'other.yaml:1: version: expected the number 1'
  file 'version: 1' 'image: x'
  complains '' 'name: is missing'
  file 'version: 1' 'name: "a b"' 'image: x'
  complains 2 'cannot be a name'
  file 'version: 1' 'from: nothing/x'
  complains 2 from
  file_for_image 'guard: x'
  complains 4 'not in this version'
  file_for_image 'env: {A: "${B"}'
  complains 4 'bad substitution'
  nothing_left
}

@test "faults of YAML: with file and line" {
  printf 'version: 1\nname: shop\nenv: {A: 1\n' >release.yaml
  once run -- ls
  status_is 125
  one_complaint release.yaml:4
  printf 'version: 1\nname: shop\n\tenv: x\n' >release.yaml
  once run -- ls
  status_is 125
  one_complaint release.yaml:3
  printf 'version: 1\nname: &a [*a]\n' >release.yaml
  once run -- ls
  status_is 125
  one_complaint release.yaml
  printf 'version: 1\nname: shop\nimage: x\n---\nversion: 1\n' >release.yaml
  once run -- ls
  status_is 125
  one_complaint release.yaml
  : >empty.yaml
  once run --release empty.yaml -- ls
  status_is 125
  one_complaint empty.yaml
  mkdir folder.yaml
  once run --release folder.yaml -- ls
  status_is 125
  one_complaint folder.yaml
  printf 'version: 1\nname: shop\nimage: x\n' >secret.yaml
  chmod 0 secret.yaml
  if ((EUID)); then
    once run --release secret.yaml -- ls
    status_is 125
    one_complaint secret.yaml
  fi
  [[ ! -e $RUN_ONCE_HISTORY ]] || is "$(history_count intent)" 0
}

@test "context: of the file against another DOCKER_HOST is an error that shows both" {
  DOCKER_HOST='' docker context create production --docker host=unix:///run/production.sock >/dev/null
  file_for_image 'context: production'
  once run -- probe line x
  status_is 125
  one_complaint production
  err_has "$DOCKER_HOST"
}

@test "runtime: of the file takes another kind than the default" {
  file_for_image 'runtime: kubernetes'
  export KUBECONFIG=$BATS_TEST_TMPDIR/none
  once run -- probe line x
  status_is 125
  one_complaint KUBECONFIG
}
