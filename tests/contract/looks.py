"""Facts that are looked at while a job runs: look(NAME) in the table. Each gives its complaints."""
import glob
import json
import os
import re


def result_is_open(_, live):
    """Nobody takes an old file for this run's."""
    r = live.result()
    return [] if r.get("verdict") == "unknown" and re.fullmatch("[a-z0-9]{12}", r.get("id", "")) else [f"the result says {json.dumps(r)}"]


def inert(case, live):
    return case.runtime.inert(live.result()["id"])


def same_image(case, live):
    return case.runtime.same_image(live.result()["id"])


def nowhere(case, live, marker):
    """Not in the argv of any process, what the runtime tells of the job, the history, the state, the result, what was said."""
    wrong = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        if marker in read(path):
            wrong.append(f"argv of process {path.split('/')[2]}")
    if marker in case.runtime.described(live.result()["id"]):
        wrong.append("what the runtime tells of the job")
    for top in (os.path.dirname(case.history), case.base_env["XDG_STATE_HOME"], case.base_env["XDG_RUNTIME_DIR"]):
        for folder, _, names in os.walk(top):
            wrong += [f"{folder}/{n}" for n in names if marker in read(f"{folder}/{n}") or marker in n]
    return wrong + [p for p in (live.result_path, live.err_path) if marker in read(p)]


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""
