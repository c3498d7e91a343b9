# Connections that break, answers that get lost, an engine that is away: what is known stays true, no byte is repeated or
# lost, and nothing runs twice. A proxy (tests/tools/proxy.c) stands between run-once and the engine; docker goes past it.
load lib
load life
load cuts

# The job's output has at least N lines, as seen by its caller.
lines_out() { (($(wc -l <"$OUT") >= $1)); }
# Contact is lost behind the first line, and there again when the command has ended.
ends_out_of_contact() {
  within 15 lines_out 1
  refuse
  cut_now
  within 15 eval '[[ -z $(docker ps -q) ]]'
  allow
  end_job
}
numbers='n=0; while [ $n -lt 40 ]; do n=$((n + 1)); echo line $n; [ $((n % 5)) != 0 ] || echo err $n >&2; sleep 0.1; done'
numbers_out() { seq -f 'line %.0f' 40; }
numbers_err() { seq -f 'err %.0f' 5 5 40; }
# What run-once itself said is left out.
command_err() { grep -av '^run-once: ' "$ERR" || :; }

@test "the answer of start is lost: the command ran once, and its verdict is true" {
  make_volume data
  through lose:1:/start
  job "${via[@]}" -v data:/data -- sh -c 'probe append /data/f x; echo done; exit 3'
  struck 'lose /start'
  status_is 3
  verdict_is failed exit
  out_is $'done\n'
  is "$(asked 'POST .*/start')" 1 'starts sent'
  nothing_left
  through lose:1:/start
  job "${via[@]}" -v data:/data -- probe append /data/f x line again
  struck 'lose /start'
  status_is 0
  verdict_is succeeded exit
  job -v data:/data -- probe lines /data/f
  out_is $'2\n'
  nothing_left
}

@test "the answer of start breaks off in its first line" {
  make_volume data
  through down:1:/start:12
  job "${via[@]}" -v data:/data -- sh -c 'probe append /data/f x; echo done; sleep 1; exit 3'
  struck 'down /start'
  status_is 3
  verdict_is failed exit
  out_is $'done\n'
  nothing_left
}

@test "start never reaches the engine: not started, 125, nothing left" {
  make_volume data
  through refuse:1:/start
  job "${via[@]}" -v data:/data -- probe append /data/f x
  status_is 125
  verdict_is not_started engine
  is "$(result retry_safe)" true
  is "$(asked 'POST .*/start')" 1 'starts sent'
  one_complaint 'start failed'
  nothing_left
  job -v data:/data -- probe lines /data/f
  out_is $'0\n'
}

@test "the answer of create is lost: found by its label, ran once" {
  make_volume data
  through lose:1:/containers/create
  job "${via[@]}" -v data:/data -- probe append /data/f x line done
  struck 'lose /containers/create'
  status_is 0
  verdict_is succeeded exit
  out_is $'done\n'
  is "$(asked 'POST .*/create')" 1 'creates sent'
  job -v data:/data -- probe lines /data/f
  out_is $'1\n'
  nothing_left
}

@test "the answer of attach is lost: nothing ran, nothing left" {
  through lose:1:/attach
  job "${via[@]}" -- probe line hello
  struck 'lose /attach'
  status_is 125
  verdict_is not_started engine
  one_complaint 'before an answer'
  is "$(asked 'POST .*/start')" 0 'starts sent'
  nothing_left
}

@test "the answer of a question is lost: asked again" {
  local rule
  for rule in /wait /events "GET /v$(docker version -f '{{.Server.APIVersion}}')/containers/"; do
    through "lose:1:$rule"
    job "${via[@]}" -- probe line hello exit 5
    struck "lose $rule"
    status_is 5
    out_is $'hello\n'
    nothing_left
  done
}

@test "the answer of the removal is lost" {
  through 'lose:1:DELETE /'
  job "${via[@]}" -- probe line hello exit 4
  struck 'lose DELETE'
  status_is 4
  out_is $'hello\n'
  is "$(result removed)" true
  nothing_left
}

@test "the answer of a signal is lost: it came once" {
  through lose:1:/kill
  start_job "${via[@]}" -- probe notice USR1 line ready sleep 3 sleep 1
  within 15 lines_out 1
  kill -USR1 "$launcher"
  end_job
  struck 'lose /kill'
  status_is 0
  verdict_is succeeded exit
  out_is $'ready\ngot USR1\n'
  nothing_left
}

@test "output cut at any byte goes on exactly there" {
  local n want
  want=$("$TOOLS/probe" fill 2000000 | sha256sum)
  for n in 300 65536 1000003 1999000; do
    through "down:1:/attach:$n"
    job "${via[@]}" -- probe both 2000000 500000 line 'the end' exit 6
    struck 'down /attach'
    status_is 6
    verdict_is failed exit
    is "$(head -c 2000000 "$OUT" | sha256sum)" "$want"
    is "$(tail -c +2000001 "$OUT")" 'the end'
    cmp "$ERR" <("$TOOLS/probe" fill 500000) || { show; return 1; }
    is "$(result output.gap)" null gap
    nothing_left
  done
}

