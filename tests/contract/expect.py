"""What a step came to, against what the table says: streams, status, result, record, what is left."""
import datetime
import hashlib
import re
import subprocess
import time

RETRY_SAFE = {"succeeded": None, "failed": None, "detached": False, "unknown": False, "refused": True, "killed": False, "not_started": True}
KEPT = b"one\ntwo\n"  # on a stdin that nobody is to touch
ANY = object()  # in fields, code, signal: whatever it is
OWN = re.compile(rb"^run-once: (.*)\n?$", re.S)


class Wrong(Exception):
    pass


class Skip(Exception):
    pass


def compare(case, live, wanted, only_look=False):
    """Every complaint there is. only_look: nothing is waited for or noted, it has been done for this run."""
    err, own = split(live)
    runtime, wrong = case.runtime, []
    if runtime.noise:
        own = [line for line in own if runtime.noise not in line]
    wrong += status(live, wanted)
    wrong += streams(runtime, live, wanted, err)
    wrong += says(own, wanted.get("says", []))
    if wrong or not live.step.job:
        return wrong
    if not only_look:
        job = live.result().get("id")
        case.ids.append(live.result().get("original_id") or job)
        if wanted.get("settles"):
            case.until("its end is recorded", lambda: case.outcome(job))
            case.until("its result is completed", lambda: live.result().get("cause"))
        wrong += left(runtime, job, wanted)
    return wrong + result(case, live, wanted) + record(case, live, wanted)


def split(live):
    """stderr of the command, and what run-once itself said. A terminal has both in one: then all is output."""
    with open(live.err_path, "rb") as f:
        lines = f.read().splitlines(keepends=True)
    return b"".join(x for x in lines if not OWN.match(x)), [OWN.match(x)[1].decode(errors="replace") for x in lines if OWN.match(x)]


def status(live, wanted):
    n = wanted.get("status", 0)
    return [] if live.status == n else [f"exit status {live.status}, not {n}"]


def text_of(runtime, expected):
    if isinstance(expected, tuple):
        _, size, base64 = expected
        data = subprocess.run([f"{runtime.tools}/probe", "fill", str(size)], stdout=subprocess.PIPE, check=True).stdout
        return subprocess.run(["base64"], input=data, stdout=subprocess.PIPE, check=True).stdout if base64 else data
    return expected.encode() if isinstance(expected, str) else expected


def briefly(data):
    return repr(data) if len(data) < 300 else f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()[:16]}"


def streams(runtime, live, wanted, err):
    wrong, out = [], live.out()
    if live.step.terminal:
        # Twice where the local terminal is not raw yet: looks the same.
        lines = re.sub(b"\r+\n", b"\n", out).splitlines(keepends=True)
        out = b"".join(x for x in lines if not OWN.match(x))
    if "lines" in wanted:
        expected = wanted["lines"](runtime) if callable(wanted["lines"]) else list(wanted["lines"])
        have = [re.sub("^(RUN_ONCE_JOB=).*", r"\1", x) for x in out.decode(errors="replace").splitlines() if not x.startswith("HOSTNAME=")]
        if sorted(have) != sorted(expected):
            wrong.append(f"stdout has {sorted(set(have) - set(expected))} too many, lacks {sorted(set(expected) - set(have))}")
    else:
        expected = wanted.get("out", b"")
        if callable(expected):
            wrong += expected(out)
        elif expected is not None and out != text_of(runtime, expected):
            wrong.append(f"stdout is {briefly(out)}, not {briefly(text_of(runtime, expected))}")
    expected = wanted.get("err", b"")
    if expected is not None and err != text_of(runtime, expected):
        wrong.append(f"stderr is {briefly(err)}, not {briefly(text_of(runtime, expected))}")
    if live.rest is not None and live.rest != KEPT:
        wrong.append(f"of the caller's stdin {live.rest!r} is left")
    return wrong


