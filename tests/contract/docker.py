"""Docker and Podman under the table: an application that runs, what others do to a job, what is left of it."""
import json
import os
import re
import signal
import socket
import subprocess
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
APP, MOVED, NETWORK = "contract-web", "contract-moved", "contract-net"


class Cutter:
    """Between run-once and an engine; cut() breaks every connection there is."""

    def __init__(self, family, target, listener):
        self.family, self.target, self.listener, self.open = family, target, listener, set()
        listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.socket(self.family)
                server.connect(self.target)
            except OSError:
                return
            self.open |= {client, server}
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self, _):
        ends, self.open = self.open, set()
        for s in ends:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.cut(None)


class CarrierEnder:
    """What carries the connections is ended: the ssh, or Podman's service, that run-once started."""
    names = ("ssh", "podman", "nsenter")  # scripts/test-over starts podman by nsenter

    def children(self):
        """parent -> (pid, name)"""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                    name, fields = re.match(r"\d+ \((.*)\) (.*)", f.read()).groups()
                found.setdefault(int(fields.split()[1]), []).append((int(pid), name))
            except OSError:
                pass
        return found

    def cut(self, launcher):
        children, parents = self.children(), [launcher]
        for parent in parents:
            for pid, name in children.get(parent, ()):
                if name in self.names:
                    parents.append(pid)
        for pid in parents[:0:-1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def close(self):
        pass


class Docker:
    kind, patience, lanes, noise = "docker", 10, 4, None
    differences = None  # no list: it is what the others are compared with
    major = 0  # version, where a difference is of some versions only
    image, other = "run-once-test", "contract-other"

    def __init__(self, host, work, tools):
        self.work, self.tools, self.made = work, tools, []
        self.folder, self.own = os.environ.get("RUN_ONCE_TEST_ENGINE"), False
        if not self.folder and not host:
            self.folder, self.own = f"/tmp/run-once-contract.{os.getpid()}", True
            self.script("engine", "start", self.folder, *self.start_options())
        self.url = host or f"unix://{self.folder}/docker.sock"
        self.direct = f"unix://{self.folder}/docker.sock" if self.folder else host
        self.env = {k: os.environ[k] for k in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "SSH_AUTH_SOCK") if host and k in os.environ}
        self.env.update(DOCKER_HOST=self.url, RUN_ONCE_RUNTIME=self.kind)
        self.script("test-image", self.direct, f"{tools}/probe")
        self.before = self.everything()

    def start_options(self):
        return []

    def script(self, name, *args):
        p = subprocess.run([f"{ROOT}/scripts/{name}", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        if p.returncode:
            raise RuntimeError(f"scripts/{name} {' '.join(args)}: {p.stdout.strip()[-500:]}")

    def docker(self, *args, check=True, text=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")} | {"DOCKER_BUILDKIT": "0"}
        if not self.folder:
            env.update(self.env)
        p = subprocess.run(["docker", "-H", self.direct, *args], input=text, stdin=None if text else subprocess.DEVNULL, env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if check and p.returncode:
            raise RuntimeError(f"docker {' '.join(args)}: {p.stderr.strip()}")
        return p.stdout

    def everything(self):
        """One line for each thing on the engine. Podman's own network comes with its first use."""
        things = ["container " + x for x in self.docker("ps", "-aq", "--no-trunc").split()]
        things += ["volume " + x for x in self.docker("volume", "ls", "-q").split()]
        return set(things + ["network " + x for x in self.docker("network", "ls", "-q", "--no-trunc").split()])

    def setup(self, environment):
        """The application, with all that must not reach a copy; another one whose tag moves on while it runs."""
        for ref, number in ((MOVED, "first"), (self.other, "second")):
            self.docker("build", "-q", "-t", ref, "-", text=f"FROM {self.image}\nENV FROM_APP_IMAGE={number}\n")
        forever = ("probe", "trap", "TERM", "0", "forever")
        self.docker("network", "create", NETWORK)
        options = [x for name, value in environment.items() for x in ("-e", f"{name}={value}")]
        self.docker("run", "-d", "--name", APP, "--network", NETWORK, "--network-alias", "web", "-p", "8080", "--restart", "always",
                    "--health-cmd", "true", "--label", "traefik.enable=true", "--label", "tier=front", *options, self.image, *forever)
        self.docker("run", "-d", "--name", MOVED, MOVED, *forever)
        self.docker("tag", self.other, MOVED)
        self.app, self.moved = f"container/{APP}", f"container/{MOVED}"

    def close(self):
        if self.own:
            self.script("engine", "stop", self.folder, "--remove")
        else:
            self.docker("rm", "-f", APP, MOVED, check=False)
            self.docker("network", "rm", NETWORK, check=False)
            self.docker("rmi", "-f", MOVED, self.other, check=False)

    def gone(self):
        """None, or that the engine itself has ended; no case does that."""
        try:
            self.docker("version")
        except RuntimeError as e:
            return f"the engine has ended: {e}"
        return None

    # What the table's words ask for.
    def container(self, job):
        return self.docker("ps", "-aq", "--no-trunc", "--filter", f"label=run-once.id={job}").strip()

    def inspect(self, name):
        return json.loads(self.docker("inspect", name))[0]

    def running(self, job):
        found = self.container(job)
        return bool(found) and self.docker("inspect", "-f", "{{.State.Running}}", found, check=False).strip() == "true"  # it may be gone

    def environment(self):
        return self.docker("exec", APP, "probe", "env", "-")

    def same_image(self, job):
        a, b = self.inspect(MOVED)["Image"], self.inspect(self.container(job))["Image"]
        return [] if a == b else [f"the copy runs {b}, the application {a}"]

    def inert(self, job):
        copy, wrong = self.inspect(self.container(job)), []
        labels = copy["Config"]["Labels"] or {}
        wrong += [f"label {k}" for k in ("traefik.enable", "tier") if k in labels]
        if copy["HostConfig"]["PortBindings"]:
            wrong.append(f"ports {copy['HostConfig']['PortBindings']}")
        if copy["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no"):
            wrong.append(f"restart policy {copy['HostConfig']['RestartPolicy']}")
        health = (copy["Config"].get("Healthcheck") or {}).get("Test") or ["NONE"]
        if health != ["NONE"]:
            wrong.append(f"health check {health}")
        net = copy["NetworkSettings"]["Networks"]
        if NETWORK not in net:
            wrong.append(f"networks are {list(net)}")
        elif "web" in (net[NETWORK]["Aliases"] or []):
            wrong.append("network alias web")
        return wrong

    def described(self, job):
        """All the engine tells of a job but the environment of its container."""
        c = self.inspect(self.container(job))
        c["Config"].pop("Env")
        return json.dumps(c) + self.docker("volume", "inspect", *self.docker("volume", "ls", "-q").split(), check=False)

    def outside(self, what, job):
        c = self.container(job)
        {"stop": lambda: self.docker("stop", "-t", "10", c), "kill": lambda: self.docker("kill", c),
         "remove": lambda: self.docker("rm", "-f", c)}[what]()

    def left(self, job):
        found = [f"container {x}" for x in self.docker("ps", "-a", "--filter", f"label=run-once.id={job}", "--format", "{{.ID}} {{.Names}} {{.Status}} {{.Command}}").splitlines()]
        # The record of a once-key is meant to stay.
        return found + ["volume " + x for x in self.docker("volume", "ls", "-q", "--filter", f"label=run-once.id={job}").split()
                        if not re.match(r"run-once\.once\.", x)]

    def clear_keys(self):
        """What a case that broke off has not freed: each that goes well frees its own."""
        for thing in self.everything() - self.before:
            if thing.startswith("volume run-once.once."):
                self.docker("volume", "rm", thing.split()[1], check=False)

    def left_of_all(self):
        mine = {f"container {self.id_of('container', n)}" for n in (APP, MOVED)} | {f"network {self.id_of('network', NETWORK)}"}
        return sorted(self.everything() - self.before - mine)

    def describe(self, thing):
        kind, which = thing.split(" ", 1)
        fields = "{{.Name}} {{.State.Status}} {{.Config.Cmd}} {{json .Config.Labels}}" if kind == "container" else "{{json .Labels}}"
        return f"{thing} {self.docker(kind, 'inspect', '-f', fields, which, check=False).strip()}"

    def id_of(self, kind, name):
        return self.docker(kind, "inspect", "-f", "{{.Id}}", name, check=False).strip()

    def cutter(self, folder):
        """(environment of a run that goes that way, cutter), or why there is none."""
        kind, _, at = self.url.partition("://")
        if kind == "ssh" or kind == "unix" and not os.path.exists(at):  # Podman's, which is started on demand
            return {}, CarrierEnder()
        if kind == "unix":
            near, s = f"unix://{folder}/cut.sock", socket.socket(socket.AF_UNIX)
            s.bind(f"{folder}/cut.sock")
            return {"DOCKER_HOST": near}, Cutter(socket.AF_UNIX, at, s)
        if kind == "tcp" and at.startswith("127.0.0.1:"):
            s = socket.socket()
            s.bind(("127.0.0.1", 0))
            return {"DOCKER_HOST": f"tcp://127.0.0.1:{s.getsockname()[1]}"}, Cutter(socket.AF_INET, ("127.0.0.1", int(at.split(":")[1])), s)
        return f"{self.url}: only what is on loopback is cut", None


class Podman(Docker):
    kind, differences = "podman", "docs/engines.md"

    def setup(self, environment):
        self.major = int(self.docker("version", "-f", "{{.Server.Version}}").split(".")[0])
        super().setup(environment)

    def start_options(self):
        return ["--podman"]
