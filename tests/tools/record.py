#!/usr/bin/env python3
"""Records what goes to an engine:  record.py LISTEN TARGET FOLDER

A proxy between Unix sockets. The N-th request is FOLDER/N.line (its first line) and FOLDER/N.body. What follows an
upgrade is passed on and not recorded."""
import itertools, os, re, socket, sys, threading

listen, target, folder = sys.argv[1:4]
numbers = itertools.count(1)


def pump(source, sink, see):
    try:
        while data := source.recv(65536):
            see(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def recorder():
    held = bytearray()
    upgraded = False

    def see(data):
        nonlocal upgraded
        if upgraded:
            return
        held.extend(data)
        while (end := held.find(b"\r\n\r\n")) >= 0:
            head = bytes(held[:end])
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            size = end + 4 + (int(length.group(1)) if length else 0)
            if len(held) < size:
                return
            name = os.path.join(folder, str(next(numbers)))
            with open(name + ".body", "wb") as f:
                f.write(held[end + 4 : size])
            with open(name + ".line", "wb") as f:
                f.write(head.split(b"\r\n")[0] + b"\n")
            del held[:size]
            if re.search(rb"(?i)\r\nupgrade:", head):
                upgraded = True
                return

    return see


server = socket.socket(socket.AF_UNIX)
server.bind(listen)
server.listen(64)
while True:
    client, _ = server.accept()
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(target)
    threading.Thread(target=pump, args=(client, engine, recorder()), daemon=True).start()
    threading.Thread(target=pump, args=(engine, client, lambda data: None), daemon=True).start()
