"""What a bench tells: ratios of medians, how sure they are, and what that says of their targets.

    figures = Figures()
    figures.spin()                                          between any two measurements
    figures.compare(case, figure, ours, theirs, peer, unit, target)   lists, one value a round, of the same rounds
    figures.alone(case, figure, value, unit, target)        a count; or a list: its median
    figures.growth(case, sizes, rounds, unit, target)       of each round the cost of nothing, and of each size
    figures.failed.append("who: what")                      a contestant that did not do its work
    status = figures.report()                               the table, and the exit status

A machine is never quiet by itself, so each figure is judged by its own rounds: from them comes the interval in which its
ratio lies (95 %). A target outside of it is reached or missed; one inside of it is not judged.
"""
import random, statistics, time

SURE, DRAWS = 0.95, 1000
STATUS = {"failed": 2, "missed": 1, "not judged": 0, "reached": 0}


def quartiles(values):
    return statistics.quantiles(values, n=4) if len(values) > 3 else [min(values), statistics.median(values), max(values)]


def spread(values):
    q = quartiles(values)
    return (q[2] - q[0]) / statistics.median(values)


def ratio(pairs):
    below = statistics.median(p[1] for p in pairs)
    return statistics.median(p[0] for p in pairs) / below if below else 0


def growth(sizes):
    """Of rounds, as of Figures.growth(): what a piece costs at the largest size, against the smallest. Linear: about 1."""
    def statistic(rounds):
        none, small, large = (statistics.median(r[i] for r in rounds) for i in (0, 1, -1))
        return (large - none) / sizes[-1] / (max(small - none, 0.001) / sizes[0])
    return statistic


def interval(rounds, statistic=ratio):
    """Where the statistic lies: rounds are drawn from those that were, again and again (bootstrap of pairs,
    percentiles). The draws are the same ones each time. Of fewer than five rounds it is
    about all of what they had, and less sure than 95 %; of one: None."""
    if len(rounds) < 2:
        return None
    draw = random.Random(len(rounds))
    drawn = sorted(statistic(draw.choices(rounds, k=len(rounds))) for _ in range(DRAWS))
    cut = int(DRAWS * (1 - SURE) / 2)
    return drawn[cut], drawn[-1 - cut]


def judge(low, high, target):
    """True: reached. False: missed. None: cannot be told, or nothing is asked."""
    if target is None or (low <= target < high):
        return None
    return high <= target


class Figures:
    def __init__(self):
        self.rows, self.failed, self.spins = [], [], []

    def spin(self):
        """A fixed piece of work that uses no engine: how steady the machine is."""
        begun = time.monotonic()
        sum(i * i for i in range(200_000))
        self.spins.append(time.monotonic() - begun)

    def add(self, case, figure, unit, target, **rest):
        self.rows.append(dict(dict(peer=None, theirs=None, ratio=None, quartiles=None, interval=None), case=case, figure=figure,
                              unit=unit, target=target, **rest))
        return self.rows[-1]

    def compare(self, case, figure, ours, theirs, peer, unit, target=None):
        """target: the most that the ratio may be."""
        pairs = list(zip(ours, theirs))
        q, sure = quartiles([a / b if b else 0 for a, b in pairs]), interval(pairs)
        self.add(case, figure, unit, target, peer=peer, ours=round(statistics.median(ours), 3), theirs=round(statistics.median(theirs), 3),
                 ratio=round(ratio(pairs), 3), quartiles=[round(q[0], 3), round(q[2], 3)], interval=sure and [round(x, 3) for x in sure],
                 reached=judge(*sure, target) if sure else None, rounds=[ours, theirs])

    def alone(self, case, figure, value, unit, target=None):
        """target: the most that the value, or the median of values, may be."""
        values = value if isinstance(value, list) else [value]
        sure = interval([(v, 1) for v in values]) if len(values) > 1 else (value, value)
        return self.add(case, figure, unit, target, ours=round(statistics.median(values), 3), reached=judge(*sure, target), rounds=[values],
                        interval=[round(x, 3) for x in sure] if len(values) > 1 else None)

    def growth(self, case, sizes, rounds, unit, target):
        """target: the most that a piece of the largest size may cost of one of the smallest."""
        for i, size in enumerate(sizes, 1):
            self.alone(case, f"{size:,}", [r[i] for r in rounds], unit)
        sure = interval(rounds, growth(sizes))
        self.add(case, "per piece, largest to smallest", "", target, ours=round(growth(sizes)(rounds), 3), rounds=rounds,
                 interval=sure and [round(x, 3) for x in sure], reached=judge(*sure, target) if sure else None)

    def judgement(self):
        asked = [r["reached"] for r in self.rows if r["target"] is not None]
        return "failed" if self.failed else "missed" if False in asked else "not judged" if None in asked else "reached"

    def line(self, row):
        def pair(p):
            return f"{p[0]:.3f}-{p[1]:.3f}" if p else ""

        peer = f"{row['peer']} {row['theirs']:,.1f}" if row["peer"] else ""
        told = f"{row['ratio']:.3f}" if row["peer"] else ""
        limit = "" if row["target"] is None else f"<= {row['target']:.2f} " + {True: "yes", False: "NO", None: "?"}[row["reached"]]
        return (f"{row['case']:20} {row['figure']:42} {row['ours']:11,.1f} {peer:>22} {told:>7} {pair(row['quartiles']):>15} "
                f"{pair(row['interval']):>15}  {limit}").rstrip()

    def report(self):
        print(f"{'case':20} {'figure':42} {'run-once':>11} {'against':>22} {'ratio':>7} {'quartiles':>15} {'sure (95 %)':>15}  target")
        for row in self.rows:
            print(self.line(row))
        if len(self.spins) > 1:
            print(f"noise: a fixed piece of work between the rounds spreads by {spread(self.spins):.0%}")
        for f in self.failed[:10]:
            print(f"failed: {f}")
        judgement = self.judgement()
        asked = [r for r in self.rows if r["target"] is not None]
        said = {x: ", ".join(f"{r['case']}: {r['figure']}" + (f" ({r['peer']})" if r["peer"] else "") for r in asked if r["reached"] is x)
                for x in (False, None)}
        if said[False]:
            print(f"missed: {said[False]}")
        if said[None]:
            print(f"not judged, the rounds differ by more than what is asked: {said[None]}")
        print({"failed": "bench: a contestant failed", "missed": "bench: targets missed", "reached": "bench: all targets reached",
               "not judged": "bench: none missed, but not all judged: the machine is too noisy, or the rounds are too few"}[judgement])
        return STATUS[judgement]

    def result(self):
        """For the JSON file."""
        return dict(judgement=self.judgement(), noise=round(spread(self.spins), 3) if len(self.spins) > 1 else None, failed=self.failed, rows=self.rows)
