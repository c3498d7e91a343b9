"""What is thrown at which job, from a seed and an index alone: the same two make the same job and the same faults.

Index N is a job with faults of its own, index eN.K the K-th of the jobs that are under way when an engine ends."""
import random

STEPS, LINES, ERR_LINES = 5, 20, 4
FEED = 400_000  # more than pipes take that nobody reads: the rest of it waits in sockets

# action: weight, points it may strike at (see proxy.py), may it come some time after the start
CONNECTION = {
    "refuse": (10, ("before", "answered"), True), "lose-request": (11, ("before",), False),
    "lose-answer": (16, ("answered",), False), "delay": (6, ("before", "answered"), False),
    "cut-up": (9, ("bytes",), False), "cut-down": (16, ("bytes",), False), "cut-all": (6, ("sent", "passed"), True),
    "stall": (4, ("sent", "passed"), True),
}
EVERY = ("before", "sent", "answered", "passed")
PROCESS = {
    "kill-launcher": (12, EVERY, True), "kill-guardian": (6, EVERY, True), "kill-both": (12, EVERY, True),
    "stop-launcher": (4, EVERY, True),
}
OUTSIDE = {"outside-stop": (4, (), True), "outside-remove": (3, (), True)}
ENGINE = {"engine-kill": (3, EVERY, True), "engine-term": (2, EVERY, True)}
# A plain job's calls, and how often each may be meant by its kind; twice: the second one too.
AIMS = {"ping": 2, "images": 2, "events": 2, "create": 5, "attach": 4, "wait": 3, "start": 7, "state": 3, "remove": 4,
        "list": 1, "logs": 1, "info": 1}
ONCE_AIMS = {"volumes": 4, "archive": 3, "create": 2}


class Fault:
    def __init__(self, action, point="", number=0, kind="", occurrence=0, after_start=None, seconds=0.0, fraction=0.0,
                 stream=0, first=""):
        self.action, self.point, self.number, self.kind, self.occurrence = action, point, number, kind, occurrence
        self.after_start, self.seconds, self.fraction, self.stream, self.first = after_start, seconds, fraction, stream, first
        self.byte, self.taken, self.step = 0, False, None

    def take(self, call):
        if self.taken or self.after_start is not None:
            return False
        if self.number != call.number and (self.kind, self.occurrence) != (call.kind, call.occurrence):
            return False
        # The answer's own bytes, most of them head; of the attached stream all.
        self.byte = int(self.fraction * (6500 if call.kind == "attach" else 150))
        self.taken = True
        return True

    def strike(self, call):
        if not self.step:
            self.step = call.kind if call else "running"

    def __str__(self):
        where = f"{self.after_start:.2f} s after the start" if self.after_start is not None else \
            f"call {self.number}" if self.number else f"{self.kind} {self.occurrence}"
        extra = f" {self.point}" if self.point not in ("", "bytes") else ""
        if self.seconds:
            extra += f" for {self.seconds:.1f} s"
        if self.point == "bytes":
            extra += f" at {self.fraction:.3f} of its bytes"
        return f"{self.action} at {where}{extra}" + (f" ({self.first} first)" if self.first else "")


def choose(r, weights):
    names = list(weights)
    return r.choices(names, [w if isinstance(w, int) else w[0] for w in weights.values()])[0]


def make_fault(r, job, table):
    action = choose(r, table)
    _, points, by_time = table[action]
    f = Fault(action, point=r.choice(points) if points else "", fraction=r.random() ** 2)
    if action in ("delay", "stall", "stop-launcher", "engine-kill", "engine-term"):
        f.seconds = r.uniform(0.2, 3)
    if action == "refuse":
        f.seconds = r.uniform(0.1, 2.5) if r.random() < 0.85 else 9
    if action == "kill-both":
        f.first = r.choice(("launcher", "guardian"))
    if action == "cut-up" and job.kind == "feed":
        f.stream = FEED
    if not points or (by_time and r.random() < 0.3):
        f.after_start, f.point = r.uniform(0, 0.9) + 1.5 * job.slow, ""
    elif r.random() < 0.4:
        f.number = r.randint(1, 16)
    else:
        f.kind, f.occurrence = choose(r, ONCE_AIMS if job.once and r.random() < 0.5 else AIMS), 1 if r.random() < 0.8 else 2
    return f


