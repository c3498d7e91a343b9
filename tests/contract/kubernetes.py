"""A cluster under the table: a namespace of its own, a Deployment with a Service, and a service account with the Role of manifests/ and
no other right, as whom run-once goes."""
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from docker import ROOT

REGISTRY = "127.0.0.1:5000"  # in the node's own network, which its engine trusts without TLS


class Kubernetes:
    kind, patience, lanes, differences = "kubernetes", 90, 5, "docs/kubernetes.md"
    major = 0  # no difference is of some versions only
    noise = "the log of this cluster does not tell stderr from stdout"

    def __init__(self, host, work, tools):
        if host:
            raise RuntimeError("--host is of engines: a cluster is named by RUN_ONCE_TEST_CLUSTER or RUN_ONCE_TEST_KUBECONFIG")
        self.work, self.tools, self.registry, self.own = work, tools, None, False
        self.image, self.other = os.environ.get("RUN_ONCE_TEST_IMAGE", "run-once-test:latest"), "contract-other:1"
        self.admin, self.cluster = os.environ.get("RUN_ONCE_TEST_KUBECONFIG"), None
        self.kubectl_path = "kubectl"
        if not self.admin:
            self.cluster = os.environ.get("RUN_ONCE_TEST_CLUSTER")
            if not self.cluster:
                self.cluster, self.own = f"/tmp/run-once-contract.{os.getpid()}", True
            self.script("start", self.cluster)
            self.admin = f"{self.cluster}/admin.kubeconfig"
            with open(f"{self.cluster}/programs") as f:
                self.kubectl_path = f"{f.read().strip()}/kubectl"
        self.namespace = f"contract-{os.getpid()}"
        self.kubectl("create", "namespace", self.namespace)
        self.k("apply", "-f", f"{ROOT}/manifests/role.yaml")
        self.kubeconfig = self.user_kubeconfig()
        self.env = {"KUBECONFIG": self.kubeconfig, "RUN_ONCE_RUNTIME": "kubernetes"}

    def script(self, *args):
        p = subprocess.run([f"{ROOT}/scripts/cluster", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False)
        if p.returncode:
            raise RuntimeError(f"scripts/cluster {' '.join(args)}: {p.stdout.strip()[-500:]}")

    def kubectl(self, *args, text=None, check=True):
        env = dict(os.environ, KUBECONFIG=self.admin, HOME=self.work)
        p = subprocess.run([self.kubectl_path, *args], input=text, stdin=None if text else subprocess.DEVNULL, env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if check and p.returncode:
            raise RuntimeError(f"kubectl {' '.join(args)}: {p.stderr.strip()}")
        return p.stdout

    def k(self, *args, **kw):
        return self.kubectl("-n", self.namespace, *args, **kw)

    def get(self, *args):
        return json.loads(self.k("get", *args, "-o", "json"))

    def user_kubeconfig(self):
        """The token comes from the API itself: servers since 1.24 make no Secret with one."""
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
        token = json.loads(self.kubectl("create", "--raw", f"/api/v1/namespaces/{self.namespace}/serviceaccounts/run-once/token", "-f", "-",
                                        text=json.dumps(asked)))["status"]["token"]
        config = json.loads(self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        config["users"][0]["user"] = {"token": token}
        config["contexts"][0]["context"]["namespace"] = self.namespace
        return self.write("kubeconfig", config)

    def write(self, name, value):
        path = f"{self.work}/{name}"
        with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            json.dump(value, f)
        return path

    # The application.
    def docker(self, *args, text=None):
        subprocess.run(["docker", "-H", f"unix://{self.cluster}/engine/docker.sock", *args], input=text, text=True, check=True,
                       stdin=None if text else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       env=dict(os.environ, DOCKER_BUILDKIT="0"))

    def start_registry(self):
        """Digests come from registries alone. Only where the node is ours and Debian's docker-registry is installed."""
        if not self.cluster or not shutil.which("docker-registry"):
            return None
        with open(f"{self.work}/registry.yml", "w") as f:
            f.write(f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {self.work}/registry}}}}\nhttp: {{addr: '{REGISTRY}'}}\n")
        log = open(f"{self.work}/registry.log", "w")
        self.registry = subprocess.Popen([f"{ROOT}/scripts/cluster", "inside", self.cluster, "docker-registry", "serve", f"{self.work}/registry.yml"],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.tag = f"{REGISTRY}/contract-app-{os.getpid()}:1"
        for ref, number in ((self.tag, "first"), (self.other, "second")):
            self.docker("build", "-q", "-t", ref, "-", text=f"FROM {self.image}\nENV FROM_APP_IMAGE={number}\n")
        self.push()
        return self.tag

    def push(self):
        until = time.monotonic() + 20
        while True:
            try:
                return self.docker("push", "-q", self.tag)
            except subprocess.CalledProcessError as e:
                if time.monotonic() > until:
                    raise RuntimeError(f"docker push: {e.stdout}") from e
                time.sleep(0.3)

    def setup(self, environment):
        with_digest = self.start_registry()
        plain = dict(list(environment.items())[2:])
        (in_map, in_map_value), (in_secret, in_secret_value) = list(environment.items())[:2]
        template = {"metadata": {"labels": {"app": "web", "tier": "front"}}, "spec": {"terminationGracePeriodSeconds": 10, "containers": [
            {"name": "web", "image": self.image, "imagePullPolicy": "IfNotPresent", "args": ["probe", "trap", "TERM", "0", "forever"],
             "ports": [{"containerPort": 8080}], "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1},
             "env": [{"name": n, "value": v} for n, v in plain.items()] +
                    [{"name": in_secret, "valueFrom": {"secretKeyRef": {"name": "web-secret", "key": in_secret}}}],
             "envFrom": [{"configMapRef": {"name": "web-config"}}]}]}}
        things = [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-config"}, "data": {in_map: in_map_value}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-secret"},
             "data": {in_secret: base64.b64encode(in_secret_value.encode()).decode()}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}},
            self.deployment("web", template)]
        if with_digest:
            moved = {"metadata": {"labels": {"app": "moved"}}, "spec": {"containers": [dict(template["spec"]["containers"][0], image=with_digest)]}}
            things.append(self.deployment("moved", moved))
        for thing in things:
            self.k("apply", "-f", "-", text=json.dumps(thing))
        self.app, self.app_pod, self.moved = "deployment/web", self.pod_of_app("web"), None
        if with_digest:
            self.moved, self.moved_pod = "deployment/moved", self.pod_of_app("moved")
            self.docker("tag", self.other, self.tag)
            self.push()

    def deployment(self, name, template):
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}}

    def pod_of_app(self, name):
        self.k("rollout", "status", f"deployment/{name}", "--timeout=90s")
        return self.get("pods", "-l", f"app={name}")["items"][0]["metadata"]["name"]

    def close(self):
        if self.own:
            self.script("stop", self.cluster, "--remove")
        else:
            self.kubectl("delete", "namespace", self.namespace, "--wait=false", check=False)
        if self.registry:
            os.killpg(self.registry.pid, signal.SIGTERM)  # scripts stand in front of it
            self.registry.wait()

    # What the table's words ask for.
    def pods(self, job):
        return self.get("pods", "-l", f"run-once/id={job}")["items"]

    def pod(self, job):
        found = self.pods(job)
        return found[0] if found else None

    def running(self, job):
        return any("running" in (s.get("state") or {}) for p in self.pods(job) for s in p["status"].get("containerStatuses", []))

    def environment(self):
        return self.k("exec", self.app_pod, "--", "probe", "env", "-")

    def same_image(self, job):
        a, b = (self.image_id(p) for p in (self.get("pod", self.moved_pod), self.pod(job)))
        return [] if a == b else [f"the copy runs {b}, the application {a}"]

    def image_id(self, pod):
        return pod["status"]["containerStatuses"][0]["imageID"]

    def inert(self, job):
        pod, wrong = self.pod(job), []
        c = pod["spec"]["containers"][0]
        wrong += [f"label {k}" for k in ("app", "tier") if k in pod["metadata"]["labels"]]
        wrong += [f"{k}: {c[k]}" for k in ("ports", "readinessProbe", "livenessProbe") if c.get(k)]
        if pod["spec"]["restartPolicy"] != "Never":
            wrong.append(f"restartPolicy {pod['spec']['restartPolicy']}")
        targets = [a.get("targetRef", {}).get("name") for s in self.get("endpoints", "web").get("subsets") or [] for a in
                   s.get("addresses", []) + s.get("notReadyAddresses", [])]
        if targets != [self.app_pod]:
            wrong.append(f"the Service goes to {targets}")
        return wrong

    def described(self, job):
        """All the cluster tells of a job but the Secret that holds the values."""
        return self.k("get", "jobs,pods,events", "-o", "yaml") + self.k("get", "secrets", "-l", f"run-once/id={job}", "-o", "jsonpath={.items[*].metadata}")

    def outside(self, what, job):
        pod = self.pod(job)["metadata"]["name"]
        {"stop": lambda: self.k("delete", "pod", pod, "--wait=false"), "kill": lambda: self.k("delete", "pod", pod, "--grace-period=1", "--wait=false"),
         "remove": lambda: self.k("delete", "pod", pod, "--grace-period=0", "--force")}[what]()

    def left(self, job):
        names = self.k("get", "jobs,pods,secrets,configmaps", "-l", f"run-once/id={job}", "-o", "name").split()
        return [x for x in names if not x.startswith("secret/run-once-once-")]  # the record of a once-key is meant to stay

    def gone(self):
        return None

    def clear_keys(self):
        for name in self.left_of_all():
            if name.startswith("secret/run-once-once-"):
                self.k("delete", name, "--ignore-not-found")

    def describe(self, thing):
        return thing

    def left_of_all(self):
        return self.k("get", "jobs,pods,secrets,configmaps", "-l", "run-once/id", "-o", "name").split()

    def cutter(self, folder):
        port = f"{folder}/port"
        proxy = ProxyProcess(port)
        with open(self.kubeconfig) as f:
            config = json.load(f)
        with open(port) as f:
            config["clusters"][0]["cluster"]["proxy-url"] = f"http://127.0.0.1:{f.read()}"
        return {"KUBECONFIG": self.write("kubeconfig-cut", config)}, proxy


class ProxyProcess:
    """tests/kube/cutting_proxy.py in the way to the API server."""

    def __init__(self, port_file):
        self.process = subprocess.Popen([sys.executable, f"{ROOT}/tests/kube/cutting_proxy.py", port_file], stdin=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not os.path.exists(port_file) and time.monotonic() < until:
            time.sleep(0.05)

    def cut(self, _):
        self.process.send_signal(signal.SIGUSR1)

    def close(self):
        self.process.terminate()
        self.process.wait()
