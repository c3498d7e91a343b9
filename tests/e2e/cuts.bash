# Connections that break: a proxy (tests/tools/proxy.c) between run-once and the engine; docker goes past it. `load cuts` after lib.
# shellcheck shell=bash disable=SC2034,SC2154
#
# through RULE...: from now on `job "${via[@]}"` goes through a proxy with these rules.
through() {
  proxy_end
  proxy=$BATS_TEST_TMPDIR/p.sock
  "$TOOLS/proxy" "$proxy" "${HOST#unix://}" "$BATS_TEST_TMPDIR/requests" "$@" 3>&- &
  proxy_pid=$!
  within 10 test -S "$proxy"
  via=(-H "unix://$proxy")
}
proxy_end() {
  [[ -n ${proxy_pid-} ]] || return 0
  kill "$proxy_pid"
  wait "$proxy_pid" 2>/dev/null || :
  proxy_pid=
  rm -f "$proxy" "$BATS_TEST_TMPDIR/requests"
}
eval "lib_$(declare -f teardown)"
teardown() {
  proxy_end
  lib_teardown
}
struck() { grep -qF "RULE $1" "$BATS_TEST_TMPDIR/requests" || { echo "no rule struck: $1"; cat "$BATS_TEST_TMPDIR/requests"; return 1; }; }
asked() { grep -cE "$1" "$BATS_TEST_TMPDIR/requests" || :; }
cut_now() { kill -USR1 "$proxy_pid"; }
refuse() { kill -USR2 "$proxy_pid"; }
allow() { kill -USR2 "$proxy_pid"; }
