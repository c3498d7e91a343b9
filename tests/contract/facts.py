"""What output has to be where a text in the table would not do: functions of the output, that give their complaints."""
import json
import re


def an_id(out):
    return [] if re.fullmatch(rb"[a-z0-9]{12}\n", out) else [f"not an id alone: {out!r}"]


def app_environment(*more):
    """The application's own variables; of RUN_ONCE_JOB= and the like only that they are there."""
    return lambda runtime: [x for x in runtime.environment().splitlines() if not x.startswith("HOSTNAME=")] + list(more)


def same_plan(marker):
    """The same each time, and without values."""
    seen = []

    def check(out):
        plan = json.loads(out)
        seen.append(plan)
        wrong = ["a value stands in the plan"] if marker.encode() in out else []
        if plan != seen[0]:
            wrong.append("a second plan is another")
        return wrong
    return check


def jobs_end(verdict, cause, code):
    def check(out):
        r = json.loads(out)
        have = (r["verdict"], r["cause"], r["exit_code"])
        return [] if have == (verdict, cause, code) else [f"jobs result says {have}"]
    return check
