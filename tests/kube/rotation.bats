#!/usr/bin/env bats
# Output on a node whose Docker keeps 2 MiB of it: whole, or the gap is said.
load lib

setup_file() {
  [[ -z ${RUN_ONCE_TEST_KUBECONFIG-} ]] || skip "needs a node of its own"
  export RUN_ONCE_TEST_CLUSTER=/tmp/run-once-rotating
  "$PROJECT/scripts/cluster" start "$RUN_ONCE_TEST_CLUSTER" --log-opt max-size=2m --log-opt max-file=2 >&2
}
teardown_file() { "$PROJECT/scripts/cluster" stop "$RUN_ONCE_TEST_CLUSTER" --remove >&2; }

numbered() { # N lines, each with its number, of 1 KiB
  echo 'BEGIN { s = "x"; while (length(s) < 1015) s = s s; s = substr(s, 1, 1015); for (i = 0; i < '"$1"'; i++) printf "%08d%s\n", i, s }'
}

whole_or_said() {
  status_is 0
  if [[ $(result output.gap) == null ]]; then
    cmp "$OUT" <(awk "$(numbered "$1")")
  else
    err_has 'the output is not whole, or may not be'
    # What came is in order, and nothing of it twice.
    cut -c1-8 "$OUT" | sort -u -c
  fi
}

@test "64 MiB while the log is rotated: whole, or the gap is said" {
  job -- awk "$(numbered 65536)"
  whole_or_said 65536
}

@test "6 MiB that were written before anybody could look: the same" {
  for _ in 1 2 3; do
    job -- awk "$(numbered 6000)"
    whole_or_said 6000
  done
}

@test "slower than that: whole, over rotations and re-reading" {
  job -- awk "$(numbered 4000 | sed 's/printf.*/{ if (i % 200 == 199) system("sleep 0.3"); &/; s/ }$/ } }/')"
  status_is 0
  cmp "$OUT" <(awk "$(numbered 4000)")
}
