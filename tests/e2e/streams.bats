# Output and input: every byte, in order, whatever stands at the other end.
load lib

# Same as the probe's own `fill`: what N bytes of its sequence hash to.
fill_hash() { "$TOOLS/probe" fill "$1" | sha256sum; }
launched_well() { # nothing of its own on stderr, and a success on the record
  status_is 0 && verdict_is succeeded exit && nothing_left
}
peak_kib() { tail -n 1 "$1"; }
# 1 MiB/s from stdin to stdout.
slowly() {
  local n
  while n=$(head -c 262144 | tee /dev/fd/3 | wc -c) && ((n > 0)); do sleep 0.25; done 3>&1
}
# Its exit status in the file code: bats has `set -e` and would end a pipeline's part.
coded() {
  local s=0
  "$@" || s=$?
  echo $s >code
}
# What the first read of a full reader's life is: nothing until the file WAKE is there.
sleeper() {
  within 60 test -e "$1" >&2
  cat
}

@test "bytes that are no text, CRLF, no newline at the end: apart and exact" {
  job -- sh -c 'printf "a\0b\r\nc\377\376 tail"; printf "\r\n\0e" >&2'
  launched_well
  cmp "$OUT" <(printf 'a\0b\r\nc\377\376 tail')
  cmp "$ERR" <(printf '\r\n\0e')
  is "$(result output.stdout_bytes) $(result output.stderr_bytes)" '13 4'
}

# bats test_tags=slow
@test "200 runs of one line: 200 lines and 200 right statuses" {
  local n bad=0 began=$SECONDS
  : >"$OUT"
  for n in {1..200}; do
    status=0
    "$RUN_ONCE" run --from "image/$IMAGE" -- probe line "$n" exit $((n % 7)) >>"$OUT" 2>>"$ERR" || status=$?
    ((status == n % 7)) || { bad=$((bad + 1)); echo "run $n: $status"; }
  done
  echo "took $((SECONDS - began)) s"
  ((bad == 0))
  same "$OUT" "$(seq 200)"$'\n' stdout
  err_is ''
  is "$(history_count intent) $(history_count outcome)" '200 200'
  is "$(jq -s '[.[] | select(.event == "outcome" and .exit_status == .exit_code)] | length' "$RUN_ONCE_HISTORY")" 200
  nothing_left
}

# bats test_tags=slow
@test "256 MiB on stdout beside 64 MiB on stderr: both hashes right" {
  status=0
  "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -- probe both $((256 << 20)) $((64 << 20)) \
    > >(sha256sum >"$OUT") 2> >(sha256sum >"$ERR") || status=$?
  within 10 test -s "$OUT"
  within 10 test -s "$ERR"
  launched_well
  is "$(<"$OUT")" "$(fill_hash $((256 << 20)))" stdout
  is "$(<"$ERR")" "$(fill_hash $((64 << 20)))" stderr
  is "$(result output.stdout_bytes) $(result output.stderr_bytes) $(result output.gap)" "$((256 << 20)) $((64 << 20)) null"
}

# bats test_tags=slow
@test "64 MiB through -i from a pipe and from a file" {
  "$TOOLS/probe" fill $((64 << 20)) >input
  local hash
  hash=$(sha256sum <input)
  job -i -- sha256sum < <(cat input)
  launched_well
  out_is "$hash"$'\n'
  job -i -- sha256sum <input
  launched_well
  out_is "$hash"$'\n'
}

@test "end of input is forwarded and output goes on after it" {
  job -i -- sh -c 'n=$(wc -c); sleep 1; echo "got $n"; sleep 0.3; echo late >&2' < <(printf 'six by')
  launched_well
  out_is $'got 6\n'
  err_is $'late\n'
}

@test "input that comes slowly, and no input at all" {
  job -i -- cat < <(for n in 1 2 3; do echo $n; sleep 0.4; done)
  launched_well
  out_is $'1\n2\n3\n'
  job -i -- probe count </dev/null
  launched_well
  out_is $'0\n'
}

@test "a command that ends without reading all of its input: 0 is not taken for success" {
  "$TOOLS/probe" fill $((8 << 20)) >input
  job -i -- sh -c 'head -c 1000 >/dev/null; echo enough' <input
  status_is 120
  verdict_is unknown input_cut
  out_is $'enough\n'
  is "$(result retry_safe) $(result exit_code) $(result removed)" 'false 0 true'
  nothing_left
  if on_podman; then skip 'Podman cuts the stream when input is left: 120 whatever the status is'; fi
  # A failure is one, whatever was left unread.
  job -i -- sh -c 'head -c 1000 >/dev/null; echo enough; exit 3' <input
  status_is 3
  verdict_is failed exit
  out_is $'enough\n'
  nothing_left
}

