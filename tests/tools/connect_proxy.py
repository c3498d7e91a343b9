#!/usr/bin/python3
"""A proxy on 127.0.0.1 that knows CONNECT alone, and sends every name to one place.

    connect_proxy.py PORT-FILE LOG TARGET [refuse|auth|drop]

TARGET: 127.0.0.1:PORT or a Unix socket's path, whatever name is asked for. LOG gets a line for each question: its first
line, and Proxy-Authorization if there is one. refuse: 403; auth: 407 but for me:hunter2; drop: closes without a word.
Either end's half-close is passed on to the other.
"""
import base64, socket, sys, threading

port_file, log, target = sys.argv[1:4]
mode = sys.argv[4] if len(sys.argv) > 4 else ""
good = "Basic " + base64.b64encode(b"me:hunter2").decode()


def far():
    if target.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(target)
        return s
    host, port = target.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        for s in a, b:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(near):
    head = b""
    while b"\r\n\r\n" not in head:
        data = near.recv(1)
        if not data:
            return near.close()
        head += data
    lines = head.decode("latin-1").split("\r\n")
    said = [l.split(":", 1)[1].strip() for l in lines if l.lower().startswith("proxy-authorization:")]
    with open(log, "a") as f:
        print(lines[0], *said, file=f)
    if mode == "drop":
        return near.close()
    if not lines[0].startswith("CONNECT "):
        answer = "405 Method Not Allowed"
    elif mode == "refuse":
        answer = "403 Forbidden by the administrator"
    elif mode == "auth" and good not in said:
        answer = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\""
    else:
        other = far()
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=pump, args=(near, other), daemon=True).start()
        return pump(other, near)
    near.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    near.close()


server = socket.create_server(("127.0.0.1", 0))
with open(port_file, "w") as f:
    print(server.getsockname()[1], file=f)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
