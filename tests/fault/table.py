"""What was injected and what came out."""
import collections

from proxy import STEPS

VERDICTS = ("succeeded", "failed", "killed", "unknown", "not_started", "refused", "nothing", "unjudged")


class Entry:
    def __init__(self, index, job, verdict, problems, notes=()):
        self.index, self.job, self.verdict, self.problems, self.notes = index, job, verdict, problems, notes
        self.struck = sum(1 for f in job.faults if f.step)


def grid(title, rows, columns, count, sums=True):
    """A table of counts, zeros as dots; with sums also of each row; columns without any are left out."""
    columns = [c for c in columns if not sums or any(count(r, c) for r in rows)]
    wide = max([len(title)] + [len(r) for r in rows]) + 1

    def line(name, cells):
        text = name.ljust(wide) + "".join(str(n or ".").rjust(max(len(c), 3) + 1) for n, c in zip(cells, columns))
        return text + (str(sum(cells)).rjust(6) if sums else "")
    lines = [title.ljust(wide) + "".join(c.rjust(max(len(c), 3) + 1) for c in columns) + ("   all" if sums else "")]
    lines += [line(r, [count(r, c) for c in columns]) for r in rows]
    lines.append(line("all", [sum(count(r, c) for r in rows) for c in columns]))
    return "\n".join(lines)


def report(done, seed, left, seconds):
    """Prints the tables and the closing line; true if something failed."""
    steps, verdicts, wrong = collections.Counter(), collections.Counter(), collections.Counter()
    for e in done:
        for f in e.job.faults:
            if f.step:
                steps[f.action, f.step] += 1
                verdicts[f.action, e.verdict] += 1
                wrong[f.action] += bool(e.problems)
    actions = sorted({a for a, _ in steps})
    print()
    print(grid("injected at", actions, STEPS + ("running",), lambda a, s: steps[a, s]))
    print()
    print(grid("came out", actions, VERDICTS, lambda a, v: verdicts[a, v]))
    faults = sum(e.struck for e in done)
    bad = [e for e in done if e.problems]
    beside = sum(1 for e in done if not e.job.faults)
    print(f"\n{faults} faults in {len(done) - beside} jobs, {beside} more under way when an engine ended; "
          f"{seconds:.0f} s; FAULT_SEED={seed}")
    for e in done:
        for n in e.notes:
            print(f"noted: {seed}:{e.index}: {n}")
    for e in bad:
        print(f"FAILED: tests/fault/run --only {seed}:{e.index}  [{e.job}] {'; '.join(map(str, e.job.faults))}: {e.verdict}")
        for p in e.problems:
            print(f"  {p}")
    if left:
        print(f"FAILED: left on the engines at the end: {', '.join(left)}")
    failed = sum(max(e.struck, 1) for e in bad) + bool(left)
    print(f"{faults - sum(e.struck for e in bad)} passed, {failed} failed, 0 skipped")
    return failed > 0
