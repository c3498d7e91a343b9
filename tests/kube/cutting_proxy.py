#!/usr/bin/env python3
"""An HTTP CONNECT proxy on loopback that breaks connections when it is told to.

    cutting_proxy.py PORT-FILE       writes its port there
    SIGUSR1: cuts every connection that is open      SIGUSR2: refuses from now on, and cuts; again: lets through
"""
import os
import signal
import socket
import sys
import threading

open_now, refuses = set(), [False]


def cut(*_):
    for s in list(open_now):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def toggle(*_):
    refuses[0] = not refuses[0]
    if refuses[0]:
        cut()


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(4096)
        if not more:
            return client.close()
        head += more
    if refuses[0]:
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return client.close()
    host, _, port = head.split()[1].decode().rpartition(":")
    server = socket.create_connection((host.strip("[]"), int(port)))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    open_now.update((client, server))
    back = threading.Thread(target=pump, args=(server, client), daemon=True)
    back.start()
    pump(client, server)
    back.join()
    open_now.difference_update((client, server))
    client.close()
    server.close()


signal.signal(signal.SIGUSR1, cut)
signal.signal(signal.SIGUSR2, toggle)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    c, _ = listener.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
