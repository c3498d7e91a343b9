"""Does the steps of a case on a runtime, and says what did not come to what the table says."""
import copy
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

import expect
import looks


class Live:
    """One run-once that is running, or has run."""

    def __init__(self, runtime, step, argv, folder, env):
        self.runtime, self.step, self.folder = runtime, step, folder
        self.out_path, self.err_path, self.result_path = (f"{folder}/{n}" for n in ("out", "err", "result.json"))
        self.reader = self.kept = None
        stdin = subprocess.DEVNULL
        out, err = open(self.out_path, "wb"), open(self.err_path, "wb")
        if step.terminal:
            self.master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *step.terminal, 0, 0))
            stdin, argv = slave, ["setsid", "--ctty", *argv]
            self.reader = threading.Thread(target=self.read_terminal, args=(out,), daemon=True)
        elif step.stdin == "kept":
            stdin, w = os.pipe()
            self.kept = stdin
            os.write(w, expect.KEPT)
            os.close(w)
        elif step.stdin is not None:
            stdin = subprocess.PIPE
        self.process = subprocess.Popen(argv, env=env, cwd=folder, stdin=stdin, stdout=slave if step.terminal else out,
                                        stderr=slave if step.terminal else err)
        if step.terminal:
            os.close(slave)
            self.reader.start()
        elif stdin == subprocess.PIPE and step.stdin != "open":
            threading.Thread(target=self.write_input, args=(step.stdin,), daemon=True).start()
        self.files = (out, err)

    def read_terminal(self, out):
        try:
            while data := os.read(self.master, 65536):
                out.write(data)
                out.flush()
        except OSError:
            pass

    def write_input(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.close()
        except OSError:
            pass

    def out(self):
        with open(self.out_path, "rb") as f:
            return f.read()

    def result(self):
        try:
            with open(self.result_path, encoding="utf-8") as f:
                return json.load(f)
        except (OSError, ValueError):
            return {}

    def wait(self, limit):
        """Of the process; not for one whose engine is no more."""
        until = time.monotonic() + limit
        while True:
            try:
                return self.process.wait(max(0, min(15, until - time.monotonic())))
            except subprocess.TimeoutExpired:
                why = f"it did not end within {limit} s" if time.monotonic() >= until else self.runtime.gone()
            if why:
                self.process.kill()
                self.process.wait()
                raise expect.Wrong(why)

    def end(self, limit=150):
        if self.process.stdin and self.step.stdin == "open":
            self.process.stdin.close()
        self.status = self.wait(limit)
        if self.reader:
            self.reader.join(5)
            os.close(self.master)
        for f in self.files:
            f.close()
        self.rest = None
        if self.kept is not None:
            self.rest = os.read(self.kept, 65536)
            os.close(self.kept)
        if self.status < 0 and self.status != -9:
            self.status = 128 - self.status


class Performer:
    """One case: its steps in order, each with a folder of its own."""

    def __init__(self, runtime, case, folder, program, base_env, history):
        self.runtime, self.case, self.folder, self.program = runtime, case, folder, program
        self.base_env, self.history = base_env, history
        self.unique = re.sub(r"[^a-z0-9]+", "-", case.name.lower()).strip("-")[:30] + "-" + os.path.basename(folder)
        self.ids, self.count, self.cutter, self.needless = [], 0, None, []

    def perform(self):
        try:
            for step in self.case.steps:
                self.take(step)
        finally:
            if self.cutter:
                self.cutter.close()

    def words(self, text, n=0):
        if not isinstance(text, str):
            return text
        if "{moved}" in text and not self.runtime.moved:
            raise expect.Skip("no registry of ours: no tag can be moved")
        last, first = (self.ids[-1], self.ids[0]) if self.ids else ("", "")
        for word, value in (("app", self.runtime.app), ("moved", self.runtime.moved), ("image", self.runtime.image), ("other", self.runtime.other), ("unique", self.unique),
                            ("id", last), ("first", first), ("prefix", last[:7]), ("work", self.folder), ("n", str(n))):
            text = text.replace("{" + word + "}", value or "")
        return text

    def variant(self, step):
        """The step as it is on this runtime, and the difference it names there."""
        difference = next((d for d in step.variants.get(self.runtime.kind, ()) if d.since <= self.runtime.major < d.before), None)
        if not difference:
            return step, None
        changed = copy.copy(step)
        changed.expect = dict(step.expect)
        for k, v in difference.changes.items():
            if hasattr(step, k) and k not in ("expect", "variants"):
                setattr(changed, k, v)
            else:
                changed.expect[k] = v
        return changed, difference

    def wanted(self, step, n):
        return {k: [self.words(x, n) for x in v] if k in ("says", "lines") and not callable(v) else self.words(v, n)
                for k, v in step.expect.items()}

    def start(self, step, n=0):
        self.count += 1
        folder = f"{self.folder}/{self.count}"
        os.mkdir(folder)
        env = dict(self.base_env, **{k: self.words(v) for k, v in step.environ.items()})
        if step.through:
            if not self.cutter:
                more, self.cutter = self.runtime.cutter(self.folder)
                if not self.cutter:
                    raise expect.Skip(more)
                self.cut_env = more
            env.update(self.cut_env)
        argv = [self.program]
        if step.job:
            argv += ["run", "--result", f"{folder}/result.json", "--from", self.words(step.source)]
            argv += [self.words(o, n) for o in step.options.split()] + ["--"]
        argv += [self.words(a, n) for a in step.argv]
        return Live(self.runtime, step, argv, folder, env)

    def take(self, ordinary):
        step, difference = self.variant(ordinary)
        lives = [self.start(step, n) for n in range(step.callers)]
        try:
            for action in step.during:
                getattr(self, "do_" + action[0])(lives[0], *action[1:])
            for live in lives:
                live.end()
        except BaseException:
            for live in lives:
                live.process.kill()
            raise
        wrong, ids = [], set()
        for n, live in enumerate(lives):
            live.command = [self.words(a, n) for a in step.argv]
            complaints = expect.compare(self, live, self.wanted(step, n))
            if complaints and difference and difference.may:
                complaints = expect.compare(self, live, self.wanted(ordinary, n)) and complaints
            wrong += complaints
            if live.result().get("id"):
                ids.add(live.result().get("original_id") or live.result()["id"])
        if step.callers > 1 and step.expect.get("together") and len(ids) != 1:
            wrong.append(f"{len(ids)} executions: {sorted(ids)}")
        if wrong:
            raise expect.Wrong("; ".join(wrong) + shown(live))
        if difference and not difference.may and not {"during", "options", "argv", "stdin"} & set(difference.changes):
            if not expect.compare(self, lives[0], self.wanted(ordinary, 0), only_look=True):
                raise expect.Wrong(f"the difference '{difference.id}' is not seen: it comes to what the others come to")

    # While it runs.
    def until(self, what, condition, limit=90):
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                raise expect.Wrong(f"not within {limit} s: {what}")
            time.sleep(0.05)

    def alive(self, live, what):
        if live.process.poll() is not None:
            raise expect.Wrong(f"it ended with {live.process.returncode} before: {what}" + shown(live))
        return False

    def do_output(self, live, text):
        self.until(f"'{text}' in its output", lambda: text.encode() in live.out() or self.alive(live, text))

    def do_runs(self, live):
        self.until("its container runs", lambda: live.result().get("id") and self.runtime.running(live.result()["id"]))

    def do_pause(self, _, seconds):
        time.sleep(seconds)

    def do_send(self, live, name):
        live.process.send_signal(getattr(signal, "SIG" + name))

    def do_outside(self, live, what):
        self.runtime.outside(what, live.result()["id"])

    def do_cut(self, live):
        self.cutter.cut(live.process.pid)

    def do_look(self, live, what, *args):
        wrong = getattr(looks, what)(self, live, *args)
        if wrong:
            raise expect.Wrong(f"{what}: {'; '.join(wrong)}")

    def do_meanwhile(self, live, step):
        self.ids.append(live.result()["id"])
        self.take(step)

    # The record.
    def records(self, job):
        found = []
        with open(self.history, encoding="utf-8") as f:
            for line in f:
                if job in line and line.endswith("\n"):
                    record = json.loads(line)
                    if record["id"] == job:
                        found.append(record)
        return found

    def outcome(self, job):
        return next((r for r in self.records(job) if r["event"] in ("outcome", "refused")), None)


def shown(live):
    """What a complaint ends with."""
    def tail(path):
        with open(path, "rb") as f:
            return f.read()[-700:].decode(errors="backslashreplace")
    return f"\n    command: {live.process.args}\n    status: {live.process.returncode}\n    stdout: {tail(live.out_path)!r}\n" \
        f"    stderr: {tail(live.err_path)!r}\n    result: {json.dumps(live.result())}"
