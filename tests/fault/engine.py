"""A private engine (scripts/engine) and the few calls the harness makes straight at it."""
import http.client
import json
import os
import socket
import subprocess
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROBE = os.environ.get("RUN_ONCE_TEST_TOOLS", f"{ROOT}/build/tools") + "/probe"
IMAGE, VOLUME = "run-once-test", "fault-data"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("engine", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    def __init__(self, folder, live_restore):
        self.folder, self.live_restore = folder, live_restore
        self.socket = f"{folder}/docker.sock"
        self.history = f"{folder}/history/history.jsonl"
        self.guard = threading.Lock()
        self.kills = 0

    def script(self, *args):
        p = subprocess.run([f"{ROOT}/scripts/engine", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        if p.returncode:
            raise RuntimeError(f"scripts/engine {' '.join(args)}: {p.stdout.strip()}")
        return p.stdout.strip()

    def start(self):
        return self.script("start", self.folder, *(["--live-restore"] if self.live_restore else []))

    def prepare(self):
        said = self.start()
        os.makedirs(os.path.dirname(self.history), mode=0o700, exist_ok=True)
        subprocess.run([f"{ROOT}/scripts/test-image", f"unix://{self.socket}", PROBE], check=True)
        self.call("POST", "/volumes/create", {"Name": VOLUME})
        self.data = self.call("GET", f"/volumes/{VOLUME}")["Mountpoint"]
        return said

    def end(self, signal):
        with self.guard:
            self.kills += 1
            self.script("kill", self.folder, signal)

    def ended(self, limit):
        """Waits for an engine that was asked to end."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            p = subprocess.run([f"{ROOT}/scripts/engine", "status", self.folder], stdin=subprocess.DEVNULL, capture_output=True)
            if p.returncode == 3:
                return
            time.sleep(0.1)

    def stop(self, remove):
        self.script("stop", self.folder, *(["--remove"] if remove else []))

    def ready(self, limit=120):
        """Waits until it answers: one that was ended comes back."""
        until = time.monotonic() + limit
        while True:
            try:
                return self.once("GET", "/_ping")
            except (OSError, http.client.HTTPException, RuntimeError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def call(self, method, path, body=None, good=(200, 201, 204, 304)):
        """Looking is tried again when the engine is away; what changes something is sent once."""
        try:
            return self.once(method, path, body, good)
        except (OSError, http.client.HTTPException):
            if method != "GET":
                raise
        self.ready()
        return self.once(method, path, body, good)

    def once(self, method, path, body=None, good=(200, 201, 204, 304)):
        c = UnixConnection(self.socket)
        try:
            text = None if body is None else json.dumps(body)
            c.request(method, "/v1.41" + path, text, {"Content-Type": "application/json"} if text else {})
            r = c.getresponse()
            answer = r.read()
            if r.status not in good:
                raise RuntimeError(f"{method} {path}: {r.status} {answer[:200]!r}")
            return json.loads(answer) if answer.strip() and path != "/_ping" else None
        finally:
            c.close()

    def list(self, what, **filters):
        query = urllib.parse.urlencode({"all": 1, "filters": json.dumps({k: v for k, v in filters.items() if v})})
        if what == "volumes":
            return self.call("GET", f"/volumes?{query}")["Volumes"] or []
        return self.call("GET", f"/containers/json?{query}")

    def lines(self, name, token):
        """Lines of a file of the volume that begin with this word."""
        try:
            with open(f"{self.data}/{name}", errors="replace") as f:
                return [x.rstrip("\n") for x in f if x.split(" ")[0].rstrip("\n") == token]
        except FileNotFoundError:
            return []

    def scratch(self, token):
        """Anonymous volumes of a job of this name that nothing uses: by its label, or by what it wrote into them."""
        found = [v["Name"] for v in self.list("volumes", dangling=["true"], label=[f"run-once.reason={token}"])]
        for v in self.list("volumes", dangling=["true"]):
            try:
                with open(f"{v['Mountpoint']}/token") as f:
                    if f.read().strip() == token and v["Name"] not in found:
                        found.append(v["Name"])
            except OSError:
                pass
        return found

    def left_at_the_end(self, run_once):
        """What stands on the engine when everything is settled. A helper container younger than a minute may be in use."""
        subprocess.run([run_once, "jobs", "prune", "--now", "-H", f"unix://{self.socket}", "--history", self.history], check=True)
        left = [str(c["Names"]) for c in self.list("containers")
                if "run-once.carrier" not in c["Labels"] or time.time() - c["Created"] > 70]
        left += [f"volume {v['Name'][:12]} of {v['Labels']['run-once.id']}"
                 for v in self.list("volumes", dangling=["true"], label=["run-once.id"])
                 if not v["Name"].startswith("run-once.once.")]
        return left
