# A real terminal (tmux): size, ^C, suspended from outside, left by keys, and the terminal as it was.
load lib

tm() { tmux -S "$BATS_TEST_TMPDIR/tmux" "$@"; }
screen() { tm capture-pane -p -J -S - -t s; }
shows() { within "${2:-15}" eval "screen | grep -qE -- '$1'" || { screen; return 1; }; }
type_line() { tm send-keys -t s -l "$1" && tm send-keys -t s Enter; }
# A shell in a terminal of 80 columns and 24 lines.
terminal() {
  tm -f /dev/null new-session -d -s s -x 80 -y 24 "env PS1='outer> ' HISTFILE= bash --norc --noprofile -i" 3>&-
  tm set-option -g status off 3>&-
  shows '^outer> '
  type_line "run() { \"\$RUN_ONCE\" run --result '$RESULT' --from image/$IMAGE \"\$@\"; echo \"status=\$?\"; }"
  type_line 'stty -g >before; clear'
}
as_before() {
  type_line 'stty -g >after; echo compared'
  shows '^compared'
  cmp before after
}
launcher_pid() { pgrep -f "^$RUN_ONCE run --result $RESULT" | head -n 1; }
eval "lib_$(declare -f teardown)"
teardown() {
  tm kill-server 2>/dev/null || :
  lib_teardown
}

@test "a shell: prompt, size from the start, resize, ^C, exit status, terminal as before" {
  terminal
  type_line "run -e PS1='inner> ' -- sh"
  shows '^inner> '
  type_line 'probe tty winsize'
  shows '^tty 1 1 1'
  shows '^size 24 80'
  tm resize-window -t s -x 101 -y 31
  within 10 eval 'type_line "probe winsize"; sleep 0.3; screen | grep -q "^size 31 101"'
  # ^C ends what runs in the shell, not the shell, and not run-once.
  type_line 'sleep 1000'
  sleep 0.5
  tm send-keys -t s C-c
  type_line 'echo still $((40 + 2))'
  shows '^still 42'
  # The beginning of the detach keys is input like any other, once it is clear that it is no more than that.
  type_line 'stty raw -echo; echo go; dd bs=1 count=2 2>/dev/null | od -An -tx1; stty sane'
  shows '^go'
  tm send-keys -t s C-p
  tm send-keys -t s a
  shows '^ *10 61'
  type_line 'exit 7'
  shows '^status=7'
  as_before
  verdict_is failed exit
  is "$(result output.stderr_bytes)" 0
  nothing_left
}

@test "stopped by TSTP from outside and continued" {
  terminal
  type_line "run -e PS1='inner> ' -- sh"
  shows '^inner> '
  type_line 'echo one-$((1 + 1))'
  shows '^one-2'
  kill -TSTP "$(launcher_pid)"
  shows 'Stopped'
  # The shell outside has its terminal as it was.
  as_before
  type_line 'clear; fg'
  sleep 0.5
  type_line 'echo two-$((2 + 2)); probe winsize'
  shows '^two-4'
  shows '^size 24 80'
  type_line 'exit 3'
  within 15 test -s "$RESULT"
  within 15 eval '[[ $(result exit_status) == 3 ]]'
  within 15 eval '[[ -z $(launcher_pid) ]]'
  type_line 'clear'
  as_before
  verdict_is failed exit
  nothing_left
}

@test "the detach keys leave it running: 120, and how to come back" {
  terminal
  type_line 'run -- sh -c "trap \"exit 5\" USR1; echo ready; while :; do sleep 0.1; done"'
  shows '^ready'
  tm send-keys -t s C-p C-q
  shows '^status=120'
  as_before
  is "$(result verdict) $(result retry_safe)" 'unknown false'
  shows "$(result id)"
  job_runs
  docker kill -s USR1 "$(job_container)" >/dev/null
  nothing_left 20
  is "$(outcome id)" "$(result id)"
  is "$(outcome exit_code)" 5
}

@test "other detach keys, and keys that only begin like them" {
  terminal
  type_line 'run --detach-keys ctrl-a,x -- sh -c "stty raw -echo; echo ready; dd bs=1 count=3 2>/dev/null | od -An -tx1"'
  shows '^ready'
  tm send-keys -t s C-a
  tm send-keys -t s y
  tm send-keys -t s z
  shows ' 01 79 7a'
  shows 'status=0'
  as_before
  type_line 'clear'
  type_line 'run --detach-keys ctrl-a,x -- sh -c "echo ready; exec sleep 60"'
  shows '^ready'
  tm send-keys -t s C-a
  tm send-keys -t s x
  shows '^status=120'
  as_before
  docker rm -f "$(job_container)" >/dev/null
  nothing_left 20
}

@test "no terminal unless all three are one; -T never, -t always" {
  terminal
  type_line 'run -- probe tty | cat'
  shows '^tty 0 0 0'
  type_line 'clear; run -T -- probe tty'
  shows '^tty 0 0 0'
  type_line 'clear; run -- probe tty; echo ended'
  shows '^tty 1 1 1'
  shows '^ended' # until then what is typed is the command's
  as_before
  job -t -- probe tty </dev/null
  status_is 0
  out_is $'tty 1 1 1\r\n'
  job -- probe tty
  out_is $'tty 0 0 0\n'
  job -i -- probe tty </dev/null
  out_is $'tty 0 0 0\n'
  nothing_left
}

@test "a signal from outside that ends the command" {
  terminal
  type_line 'run -- probe trap HUP 4 line ready forever'
  shows '^ready'
  kill -HUP "$(launcher_pid)"
  shows '^status=4'
  as_before
  nothing_left
}

@test "the terminal is closed: the launcher goes, the command stays for whoever comes back" {
  terminal
  type_line 'run -- probe trap HUP 4 line ready forever'
  shows '^ready'
  local pid
  pid=$(launcher_pid)
  tm kill-server
  within 10 eval "! kill -0 $pid 2>/dev/null"
  job_runs
  docker kill "$(job_container)" >/dev/null
  nothing_left 20
  is "$(outcome verdict)" killed
}
