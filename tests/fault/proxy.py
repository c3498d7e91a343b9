"""A proxy on a Unix socket in front of a Docker engine, for one job. It repeats and changes nothing; at a call that a
fault asks for it refuses, loses the request or the answer, delays, or cuts the connection at a byte, and at defined points
of a call it lets the harness act (kill somebody).

A call is one HTTP request of the job, numbered over all its connections, with a kind (STEPS). Its points, in order:
  before    received, nothing forwarded       answered   first byte of the answer is here, not passed on
  sent      forwarded whole                   passed     first bytes of the answer passed on
Requests are not pipelined, so whatever the engine sends belongs to the connection's last call.
"""
import os
import re
import socket
import threading
import time

STEPS = ("ping", "version", "info", "images", "volumes", "list", "create", "events", "attach", "wait", "start", "state",
         "kill", "logs", "archive", "remove", "other")
KINDS = (
    (r"GET|HEAD", r"/_ping", "ping"), (r"GET", r"/version", "version"), (r"GET", r"/info", "info"),
    (r"GET", r"/events", "events"), (r"POST", r"/containers/create", "create"), (r"GET", r"/containers/json", "list"),
    (r"POST", r"/containers/[^/]+/attach", "attach"), (r"POST", r"/containers/[^/]+/wait", "wait"),
    (r"POST", r"/containers/[^/]+/start", "start"), (r"POST", r"/containers/[^/]+/(kill|stop)", "kill"),
    (r"GET", r"/containers/[^/]+/json", "state"), (r"GET", r"/containers/[^/]+/logs", "logs"),
    (r"\w+", r"/containers/[^/]+/archive", "archive"), (r"DELETE", r"/containers/[^/]+", "remove"),
    (r"\w+", r"/volumes.*", "volumes"), (r"\w+", r"/images/.*", "images"),
)


def kind_of(method, target):
    path = re.sub(r"^/v[0-9.]+(?=/)", "", target.split("?")[0])
    for methods, pattern, kind in KINDS:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return kind
    return "other"


class Cut(Exception):
    """This connection ends here."""


class Call:
    def __init__(self, number, occurrence, kind, line):
        self.number, self.occurrence, self.kind, self.line = number, occurrence, kind, line
        self.faults = []       # that strike at this call
        self.bytes_down = 0
        self.done = set()      # points passed