def says(own, wanted):
    wanted, others = [w for w in wanted if w != "..."], "..." in wanted
    wrong = [f"no line says '{w}'" for w in wanted if not any(w in line for line in own)]
    unexpected = [line for line in own if not any(w in line for w in wanted)]
    return wrong + ([f"it says '{unexpected[0]}'"] if unexpected and not others else [])


def ending(wanted):
    """verdict, cause, exit_code, signal: of a command that ended by itself, unless the table says otherwise."""
    n = wanted.get("status", 0)
    verdict = wanted.get("verdict", "failed" if n else "succeeded")
    code = wanted.get("code", n if verdict in ("failed", "succeeded") else None)
    return {"verdict": verdict, "cause": wanted.get("cause", "exit"), "exit_code": code, "signal": wanted.get("signal")}


def result(case, live, wanted):
    r, wrong = live.result(), []
    fields = dict(ending(wanted), version=1, **{"runtime.kind": case.runtime.kind})
    fields["retry_safe"] = wanted.get("retry_safe", RETRY_SAFE[fields["verdict"]])
    fields["replayed"] = ANY if wanted.get("attached") else wanted.get("replayed", False)
    fields["exit_status"] = wanted.get("exit_status", live.status if live.status >= 0 else fields["exit_code"])
    fields["command"] = live.command
    began = fields["verdict"] in ("succeeded", "failed", "killed") and fields["replayed"] is False
    if began:
        fields["removed"] = not wanted.get("kept")
        if not live.step.terminal and not wanted.get("settles"):
            _, own = split(live)
            merged = case.runtime.noise and any(case.runtime.noise in line for line in own)
            fields["output.stdout_bytes"] = len(live.out())
            fields["output.stderr_bytes"] = None if merged else len(split(live)[0])
        fields["output.gap"] = None
    fields.update(wanted.get("fields", {}))
    for name, value in fields.items():
        have = r
        for part in name.split("."):
            have = (have or {}).get(part)
        if value is not ANY and have != value:
            wrong.append(f"result's {name} is {have!r}, not {value!r}")
    if began and not (r.get("exit_code") is None and not r.get("finished_at")):  # nobody was told of its end
        wrong += times(r)
    return wrong


def times(r):
    """In order, but for a second: clusters have no less, and an engine may note an end before the start it follows."""
    try:
        at = [datetime.datetime.fromisoformat(r[k][:19]) for k in ("created_at", "started_at", "finished_at")]
    except (KeyError, TypeError, ValueError) as e:
        return [f"no times: {e!r}"]
    near = datetime.timedelta(seconds=1)
    return [] if at[0] <= at[1] + near and at[1] <= at[2] + near else [f"times are {', '.join(map(str, at))}"]


def record(case, live, wanted):
    r = live.result()
    if wanted.get("record") is False:
        return []
    records = case.records(r["id"])
    ends = [x for x in records if x["event"] in ("outcome", "refused")]
    if wanted.get("verdict") == "detached":  # its end comes later
        return [] if [x["event"] for x in records][:1] == ["intent"] else ["no line in the history before it began"]
    if len(ends) != 1:
        return [f"{len(ends)} ends in the history, not one"]
    wrong = [f"the record's {k} is {ends[0].get(k)!r}, the result's {r.get(k)!r}" for k in
             ("verdict", "cause", "exit_code", "signal", "exit_status", "command", "retry_safe", "lock", "once") if ends[0].get(k) != r.get(k)]
    if ends[0]["event"] == "outcome" and records[0]["event"] != "intent" and not r.get("replayed"):
        wrong.append(f"the record begins with {records[0]['event']}")
    if r.get("record_hash") != ends[0]["hash"]:
        wrong.append("record_hash is not the hash of its line")
    return wrong


def left(runtime, job, wanted):
    if wanted.get("verdict") == "detached":
        return []
    if wanted.get("kept"):
        return [] if runtime.left(job) else ["it was to be kept, and is not there"]
    end, found = time.monotonic() + runtime.patience, None
    while time.monotonic() < end:
        found = runtime.left(job)
        if not found:
            return []
        time.sleep(0.2)
    return [f"left: {', '.join(found)}"]
