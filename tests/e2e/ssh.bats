# ssh:// endpoints, with an sshd of our own on loopback: the promises hold, ssh leaves nothing behind, and what is wrong
# is said in one line.
# bats file_tags=slow
load lib
load endpoints

setup_file() {
  "$PROJECT/scripts/install-packages" endpoints >&2
  engine_up && start_sshd
}
teardown_file() { stop_sshd; }

@test "ssh: one connection carries all" {
  use_ssh
  way=(-H "$SSH")
  promises "${way[@]}"
  within 5 no_tunnel_left # the guardian of the last one has a way of its own
  : >"$BATS_TEST_TMPDIR/ssh_calls"
  job "${way[@]}" -i -- cat <<<here
  out_is $'here\n'
  is "$(wc -l <"$BATS_TEST_TMPDIR/ssh_calls")" 1 'ssh processes'
  is "$(result runtime.endpoint)" "$SSH"
  within 5 no_tunnel_left
}

@test "ssh where forwarding is refused: docker system dial-stdio" {
  use_ssh "IdentityFile $SSHD/restricted"
  sed -i "/IdentityFile .*user$/d" "$BATS_TEST_TMPDIR/ssh_config"
  way=(-H "$SSH")
  promises "${way[@]}"
  grep -q 'system dial-stdio' "$BATS_TEST_TMPDIR/ssh_calls"
  within 5 no_tunnel_left
}

@test "ssh: what is wrong is said in one line" {
  use_ssh
  rm -f "$SSHD/none"
  local at=127.0.0.1:$SSHD_PORT me
  me=$(id -un)
  unreachable 'no such file or directory; is the engine running there? name another socket by ssh://HOST/PATH' -H "ssh://$me@$at/nothing.sock"
  unreachable "Permission denied (publickey" -H "ssh://nobody@$at"
  one_complaint "'ssh -p $SSHD_PORT nobody@127.0.0.1 true' must work without one"
  use_ssh "UserKnownHostsFile $SSHD/none"
  unreachable "Host key verification failed; compare and accept its key once by 'ssh -p $SSHD_PORT $me@127.0.0.1'" -H "$SSH"
  use_ssh "UserKnownHostsFile $SSHD/changed"
  unreachable "the host's key is not the one that is known; find out why before you trust it" -H "$SSH"
  use_ssh
  unreachable 'Connection refused' -H "ssh://127.0.0.1:$(free_port)"
  unreachable 'Could not resolve hostname' -H ssh://no-such-host.invalid
  use_ssh 'ProxyCommand false'
  unreachable 'ssh: ' -H "$SSH"
  printf '#!/bin/sh\nexit 3\n' >"$BATS_TEST_TMPDIR/bin/ssh"
  unreachable 'ssh ended with status 3 without a word' -H "$SSH"
  printf '#!/bin/sh\nkill -9 $$\n' >"$BATS_TEST_TMPDIR/bin/ssh"
  unreachable 'ssh was ended by signal 9' -H "$SSH"
  PATH=$WORK RUN_ONCE=$RUN_ONCE once run --from "image/$IMAGE" -H "$SSH" -- true
  status_is 125
  one_complaint 'starting ssh failed: it is not in the PATH; install it (openssh-client)'
  within 5 no_tunnel_left
}

@test "ssh: names that a command line or a shell would read as its own are refused" {
  use_ssh
  for bad in 'ssh://-oProxyCommand=x' 'ssh://-lroot@h' 'ssh://h;id' 'ssh://$(id)@h' 'ssh://h/a b' "ssh://h/a'b" 'ssh://h/$x' 'ssh://h/a:b' 'ssh://h:0' 'ssh://u:secret@h'; do
    once run --from "image/$IMAGE" -H "$bad" -- true
    status_is 125
    one_complaint '--host: '
    ! grep -q secret "$ERR" || return 1
  done
  [[ ! -s $BATS_TEST_TMPDIR/ssh_calls ]]
}

@test "ssh is killed in the middle: the output is joined, the verdict is true" {
  use_ssh
  start_job -H "$SSH" -- sh -c 'n=0; while [ $n -lt 30 ]; do n=$((n + 1)); echo line $n; sleep 0.1; done; exit 5'
  within 10 grep -q 'line 5' "$OUT"
  pkill -KILL -f -- "-L $XDG_RUNTIME_DIR/run-once-ssh"
  end_job
  status_is 5
  out_is "$(seq -f 'line %.0f' 30)"$'\n'
  is "$(result output.gap)" null
  verdict_is failed exit
  within 5 no_tunnel_left
  nothing_left
}

@test "ssh: the launcher is killed, its guardian finds its own way, and nothing is left" {
  use_ssh
  start_job -H "$SSH" -- sh -c 'sleep 3; exit 6'
  kill -KILL "$launcher"
  wait "$launcher" || :
  launcher=
  nothing_left 20
  within 5 test -n "$(outcome exit_code)"
  is "$(outcome exit_code)" 6
  within 5 no_tunnel_left
  ! pgrep -f "$XDG_RUNTIME_DIR/run-once-ssh" || return 1
}

@test "ssh: an interrupt while it connects" {
  relay_port "EXEC:sleep 30"
  use_ssh
  env --default-signal=INT "$RUN_ONCE" run --from "image/$IMAGE" -H "ssh://127.0.0.1:$port" -- true >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  within 10 grep -q -- '-N' "$BATS_TEST_TMPDIR/ssh_calls"
  kill -INT "$launcher"
  local from=$SECONDS
  end_job
  status_is 125
  ((SECONDS - from < 5))
  within 5 no_tunnel_left
  ! pgrep -f "$XDG_RUNTIME_DIR/run-once-ssh" || return 1
}