# Following a log over its rotation the engine leaves out what it has not sent yet (20.10, 26.1).
# bats test_tags=slow
@test "output cut, and the log rotates under the reader: what is missing is told" {
  through down:1:/attach:200000
  job "${via[@]}" --log-max 16MiB -- probe fill 15000000 exit 6
  struck 'down /attach'
  status_is 6
  local n gap
  n=$(stat -c %s "$OUT") gap=$(result output.gap)
  if [[ $gap == null ]]; then
    cmp "$OUT" <("$TOOLS/probe" fill 15000000)
  else
    is "$((n + gap))" 15000000 'received and missing'
    err_has "$gap bytes are missing"
  fi
  nothing_left
}

@test "all connections cut, again and again, under a slow writer: exact" {
  through
  start_job "${via[@]}" -- sh -c "$numbers; exit 7"
  local n
  for n in 3 10 11 25; do
    within 20 lines_out $n
    cut_now
  done
  end_job
  status_is 7
  verdict_is failed exit
  same "$OUT" "$(numbers_out)"$'\n' stdout
  cmp <(command_err) <(numbers_err) || { show; return 1; }
  is "$(result output.gap)" null gap
  nothing_left
}

@test "wait cut, events cut: the run goes on" {
  through later:1:/wait:1200 later:1:/events:2000
  job "${via[@]}" -- sh -c "$numbers; exit 8"
  struck 'later /wait'
  struck 'later /events'
  status_is 8
  same "$OUT" "$(numbers_out)"$'\n' stdout
  verdict_is failed exit
  nothing_left
}

@test "the engine is away for a while: said, and regained" {
  through
  start_job "${via[@]}" -- sh -c "$numbers; exit 9"
  within 15 lines_out 5
  refuse
  cut_now
  within 10 grep -q 'contact with the engine is lost' "$ERR"
  sleep 2
  allow
  end_job
  status_is 9
  verdict_is failed exit
  err_has 'in contact with the engine again'
  same "$OUT" "$(numbers_out)"$'\n' stdout
  nothing_left
}

@test "the command ends while the engine is away: its output and status all the same" {
  through
  start_job "${via[@]}" -- sh -c 'echo one; sleep 1; echo two; echo bad >&2; exit 11'
  ends_out_of_contact
  status_is 11
  verdict_is failed exit
  out_is $'one\ntwo\n'
  is "$(command_err)" bad
  nothing_left
}

@test "stopped by someone else while the engine is away: 122, not 0" {
  through
  start_job "${via[@]}" -- probe trap TERM 0 line ready forever
  within 15 lines_out 1
  refuse
  cut_now
  within 10 grep -q 'contact with the engine is lost' "$ERR"
  docker stop "$(job_container)" >/dev/null
  allow
  end_job
  status_is 122
  verdict_is killed stopped_from_outside
  out_is $'ready\ngot TERM\n'
  nothing_left
}

# On a bad connection the events, which have one of their own, come seconds behind the end.
@test "stopped by someone else, with the events late or lost: 122, not 0" {
  for rule in lag:1:/events:3000 lag:1:/events:0; do
    through $rule
    start_job "${via[@]}" -- probe trap TERM 0 line ready forever
    within 15 lines_out 1
    sleep 1
    docker stop "$(job_container)" >/dev/null
    end_job
    status_is 122
    verdict_is killed stopped_from_outside
    out_is $'ready\ngot TERM\n'
    nothing_left
  done
}

@test "events that do not come, and the user gives up: unknown, and the guardian hears them to the end" {
  through lag:1:/events:0 stall:0:/events:0
  start_job "${via[@]}" -- probe line out sleep 1
  within 15 grep -qF "waiting for the engine's events" "$ERR"
  kill -TERM "$launcher"
  within 20 eval '! kill -0 "$launcher" 2>/dev/null' # a request that is not answered is not waited for
  end_job
  status_is 120
  is "$(result verdict) $(result cause)" 'unknown contact_lost'
  id=$(result id)
  through
  once jobs wait "$id"
  status_is 0
  is "$(field "$id" verdict) $(field "$id" exit_code) $(result verdict)" 'succeeded 0 succeeded'
  nothing_left 10
}

@test "the command ends while contact is lost, and events come late then: no restart, its own end" {
  through lag:2:/events:4000
  start_job "${via[@]}" -- probe line early sleep 2 line late
  ends_out_of_contact
  status_is 0
  verdict_is succeeded exit
  out_is $'early\nlate\n'
  is "$(result output.gap)" null gap
  nothing_left
}

