#!/usr/bin/python3
"""A registry's server of tokens, over TLS.

    tokens.py ADDRESS PORT DIR      DIR: pki/server.{pem,key}, tokens.{pem,key}; every question is a line of DIR/asked

GET with me:hunter2, or POST with the refresh token id-token-of-me (an identity token), gets a token for what was asked,
signed with tokens.key, as docs.docker.com/registry/spec/auth has it. Anything else: 401.
"""
import base64, hashlib, http.server, json, ssl, subprocess, sys, time, urllib.parse

address, port, top = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def token(scopes, service):
    access = []
    for s in scopes:
        kind, name, actions = s.split(":")
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    der = base64.b64encode(ssl.PEM_cert_to_DER_cert(open(top + "/tokens.pem").read())).decode()
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
    body = {"iss": "tokens", "sub": "me", "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": str(time.time_ns()), "access": access}
    text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
    sign = subprocess.run(["openssl", "dgst", "-sha256", "-sign", top + "/tokens.key"], input=text.encode(),
                          capture_output=True, check=True).stdout
    return text + "." + b64(sign)


class Server(http.server.BaseHTTPRequestHandler):
    def answer(self, kind, word, good, q):
        scopes = [s for one in q.get("scope", []) for s in one.split(" ") if s]
        with open(top + "/asked", "a") as f:
            print(kind, word, *scopes, file=f)
        body = json.dumps({"token": (t := token(scopes, q.get("service", [""])[0])), "access_token": t, "expires_in": 300}
                          if good else {"errors": [{"code": "UNAUTHORIZED", "message": "unauthorized"}]}).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        q = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        basic = self.headers.get("Authorization", "")
        good = basic == "Basic " + base64.b64encode(b"me:hunter2").decode()
        self.answer("password", "given" if basic else "none", good, q)

    def do_POST(self):
        q = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        kind, word = q.get("grant_type", [""])[0], q.get("refresh_token", [""])[0]
        if kind == "password":
            self.answer(kind, "given", q.get("password") == ["hunter2"] and q.get("username") == ["me"], q)
        else:
            self.answer(kind, word, word == "id-token-of-me", q)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((address, port), Server)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(top + "/pki/server.pem", top + "/pki/server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
