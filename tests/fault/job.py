"""One job under its faults: started, struck, waited for, settled."""
import json
import os
import signal
import subprocess
import threading
import time

from engine import IMAGE, ROOT, VOLUME
from proxy import Proxy

RUN_ONCE = os.environ.get("RUN_ONCE", f"{ROOT}/build/run-once")
TRACE = {}  # --only: all of it
LAUNCHER_LIMIT, GUARDIAN_LIMIT, UNATTENDED_LIMIT = 90, 90, 15


def born(pid):
    """Start time of a process that lives, else None: a pid with it is a process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


class Run:
    def __init__(self, job, engine, folder, end_engine=None):
        self.job, self.engine, self.folder, self.end_engine = job, engine, folder, end_engine
        self.launcher = self.guardian = None
        self.hit = set()  # what was done to it
        self.problems, self.notes = [], []
        os.makedirs(folder)
        self.env = {"PATH": os.environ["PATH"], "HOME": folder, "RUN_ONCE_HISTORY": engine.history, "TZ": "UTC",
                    "LC_ALL": "C.UTF-8", **TRACE}

    def path(self, name):
        return f"{self.folder}/{name}"

    # --- what faults do

    def note_guardian(self):
        if self.guardian or not self.launcher:
            return
        try:
            with open(f"/proc/{self.launcher.pid}/task/{self.launcher.pid}/children") as f:
                for pid in f.read().split():
                    with open(f"/proc/{pid}/cmdline", "rb") as c:
                        if b"guardian" in c.read():
                            self.guardian = int(pid), born(pid)
        except OSError:
            pass

    def guardian_lives(self):
        return bool(self.guardian) and born(self.guardian[0]) == self.guardian[1] is not None

    def kill(self, who):
        self.note_guardian()
        if who == "guardian" and self.guardian_lives():
            os.kill(self.guardian[0], signal.SIGKILL)
        if who == "launcher" and self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGKILL)
        self.hit.add(who)

    def act(self, fault):
        while not self.launcher:  # on a busy machine its first request is here before Popen() returns
            time.sleep(0.001)
        a = fault.action
        if a in ("kill-launcher", "kill-guardian"):
            self.kill(a[5:])
        elif a == "kill-both":
            self.kill(fault.first)
            self.kill("guardian" if fault.first == "launcher" else "launcher")
        elif a == "stop-launcher":
            self.launcher.send_signal(signal.SIGSTOP)
            threading.Timer(fault.seconds, lambda: self.launcher.poll() is None and self.launcher.send_signal(signal.SIGCONT)).start()
        elif a.startswith("outside-"):
            self.from_outside(a)
        else:
            self.end_engine(self, fault)

    def containers(self):
        return self.engine.list("containers", label=[f"run-once.reason={self.job.name}"])

    def from_outside(self, action):
        self.hit.add(action)
        for c in self.containers():
            try:
                if action == "outside-stop":
                    self.engine.call("POST", f"/containers/{c['Id']}/stop?t=1")
                else:
                    self.engine.call("DELETE", f"/containers/{c['Id']}?force=1&v=1")
            except (RuntimeError, OSError):
                pass

    # --- its life

    def command(self, host, *args):
        return [RUN_ONCE, args[0], "-H", f"unix://{host}", *args[1:]]

    def run_arguments(self, *options):
        return ["run", "--from", f"image/{IMAGE}", "--app", "fault", "--reason", self.job.name, "-v", f"{VOLUME}:/data",
                "-v", "/scratch", *options]

    def start(self):
        job = self.job
        with open(self.path("in"), "wb") as f:
            f.write(job.input() if job.kind == "feed" else b"")
        self.proxy = Proxy(self.path("s"), self.engine.socket, job.faults, self.act)
        self.proxy.on_call = self.note_guardian
        words = self.command(self.path("s"), *self.run_arguments("--result", self.path("result"), *job.options()), "--", *job.argv())
        with open(self.path("in"), "rb") as i, open(self.path("out"), "wb") as o, open(self.path("err"), "wb") as e:
            self.launcher = subprocess.Popen(words, stdin=i, stdout=o, stderr=e, env=self.env, cwd=self.folder)

    def wait_launcher(self):
        try:
            self.status = self.launcher.wait(LAUNCHER_LIMIT)
        except subprocess.TimeoutExpired:
            self.problems.append(f"the launcher did not end in {LAUNCHER_LIMIT} s")
            self.kill("launcher")
            self.status = self.launcher.wait()
        if self.status < 0:
            self.hit.add("launcher")

    def wait_guardian(self):
        until = time.monotonic() + GUARDIAN_LIMIT
        while self.guardian_lives():
            if time.monotonic() > until:
                self.problems.append(f"the guardian did not end in {GUARDIAN_LIMIT} s")
                os.kill(self.guardian[0], signal.SIGKILL)
                self.hit.add("guardian")
                break
            time.sleep(0.05)
        self.proxy.close()
        # What its history says of it is meant for an engine of this name.
        os.symlink(self.engine.socket, self.path("s"))

    def aside(self, *args, limit=60, name="aside"):
        """run-once straight at the engine; its status and what it printed."""
        words = self.command(self.engine.socket, *args) if args[0] == "run" else \
            [RUN_ONCE, args[0], args[1], *([] if args[0] == "history" else ["-H", f"unix://{self.path('s')}"]), *args[2:]]
        try:
            p = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, env=self.env, cwd=self.folder, timeout=limit)
        except subprocess.TimeoutExpired:
            self.problems.append(f"run-once {args[0]} {args[1]} straight at the engine did not end in {limit} s")
            return -1, "", ""
        with open(self.path("asides"), "a") as f:
            f.write(f"$ run-once {' '.join(args[:2])} {name}\nstatus {p.returncode}\n{p.stdout.decode(errors='replace')[-2000:]}"
                    f"{p.stderr.decode(errors='replace')[-2000:]}")
        return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")

    def settle(self):
        """What nobody looks after any more is settled by `jobs prune`; what was on its way when both died may be late."""
        late = {"launcher", "guardian"} <= self.hit
        if "guardian" in self.hit:  # nobody waits for the command's end, when the launcher has left: settling is for what has ended
            until = time.monotonic() + UNATTENDED_LIMIT
            while any(c["State"] == "running" for c in self.containers()) and time.monotonic() < until:
                time.sleep(0.2)
        for attempt in range(4 if late else 2):
            if attempt:
                time.sleep(1)
            status, _, err = self.aside("jobs", "prune", "--now")
            if status:
                self.problems.append(f"jobs prune ended with {status}: {err.strip()[:200]}")
            if not self.containers() and not self.engine.scratch(self.job.name) and not self.open_intent():
                return

    def lines_of_history(self):
        found = []
        try:
            with open(self.engine.history) as f:
                for line in f:
                    if self.job.name in line:
                        record = json.loads(line)
                        if record.get("reason") == self.job.name:
                            found.append(record)
        except (FileNotFoundError, ValueError):
            pass
        return found

    def open_intent(self):
        events = [r["event"] for r in self.lines_of_history()]
        return "intent" in events and "outcome" not in events

    def result(self):
        try:
            with open(self.path("result")) as f:
                return json.load(f)
        except (OSError, ValueError):
            return {}

    def text(self, name):
        with open(self.path(name), errors="replace") as f:
            return f.read()
