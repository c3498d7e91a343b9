# The bench (tests/bench/run): what it says of its figures, and that it measures with an engine.
load lib

setup_file() {
  engine_up
}

# told CODE...: the bench's report of figures that CODE adds; $status is the bench's.
told() {
  run python3 -B -c "
import random, sys
sys.path.insert(0, '$PROJECT/tests/bench')
from figures import Figures
figures, chance = Figures(), random.Random(5)
def around(middle, spread, rounds=15):
    return [middle + chance.uniform(-spread, spread) for _ in range(rounds)]
$1
sys.exit(figures.report())"
}

@test "bench: a target that all rounds keep is reached" {
  told "figures.compare('case', 'time', around(90, 3), around(100, 3), 'peer', 'ms', 0.95)"
  is "$status" 0
  [[ $output == *'<= 0.95 yes'*'all targets reached'* ]]
}

@test "bench: a target that the rounds miss is missed" {
  told "figures.compare('case', 'time', around(99, 3), around(100, 3), 'peer', 'ms', 0.95)"
  is "$status" 1
  [[ $output == *'<= 0.95 NO'*'missed: case: time (peer)'* ]]
}

@test "bench: a target within what the rounds differ by is not judged, whichever side the ratio is on" {
  local ours
  for ours in 94 96; do
    told "figures.compare('case', 'time', around($ours, 30), around(100, 30), 'peer', 'ms', 0.95)"
    is "$status" 0
    [[ $output == *'<= 0.95 ?'*'not judged'*'case: time (peer)'* ]]
    [[ $output != *reached* ]]
  done
}

@test "bench: one round judges nothing, a count is itself, a contestant that failed ends it" {
  told "figures.compare('case', 'time', [1], [100], 'peer', 'ms', 0.95)"
  [[ $output == *'not judged'* ]]
  told "figures.alone('case', 'failures', 0, '', 0)"
  [[ $output == *'all targets reached'* ]]
  told "figures.alone('case', 'failures', 1, '', 0)"
  is "$status" 1
  told "figures.failed.append('peer: status 1')
figures.alone('case', 'failures', 0, '', 0)"
  is "$status" 2
  [[ $output == *'failed: peer: status 1'* ]]
}

@test "bench: what grows in proportion is told from what grows with the square" {
  told "figures.growth('case', [250, 500, 1000], list(zip(around(3, 0.1), around(4, 0.1), around(5, 0.1), around(7, 0.1))), 'ms', 1.5)"
  [[ $output == *'largest to smallest'*yes*'all targets reached'* ]]
  told "figures.growth('case', [250, 500, 1000], list(zip(around(3, 0.1), around(4, 0.1), around(7, 0.1), around(19, 0.1))), 'ms', 1.5)"
  is "$status" 1
  [[ $output == *'largest to smallest'*NO* ]]
}

# bats test_tags=slow
@test "bench: it measures a program with an engine, and writes both reports" {
  DOCKER_HOST=$HOST run "$PROJECT/tests/bench/run" --only first,trips,tasks --program "$RUN_ONCE" --json "$WORK/bench.json"
  [[ $status -le 1 ]]
  [[ $output == *'first request'*'growth: tasks'* ]]
  is "$(jq -r '[.rows[] | select(.figure == "run-once: requests") | .requests | length, .[0] | tostring] | join(" ")' bench.json)" '10 HEAD /_ping'
  is "$(jq -r '.failed | length' bench.json)" 0
}
