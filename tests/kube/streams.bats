#!/usr/bin/env bats
# Output and input on a real cluster: whole over every cut, or said.
load lib

# The API server behind a proxy that breaks connections: cut, away, back.
proxied() {
  python3 "$PROJECT/tests/kube/cutting_proxy.py" "$WORK/port" 3>&- &
  proxy=$!
  helpers+=("$proxy")
  within 10 test -s "$WORK/port"
  jq --arg p "http://127.0.0.1:$(<"$WORK/port")" '.clusters[0].cluster["proxy-url"] = $p' "$WORK/kubeconfig" >"$WORK/kubeconfig.new"
  mv "$WORK/kubeconfig.new" "$WORK/kubeconfig"
}
cut() { kill -USR1 "$proxy"; }
toggle() { kill -USR2 "$proxy"; }

numbered() { # N lines, each with its number, of 1 KiB
  echo 'BEGIN { s = "x"; while (length(s) < 1015) s = s s; s = substr(s, 1, 1015); for (i = 0; i < '"$1"'; i++) printf "%08d%s\n", i, s }'
}

@test "a substitution is exact: newlines at the end, an empty output" {
  [[ $("$RUN_ONCE" run --from "image/$IMAGE" -- printf 'a\n\n b' 2>/dev/null; echo .) == $'a\n\n b.' ]]
  [[ -z $("$RUN_ONCE" run --from "image/$IMAGE" -- true 2>/dev/null) ]]
}

@test "every connection is cut three times: every line once" {
  proxied
  start_job -- sh -c 'i=0; while [ $i -lt 60 ]; do echo "line $i"; i=$((i+1)); sleep 0.1; done'
  for _ in 1 2 3; do
    sleep 1.2
    cut
  done
  end_job
  status_is 0
  out_is "$(for ((i = 0; i < 60; i++)); do echo "line $i"; done)"$'\n'
  is "$(result output.gap)" null
}

@test "cut while 16 MiB come: whole" {
  proxied
  start_job -- sh -c 'awk "$1"; sleep 3' sh "$(numbered 16384)"
  for _ in 1 2 3; do
    sleep 0.5
    cut
  done
  end_job
  status_is 0
  cmp "$OUT" <(awk "$(numbered 16384)")
  # A node with Docker may have rotated its log before anybody could look, for all one can know.
  [[ $(result output.gap) == null ]] || err_has 'cannot be proved'
}

@test "away for longer than a moment: contact is said, output goes on with the next byte" {
  proxied
  start_job -- sh -c 'i=0; while [ $i -lt 100 ]; do echo "line $i"; i=$((i+1)); sleep 0.15; done'
  sleep 1
  toggle
  sleep 8
  toggle
  end_job
  status_is 0
  out_is "$(for ((i = 0; i < 100; i++)); do echo "line $i"; done)"$'\n'
}

@test "input that is cut in the middle: unknown (120), with the bytes that were sent" {
  proxied
  mkfifo in
  exec 7<>in
  "$RUN_ONCE" run --from "image/$IMAGE" --result "$RESULT" -i -- sh -c 'echo began; cat >/dev/null; sleep 30' <in >"$OUT" 2>"$ERR" &
  launcher=$!
  echo 'half of it' >&7
  within 30 grep -q began "$OUT"
  sleep 1
  cut
  status=0
  wait "$launcher" || status=$?
  exec 7>&-
  status_is 120
  is "$(result verdict) $(result cause)" 'unknown input_cut'
  err_has 'input was cut after 11 bytes'
  nothing_left 15
}

@test "a command that ends without reading all of its input: no success" {
  head -c 8388608 /dev/zero >input
  job -i -- head -c 10 <input
  status_is 120
  is "$(result verdict) $(result cause)" 'unknown input_cut'
}

@test "input of nothing for a command that does not wait" {
  job -i -- true </dev/null
  status_is 0
}

@test "memory stays flat while 64 MiB come and the reader is slow" {
  "$RUN_ONCE" run --from "image/$IMAGE" -- awk "$(numbered 65536)" 2>"$ERR" |
    (
      head -c 1048576 >/dev/null
      sleep 5
      grep VmHWM "/proc/$(pgrep -n -f 'run-once run --from image')/status" >"$WORK/peak"
      cat
    ) >"$OUT"
  is "$(stat -c %s "$OUT")" $((65536 * 1024 - 1048576))
  (($(tr -dc 0-9 <"$WORK/peak") < 24 * 1024))
}

@test "a terminal: typed, resized, interrupted by a byte" {
  cat >talk <<'X'
set timeout 60
set stty_init "rows 40 columns 100"
spawn -noecho $env(RUN_ONCE) run --result result.json -t --from image/$env(IMG) -- sh
expect "# "
send "probe winsize\r"
expect "size 40 100"
stty rows 33 columns 77 < $spawn_out(slave,name)
sleep 1
send "probe winsize\r"
expect "size 33 77"
send "sleep 100\r"
sleep 1
send "\003"
expect "# "
send "exit 5\r"
expect eof
exit [lindex [wait] 3]
X
  status=0
  IMG=$IMAGE expect talk >"$OUT" 2>"$ERR" || status=$?
  RESULT=result.json
  status_is 5
  nothing_left 15
}