# bats test_tags=slow
@test "so much happens while contact is lost that the engine forgets: unknown, neither a success nor a restart" {
  through
  start_job "${via[@]}" -- probe line early sleep 2 line late
  within 15 lines_out 1
  refuse
  cut_now
  # It keeps 256 events; a volume that comes and goes makes two.
  for ((i = 0; i < 130; i++)); do
    curl -sS --unix-socket "${HOST#unix://}" -X POST -H 'Content-Type: application/json' -d "{\"Name\": \"forget$i\"}" http://d/volumes/create
    curl -sS --unix-socket "${HOST#unix://}" -X DELETE "http://d/volumes/forget$i"
  done >"$BATS_TEST_TMPDIR/answers"
  within 15 eval '[[ -z $(docker ps -q) ]]'
  allow
  end_job
  status_is 120
  verdict_is unknown contact_lost
  out_is $'early\nlate\n'
  nothing_left
}

# bats test_tags=slow
@test "no contact within --reconnect-for: 120, with id and the command that settles it" {
  through
  start_job "${via[@]}" --reconnect-for 2 -- sh -c 'trap "exit 0" TERM; echo ready; while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 12'
  within 15 lines_out 1
  refuse
  cut_now
  end_job
  status_is 120
  is "$(result verdict) $(result cause)" 'unknown contact_lost'
  is "$(result retry_safe) $(result exit_code) $(result removed)" 'false null false'
  local id
  id=$(result id)
  err_has "run-once jobs wait $id"
  # It goes on, and whoever looks after it records the truth.
  allow
  docker exec "$(job_container)" touch /tmp/go
  nothing_left 30
  within 10 eval '[[ $(outcome exit_status) == 12 ]]'
  is "$(outcome id) $(outcome verdict)" "$id failed"
}

@test "input cut in the middle: unknown, never 0, and the command is stopped" {
  "$TOOLS/probe" fill $((8 << 20)) >input
  through up:1:/attach:1000000
  job "${via[@]}" -i -- sh -c 'cat >/dev/null; echo eof; exit 0' <input
  struck 'up /attach'
  status_is 120
  verdict_is unknown input_cut
  is "$(result retry_safe)" false
  [[ $(result message) =~ [0-9]+\ bytes ]] || { show; return 1; }
  nothing_left
  # One that would go on with half of it.
  through up:1:/attach:1000000
  job "${via[@]}" -i --stop-grace 1 -- sh -c 'cat >/dev/null; echo eof; sleep 60; exit 0' <input
  status_is 120
  verdict_is unknown input_cut
  nothing_left
}

@test "input delivered whole, then a cut: a success is one" {
  through
  printf 'six by' >input
  "$RUN_ONCE" run --result "$RESULT" "${via[@]}" --from "image/$IMAGE" -i -- sh -c 'wc -c; sleep 3; echo late' <input >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 15 lines_out 1
  sleep 1.2 # until then it may have been on its way
  cut_now
  end_job
  status_is 0
  verdict_is succeeded exit
  out_is $'6\nlate\n'
  nothing_left
}

# What a command reads slowly waits in sockets between: a cut takes it, long after all of it and its end were sent.
@test "input sent whole, read slowly, then a cut: never a success" {
  through
  head -c 450000 /dev/zero >input
  "$RUN_ONCE" run --result "$RESULT" "${via[@]}" --from "image/$IMAGE" -i --stop-grace 1 -- \
    sh -c 'head -c 1000 >/dev/null; echo slow; sleep 3; wc -c; exit 0' <input >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 15 lines_out 1
  sleep 1.5
  cut_now
  end_job
  status_is 120
  verdict_is unknown input_cut
  nothing_left
}

@test "the input's end itself is cut off" {
  through
  mkfifo pipe
  "$RUN_ONCE" run --result "$RESULT" "${via[@]}" --from "image/$IMAGE" -i -- sh -c 'head -n 1; cat; exit 0' <pipe >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  exec 7>pipe
  echo first >&7
  within 15 lines_out 1
  cut_now
  end_job
  exec 7>&-
  status_is 120
  verdict_is unknown input_cut
  nothing_left
}

@test "--timeout is held when the launcher stands still before start was answered" {
  through stall:1:/start:6000
  start_job "${via[@]}" --timeout 2 --stop-grace 1 -- probe ignore TERM line ready forever
  id=$(job_id) c=$(job_container)
  kill -STOP "$launcher"
  within 15 eval '[[ $(timeout 3 docker inspect -f "{{.State.Running}}" '"$c"') == false ]]'
  kill -CONT "$launcher"
  end_job
  status_is 124
  verdict_is killed deadline_run
  nothing_left 5
}
