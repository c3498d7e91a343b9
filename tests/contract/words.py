"""The words the table is written in: data only, nothing here runs anything.

A case is a name, the paragraph of the contract (docs/guarantees.md cites them) and steps; a step is one command line and what it
must come to. In command lines and in expected output these are replaced: {app} the source of the running application, {image},
{other} another image, {unique} a word of this case alone, {id} and {prefix} of the case's last job, {work} a folder of the
case, {n} the number of the caller.

What a job must come to, for run() and meanwhile():
    status                 its exit status
    verdict, cause         as result and history have it; by default those of a command that ended by itself with that status
    code, signal           the command's own status and signal
    out, err               its streams, to the byte: text, or fill()'s; None: not looked at
    lines                  instead of out: these lines in any order
    says                   what run-once's own lines hold, one for each and no other; "..." at the end: others as well
    fields                 further fields of the result, by dotted name
    kept                   the job is still there afterwards, on purpose; otherwise nothing may be
    settles                the launcher was killed: result and record are looked at when they are complete
    attached               the caller may have been attached to another's job: its result may be a replay
    together               of several callers: all of them are told of one execution
    record                 False: there is no line of it in the history
"""
import dataclasses

CASES = []


@dataclasses.dataclass
class Step:
    argv: list
    job: bool = False  # run-once run: has a result, a record, and may leave something
    options: str = ""
    source: str = "image/{image}"
    stdin: object = None  # bytes; "open": until what is done meanwhile is done; "kept": there and not to be touched; None: /dev/null
    terminal: tuple = None  # rows, columns
    callers: int = 1
    through: str = None  # "cutter": a connection that can be cut
    environ: dict = dataclasses.field(default_factory=dict)
    during: tuple = ()
    expect: dict = dataclasses.field(default_factory=dict)
    variants: dict = dataclasses.field(default_factory=dict)  # runtime -> Differences


@dataclasses.dataclass
class Difference:
    """What comes to another end on a runtime, by its id in the list of differences there. `changes` go over the step's fields and
    over what is expected. Unless `may`, it has to be seen: a run that does as the others do is a failure as well. Only of versions
    that begin with a number below `before`, or from `since` on; a step has several then."""
    id: str
    may: bool
    changes: dict
    before: float = float("inf")
    since: int = 0


@dataclasses.dataclass
class Case:
    name: str
    paragraph: str
    steps: tuple


RUNTIMES = ("docker", "podman", "kubernetes")
STEP_FIELDS = {f.name for f in dataclasses.fields(Step)} - {"expect", "variants", "job"}


def case(name, paragraph, *steps):
    CASES.append(Case(name, paragraph, steps))


def differs(which, may=False, before=float("inf"), since=0, **changes):
    return Difference(which, may, changes, before, since)


def step(argv, job, words):
    made = Step(list(argv), job)
    for word, value in words.items():
        if word in RUNTIMES:
            made.variants[word] = value if isinstance(value, tuple) else (value,)
        elif word in STEP_FIELDS:
            setattr(made, word, value)
        else:
            made.expect[word] = value
    return made


def run(*command, **words):
    return step(command, True, words)


def once(*argv, **words):
    """Any other command of run-once; out and err are compared only where they are given."""
    return step(argv, False, dict({"out": None, "says": ["..."], "status": 0}, **words))


# How jobs end that did not simply end by themselves.
def signalled(number):
    return dict(status=128 + number, verdict="failed", cause="signal", signal=number)


def killed(cause, code=0, status=122, signal=None):
    return dict(status=status, verdict="killed", cause=cause, code=code, signal=signal)


def not_started(cause, status=125):
    return dict(status=status, verdict="not_started", cause=cause)


def refused(cause):
    return dict(status=121, verdict="refused", cause=cause)


def unknown(cause):
    return dict(status=120, verdict="unknown", cause=cause)


# What is done while a job runs, in this order.
def output(text):
    return ("output", text)


def runs():
    return ("runs",)


def pause(seconds):
    return ("pause", seconds)


def send(signal):
    return ("send", signal)


def kill_launcher():
    return ("send", "KILL")


def outside(what):
    """Somebody else, by the runtime's own means: stop, kill, remove."""
    return ("outside", what)


def cut():
    return ("cut",)


def look(what, *args):
    """A fact to be looked at: see Look in looks.py."""
    return ("look", what, *args)


def meanwhile(a_step):
    """Another caller, while the job runs."""
    return ("meanwhile", a_step)


def fill(size, base64=False):
    """The bytes `probe fill SIZE` writes."""
    return ("fill", size, base64)