@test "without -i the caller's stdin is not touched" {
  printf '%s\n' "$RUN_ONCE run --from image/$IMAGE -- probe count" 'echo one' \
    "$RUN_ONCE run --from image/$IMAGE -- cat" 'echo last line' >script
  status=0
  sh <script >"$OUT" 2>"$ERR" || status=$?
  status_is 0
  out_is $'0\none\nlast line\n'
  err_is ''
  nothing_left
}

# bats test_tags=slow
@test "a reader of 1 MiB/s: back-pressure, memory below 16 MiB" {
  status=0
  /usr/bin/time -f %M -o peak "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -- probe fill $((8 << 20)) 2>"$ERR" |
    slowly | sha256sum >"$OUT" || status=$?
  launched_well
  same "$OUT" "$(fill_hash $((8 << 20)))"$'\n' hash
  (($(peak_kib peak) < 16 * 1024)) || { echo "peak $(<peak) KiB"; return 1; }
}

@test "a reader that leaves: said in one line, and the command goes on" {
  make_volume data
  coded "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -v data:/data -- \
    sh -c 'echo first; n=0; while [ $n -lt 300 ]; do n=$((n + 1)); echo line $n; done; sleep 0.3; echo more; echo on >&2; probe append /data/f end; exit 4' 2>"$ERR" | head -n 1 >"$OUT"
  status=$(<code)
  status_is 4
  verdict_is failed exit
  out_is $'first\n'
  [[ $(grep -c 'stdout is no longer' "$ERR") == 1 ]] || { show; return 1; }
  grep -qx on "$ERR"
  job -v data:/data -- probe lines /data/f
  out_is $'1\n'
  nothing_left
}

@test "--on-epipe stop ends the command: 122" {
  coded "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" --on-epipe stop -- sh -c 'trap "exit 0" TERM; while :; do echo line; done' 2>"$ERR" | head -n 1 >"$OUT"
  status=$(<code)
  status_is 122
  verdict_is killed stopped
  err_has 'stdout is no longer'
  nothing_left
}

@test "a full disk as stdout: said, and the command's own status" {
  status=0
  "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -- sh -c 'echo lost; echo kept >&2; exit 7' >/dev/full 2>"$ERR" || status=$?
  status_is 7
  verdict_is failed exit
  err_has 'No space left'
  grep -qx kept "$ERR"
  [[ $(grep -c 'run-once:' "$ERR") == 1 ]] || { show; return 1; }
  nothing_left
}

@test "stdin, stdout or stderr closed by the caller" {
  : >"$OUT"
  local run=("$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT")
  status=0
  "${run[@]}" -- probe line out err problem exit 5 >&- 2>"$ERR" || status=$?
  status_is 5
  err_is problem
  is "$(result output.stdout_bytes)" 4
  status=0
  "${run[@]}" -- probe line out err problem exit 5 >"$OUT" 2>&- || status=$?
  status_is 5
  out_is $'out\n'
  status=0
  "${run[@]}" -i -- probe count <&- >"$OUT" 2>"$ERR" || status=$?
  status_is 0
  out_is $'0\n'
  err_is ''
  status=0
  "${run[@]}" -- probe line out err problem exit 6 <&- >&- 2>&- || status=$?
  status_is 6
  verdict_is failed exit
  "$RUN_ONCE" history verify >/dev/null
  nothing_left
}

@test "a socket as stdout and stdin" {
  "$TOOLS/probe" fill 3000000 >input
  printf '%s\n' '#!/bin/bash' "$RUN_ONCE run --from image/$IMAGE --result $RESULT -i -- cat 2>$ERR" "echo \$? >$WORK/code" >client
  chmod +x client
  socat -t 30 STDIO EXEC:"$WORK/client" <input >"$OUT"
  within 10 test -s code
  status=$(<code)
  launched_well
  cmp input "$OUT"
}

@test "--prefix and --timestamps stand before each line" {
  job --prefix 'web: ' -- sh -c 'printf "one\ntw"; sleep 0.3; printf "o\n\nrest"; echo bad >&2'
  launched_well
  out_is $'web: one\nweb: two\nweb: \nweb: rest'
  err_is $'web: bad\n'
  job --timestamps --prefix 'web: ' -- sh -c 'echo one; echo two'
  launched_well
  [[ $(grep -cE '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z web: (one|two)$' "$OUT") == 2 ]] || { show; return 1; }
  is "$(result output.stdout_bytes)" 8 'bytes of the command, without what was put before'
}