class Job:
    """What runs. Its truth stands in files of a volume: `ran` gets a line at its begin, `ended` one at its own end."""

    def __init__(self, name, r):
        self.name = name
        self.kind = choose(r, {"plain": 10, "trap": 4, "feed": 4, "detach": 3, "deadline": 2})
        self.status = 0 if self.kind == "feed" else r.choice((0, 0, 3))
        self.slow = self.kind == "feed" and random.Random(name).random() < 0.5  # reads late: all was sent long before
        self.lock = f"lock-{name}" if r.random() < 0.3 else None
        self.once = f"key-{name}" if self.kind != "feed" and r.random() < 0.25 else None
        self.disconnect_stop = self.kind == "plain" and r.random() < 0.15
        self.reconnect_for = 6
        self.faults = []

    def script(self):
        text = ["T=$0; echo $T >>/data/ran; echo $T >/scratch/token"]
        if self.kind in ("trap", "deadline"):
            text.append("trap 'echo \"$T trapped\" >>/data/ended; exit 0' TERM")
        if self.kind == "feed":
            text.append(("sleep 3; " if self.slow else "") + "sum=$(sha256sum); echo \"$T $sum\"; echo \"$T 0 $sum\" >>/data/ended; exit 0")
            return "\n".join(text)
        last = 1000 if self.kind == "deadline" else STEPS
        text.append(f"i=0; while [ $i -lt {last} ]; do j=0; while [ $j -lt {LINES} ]; do"
                    f" echo \"$T out $i $j {'.' * 40}\"; j=$((j + 1)); done; j=0; while [ $j -lt {ERR_LINES} ]; do"
                    f" echo \"$T err $i $j\" >&2; j=$((j + 1)); done; sleep 0.12; i=$((i + 1)); done")
        text.append(f"echo \"$T {self.status}\" >>/data/ended; exit {self.status}")
        return "\n".join(text)

    def argv(self):
        return ["sh", "-c", self.script(), self.name]

    def output(self, fd):
        """What the whole command prints; of a deadline's job the begin of it."""
        if self.kind == "feed":
            import hashlib
            return f"{self.name} {hashlib.sha256(self.input()).hexdigest()}  -\n" if fd == 1 else ""
        steps = range(1000 if self.kind == "deadline" else STEPS)
        if fd == 1:
            return "".join(f"{self.name} out {i} {j} {'.' * 40}\n" for i in steps for j in range(LINES))
        return "".join(f"{self.name} err {i} {j}\n" for i in steps for j in range(ERR_LINES))

    def input(self):
        line = f"{self.name} input\n".encode()
        return (line * (FEED // len(line) + 1))[:FEED]

    def options(self):
        o = ["--stop-grace", "2", "--reconnect-for", str(self.reconnect_for)]
        if self.kind == "feed":
            o.append("-i")
        if self.kind == "detach":
            o.append("-d")
        if self.kind == "deadline":
            o += ["--timeout", "1"]
        if self.disconnect_stop:
            o += ["--on-disconnect", "stop"]
        if self.lock:
            o += ["--lock", self.lock]
        if self.once:
            o += ["--once", self.once]
        return o

    def __str__(self):
        words = [self.kind + " slowly" * self.slow, f"status {self.status}"] + [w for w in ("lock", "once") if getattr(self, w)]
        return " ".join(words) + (" on-disconnect-stop" if self.disconnect_stop else "")


def plan(seed, index, mark=""):
    """The job of an index, with its faults. mark: of this run of the harness, for the names of its jobs."""
    r = random.Random(f"{seed}:{index}")
    by_engine = str(index).startswith("e")
    job = Job(f"f{seed}-{str(index).replace('.', '-')}-{mark}", r)
    if by_engine:
        job.reconnect_for = 40
        if str(index).endswith(".0"):
            job.faults = [make_fault(r, job, ENGINE)]
        else:
            job.delay = r.uniform(0, 1.5)  # begins that much after or before the others
        return job
    job.faults = [make_fault(r, job, {**CONNECTION, **PROCESS, **OUTSIDE})]
    if r.random() < 0.2:
        job.faults.append(make_fault(r, job, {**CONNECTION, **PROCESS}))
    return job