def shut(*sockets):
    for s in sockets:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Connection:
    def __init__(self, proxy, client):
        self.proxy, self.client, self.call, self.upgrade = proxy, client, None, False
        self.engine = socket.socket(socket.AF_UNIX)
        self.buffer = b""

    def run(self):
        try:
            self.engine.connect(self.proxy.engine_path)
            threading.Thread(target=self.down, daemon=True).start()
            while self.request():
                pass
            if self.upgrade:
                self.raw_up()
            else:
                shut(self.engine)
        except (Cut, OSError):
            shut(self.client, self.engine)

    def fill(self):
        data = self.client.recv(65536)
        self.buffer += data
        return bool(data)

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                return None
        return self.buffer.index(b"\r\n\r\n") + 4

    def body_end(self, start, fields):
        length = re.search(rb"(?mi)^content-length: *(\d+)", fields)
        if length:
            end = start + int(length.group(1))
        elif re.search(rb"(?mi)^transfer-encoding: *chunked", fields):
            while b"0\r\n\r\n" not in self.buffer[start:]:
                if not self.fill():
                    raise Cut
            end = self.buffer.index(b"0\r\n\r\n", start) + 5
        else:
            end = start
        while len(self.buffer) < end:
            if not self.fill():
                raise Cut
        return end

    def request(self):
        """One request forwarded; False: no more of them."""
        size = self.head()
        if size is None or self.upgrade:
            return False
        fields = self.buffer[:size]
        line = fields.split(b"\r\n")[0].decode("latin-1")
        method, target = line.split(" ")[:2]
        upgrade = bool(re.search(rb"(?mi)^upgrade:", fields))
        end = self.body_end(size, fields)
        request, self.buffer = self.buffer[:end], self.buffer[end:]
        call = self.call = self.proxy.new_call(kind_of(method, target), f"{method} {target}")
        self.upgrade = upgrade
        self.at(call, "before")
        for f in call.faults:
            if f.action == "cut-up" and not (upgrade and f.stream):
                f.strike(call)
                self.send_up(request[:1 + int(f.fraction * (len(request) - 1))])
                time.sleep(0.02)
                raise Cut
        self.send_up(request)
        self.at(call, "sent")
        return not upgrade

    def send_up(self, data):
        self.proxy.stalled()
        self.engine.sendall(data)

    def raw_up(self):
        """What follows an upgrade, up to the client's end of file, which is passed on."""
        cut = [f for f in self.call.faults if f.action == "cut-up" and f.stream]
        left = int(cut[0].fraction * cut[0].stream) if cut else -1
        while True:
            data, self.buffer = self.buffer or self.client.recv(16384), b""
            if cut and (len(data) >= left or not data):
                cut[0].strike(self.call)
                self.send_up(data[:left])
                raise Cut
            left -= len(data)
            if not data:
                break
            self.send_up(data)
        self.engine.shutdown(socket.SHUT_WR)

    def at(self, call, point):
        """Faults of this call at this point."""
        if point in call.done:
            return
        call.done.add(point)
        for f in call.faults:
            if f.point != point or f.action in ("cut-up", "cut-down"):
                continue
            f.strike(call)
            if f.action == "delay":
                time.sleep(f.seconds)
            elif f.action in ("lose-request", "lose-answer"):
                raise Cut
            else:
                self.proxy.act(f)
                if f.action == "refuse":
                    raise Cut
        if call.kind == "start" and point == "passed":
            self.proxy.started()

    def pass_down(self, data):
        call = self.call
        if call is None:
            raise Cut
        self.at(call, "answered")
        for f in call.faults:
            if f.action == "cut-down" and call.bytes_down + len(data) > f.byte:
                f.strike(call)
                self.client.sendall(data[:f.byte - call.bytes_down])
                raise Cut
        self.proxy.stalled()
        call.bytes_down += len(data)
        self.client.sendall(data)
        self.at(call, "passed")

    def down(self):
        try:
            while True:
                data = self.engine.recv(16384)
                if not data:
                    break
                self.proxy.stalled()
                self.pass_down(data)
        except (Cut, OSError):
            pass
        shut(self.client, self.engine)
        self.client.close()
        self.engine.close()
        self.proxy.forget(self)


class Proxy:
    """act(fault) carries out what is not the proxy's own; it blocks the call it strikes at."""

    def __init__(self, path, engine_path, faults, act):
        self.path, self.engine_path, self.faults, self.actor = path, engine_path, faults, act
        self.guard = threading.Lock()
        self.calls, self.counts, self.open, self.timers = [], {}, set(), []
        self.stalled_until = self.refused_until = 0
        self.begun, self.is_started, self.on_call = time.monotonic(), False, None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.stalled()
            if time.monotonic() < self.refused_until:
                client.close()
                continue
            connection = Connection(self, client)
            with self.guard:
                self.open.add(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def forget(self, connection):
        with self.guard:
            self.open.discard(connection)

    def new_call(self, kind, line):
        with self.guard:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            call = Call(len(self.calls) + 1, self.counts[kind], kind, line)
            self.calls.append((time.monotonic() - self.begun, call))
            call.faults = [f for f in self.faults if f.take(call)]
        if self.on_call:
            self.on_call()
        return call

    def started(self):
        """Faults that are due some time after the command began."""
        with self.guard:
            if self.is_started:
                return
            self.is_started = True
        for f in self.faults:
            if f.after_start is not None:
                timer = threading.Timer(f.after_start, self.strike_now, [f])
                timer.daemon = True
                self.timers.append(timer)
                timer.start()

    def strike_now(self, fault):
        fault.strike(None)
        self.act(fault)

    def act(self, fault):
        if fault.action == "refuse":
            self.refused_until = time.monotonic() + fault.seconds
            self.cut_all()
        elif fault.action == "cut-all":
            self.cut_all()
        elif fault.action == "stall":
            self.stalled_until = time.monotonic() + fault.seconds
        else:
            self.actor(fault)

    def cut_all(self):
        with self.guard:
            connections = list(self.open)
        for c in connections:
            shut(c.client, c.engine)

    def stalled(self):
        while time.monotonic() < self.stalled_until:
            time.sleep(0.02)

    def close(self):
        for t in self.timers:
            t.cancel()
        shut(self.listener)
        self.listener.close()
        self.cut_all()
        try:
            os.unlink(self.path)
        except OSError:
            pass
