# Which engine it is, and what run-once makes of the engine's own defaults. Run by scripts/engines on each.
load lib
load cuts

@test "the engine is known by its answers, whatever --runtime says, and --runtime podman refuses Docker" {
  job -- probe line x
  status_is 0
  is "$(result runtime.kind)" "${RUN_ONCE_TEST_KIND:-docker}"
  once doctor
  out_has "${RUN_ONCE_TEST_KIND:-docker} $(result runtime.version), API"
  job --runtime podman -- probe line x
  if on_podman; then
    status_is 0
    is "$(result runtime.kind)" podman
  else
    status_is 125
    one_complaint 'is Docker'
  fi
  nothing_left
}

@test "the log can be read whatever the engine's default log driver is" {
  job --keep always -- probe line hello
  status_is 0
  local id
  id=$(docker ps -aq --no-trunc --filter "label=run-once.id=$(result id)")
  echo "container $id" >>"$MADE"
  # Podman 5 calls its k8s-file json-file here.
  on_podman || is "$(docker inspect -f '{{.HostConfig.LogConfig.Type}}' "$id")" local
  is "$(docker logs "$id")" hello
}

@test "a log driver that Podman does not have" {
  on_podman || skip 'of Podman only'
  job --log-driver local -- probe line x
  status_is 125
  one_complaint k8s-file
  is "$(result verdict)" not_started
  nothing_left
}

@test "a log that cannot be read: the output comes all the same" {
  job --log-driver none -- probe line hello exit 3
  status_is 3
  out_is $'hello\n'
  nothing_left
}

# RUN_ONCE_TEST_LOG: the engine's own default, which scripts/engines sets; `syslog` needs an address that only that has.
@test "a cut where the log may not be there to read back: whole, or the gap is said; the verdict is the command's" {
  local driver
  for driver in none ${RUN_ONCE_TEST_LOG-}; do
    through down:1:/attach:30000
    start_job "${via[@]}" --log-driver "$driver" -- sh -c "probe fill 200000; $HELD; echo the end; exit 3"
    within 20 grep -q 'RULE down' "$BATS_TEST_TMPDIR/requests"
    [[ $driver != none ]] || within 20 grep -q 'cannot be had' "$ERR"
    sleep 1
    let_go
    end_job
    status_is 3
    verdict_is failed exit
    case $(result output.gap) in
      null) cmp "$OUT" <("$TOOLS/probe" fill 200000 && echo 'the end') ;;
      0) err_has 'some of it may be missing' || err_has 'cannot be had' ;;
      *) err_has 'bytes are missing' ;;
    esac
    [[ $driver != none ]] || is "$(result output.gap)" 0 'gap with no log'
    nothing_left
  done
}
