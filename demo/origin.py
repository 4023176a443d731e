#!/usr/bin/python3
"""The moving parts of the demonstration's origin: a WebSocket echo, server-sent events, a slow page, a
cookie and a form. Prints its port and serves until it is told to stop."""

import base64
import hashlib
import http.server
import json
import socketserver
import struct
import sys
import time
import urllib.parse

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "DemoOrigin/1.0"

    def send_text(self, text, kind="text/plain; charset=utf-8", **headers):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/slow":
            time.sleep(2)
            self.send_text("That took two seconds.\n")
        elif path == "/cookie":
            came = self.headers.get("Cookie", "none")
            self.send_text(f"A cookie is set. What came with the request: {came}.\n",
                           Set_Cookie="visited=yes; HttpOnly; SameSite=Lax")
        elif path == "/api/hello":
            self.send_text(json.dumps({"hello": "world", "you": self.headers.get("X-Real-IP"),
                                       "request": self.headers.get("X-Request-ID")}) + "\n",
                           "application/json")
        elif path == "/events":
            self.send_events()
        elif path == "/echo":
            self.echo()
        else:
            self.send_error(404)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        form = urllib.parse.parse_qs(self.rfile.read(length).decode(errors="replace"))
        self.send_text("You said: " + ", ".join(form.get("text", ["nothing"])) + "\n")

    def send_events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for _ in range(3600):
                self.wfile.write(f"data: {time.strftime('%H:%M:%S')}\n\n".encode())
                self.wfile.flush()
                time.sleep(1)
        except OSError:
            pass
        self.close_connection = True

    def echo(self):
        key = self.headers.get("Sec-WebSocket-Key", "")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = True
        try:
            while self.echo_frame():
                pass
        except (OSError, struct.error):
            pass

    def echo_frame(self):
        opening = self.rfile.read(2)
        if len(opening) < 2:
            return False
        first, second = opening
        length = second & 127
        if length == 126:
            length, = struct.unpack(">H", self.rfile.read(2))
        elif length == 127:
            length, = struct.unpack(">Q", self.rfile.read(8))
        if not second & 128 or length > 1 << 20:
            return False
        mask = self.rfile.read(4)
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))
        kind = first & 15
        answer = {8: 8, 9: 10}.get(kind, kind)
        head = bytes([128 | answer])
        if length < 126:
            head += bytes([length])
        elif length < 65536:
            head += b"\x7e" + struct.pack(">H", length)
        else:
            head += b"\x7f" + struct.pack(">Q", length)
        self.wfile.write(head + payload)
        return kind != 8

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a peer that has gone is no event
            super().handle_error(request, client_address)


def main():
    server = Server(("127.0.0.1", 0), Page)
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