@test "--timeout fires while the reader stands still, and no byte is lost" {
  coded "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" --timeout 2 --stop-grace 5 -- \
    sh -c 'trap "echo the end; exit 0" TERM; probe fill 6000000; while :; do sleep 0.1; done' 2>"$ERR" | sleeper wake >"$OUT" 3>&- &
  # The command ends though nobody reads: all it wrote waits in the launcher.
  within 20 eval '[[ $(docker ps -q | wc -l) == 0 && -n $(docker ps -aq) ]]'
  : >wake
  wait $!
  status=$(<code)
  status_is 124
  verdict_is killed deadline_run
  err_has '--timeout of 2 s has passed'
  cmp "$OUT" <("$TOOLS/probe" fill 6000000; echo 'the end')
  nothing_left
}

# bats test_tags=slow
@test "--idle-timeout does not count our own slow reader" {
  coded "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" --idle-timeout 2 -- probe fill 4000000 exit 3 2>"$ERR" | { sleep 5; cat; } | sha256sum >"$OUT"
  status=$(<code)
  status_is 3
  verdict_is failed exit
  is "$(<"$OUT")" "$(fill_hash 4000000)"
  job --idle-timeout 1 --stop-grace 1 -- sh -c 'echo one; sleep 0.5; echo two; exec sleep 60'
  status_is 124
  verdict_is killed deadline_idle
  out_is $'one\ntwo\n'
  nothing_left
}

@test "output of a child that outlives the command" {
  job -- sh -c 'probe orphan 1 line main; exit 9'
  status_is 9
  grep -qx main "$OUT"
  nothing_left
}

launcher_pid() { pgrep -f "^$RUN_ONCE run --from image/$IMAGE --result $RESULT" | head -n 1; }

# In a pipeline stderr often goes where stdout goes: a line of our own must not wait for its reader either.
@test "two INTs while the reader of both streams stands still: the command is stopped, no byte is lost" {
  coded env --default-signal=INT "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -- \
    sh -c 'trap : INT; trap "echo the end; exit 0" TERM; probe fill 3000000; while :; do sleep 0.1; done' 2>&1 | sleeper wake >"$OUT" 3>&- &
  within 15 job_runs
  sleep 1
  kill -INT "$(launcher_pid)"
  sleep 0.7
  kill -INT "$(launcher_pid)"
  within 10 eval '[[ $(docker ps -q | wc -l) == 0 && -n $(docker ps -aq) ]]'
  : >wake
  wait $!
  status=$(<code)
  status_is 122
  verdict_is killed stopped
  is "$(grep -ac 'run-once: asking the command to stop' "$OUT")" 1
  # Where it stands between the bytes is up to the reader.
  cmp <(perl -0777 -pe 's/run-once: [^\n]*\n//g' "$OUT") <("$TOOLS/probe" fill 3000000; echo 'the end')
  nothing_left
}

# bats test_tags=slow
@test "a signal while the reader stands still: what waits does not grow without end" {
  coded "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -- sh -c 'trap : USR1; probe fill 400000000' 2>"$ERR" |
    { within 60 test -e wake >&2; head -c 1500000; within 60 test -e leave >&2; } >"$OUT" 3>&- &
  local pid n waits most=0
  within 15 job_runs
  pid=$(launcher_pid)
  sleep 1
  for n in 1 2 3; do
    kill -USR1 "$pid"
    sleep 0.3
  done
  : >wake
  for n in {1..20}; do
    waits=$(find /proc/"$pid"/fd -lname '*(deleted)' -exec stat -L -c %s {} + | sort -n | tail -n 1)
    ((${waits:-0} < most)) || most=${waits:-0}
    sleep 0.1
  done
  : >leave
  wait $!
  echo "$most bytes waited"
  ((most < 50000000))
  status=$(<code)
  status_is 0
  nothing_left
}

@test "interrupted while only its reader keeps it: the verdict is the command's, what was not read is told" {
  coded env --default-signal=INT "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -- probe fill 200000 exit 7 2>"$ERR" |
    sleeper wake >"$OUT" 3>&- &
  within 15 eval '[[ $(docker ps -aq --filter status=exited) ]]'
  kill -TERM "$(launcher_pid)"
  within 10 test -s code
  : >wake
  wait $!
  status=$(<code)
  status_is 7
  verdict_is failed exit
  is "$(($(stat -c %s "$OUT") + $(result output.gap)))" 200000
  err_has 'waited for a reader'
  nothing_left
}
