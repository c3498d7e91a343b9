"""Listens on the application's own port for some seconds: does anything take this for the application?"""
import socket
import sys

server = socket.create_server(("0.0.0.0", 8000))
server.settimeout(float(sys.argv[1]))
try:
    server.accept()
    print("a request came")
except socket.timeout:
    print("no request came")
