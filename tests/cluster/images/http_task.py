"""A server whose way of starting, answering and ending can be chosen: what routes lead to.

This file is also the program inside the image, with nothing but the standard library. Environment:

  PORT         80      HTTP on TCP, and an echo on UDP; several, separated by commas
  VERSION      1       said in every answer
  START_AFTER  0       seconds between its start and the first open port
  ON_TERM      exit    at SIGTERM: `exit` at once; `drain:6` serves on for 6 s and then exits

`GET or POST /…?ms=300` answers after 300 ms, `/healthz` at once, `?status=500` with that status. An
answer says `HOSTNAME VERSION`; its header X-Path is the path that arrived.
"""

import contextlib
import os
import signal
import socket
import socketserver
import threading
import time

_HOSTNAME = socket.gethostname()


class _Http(socketserver.StreamRequestHandler):
    """Keeps connections open, as the servers do for which a proxy pools them."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while self._answer():
                pass

    def _answer(self) -> bool:
        first = self.rfile.readline().decode("latin-1").split()
        if len(first) != 3:
            return False
        headers = dict(self._headers())
        self.rfile.read(int(headers.get("content-length", "0")))
        path, _, query = first[1].partition("?")
        options = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
        time.sleep(int(options.get("ms", "0")) / 1000)
        body = f"{_HOSTNAME} {os.environ.get('VERSION', '1')}\n"
        head = (
            f"HTTP/1.1 {options.get('status', '200')} Said\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: text/plain\r\nX-Path: {path}\r\nX-Host: {headers.get('host', '')}\r\n"
        )
        self.wfile.write(f"{head}\r\n{body}".encode("latin-1"))
        return headers.get("connection", "").lower() != "close"

    def _headers(self) -> list[tuple[str, str]]:
        found = []
        while line := self.rfile.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            found.append((name.strip().lower(), value.strip()))
        return found


class _HttpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, link = self.request
        link.sendto(f"{_HOSTNAME} ".encode() + data, self.client_address)


def main() -> None:
    """Never returns."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    time.sleep(float(os.environ.get("START_AFTER", "0")))
    for port in os.environ.get("PORT", "80").split(","):
        servers = _HttpServer(("", int(port)), _Http), socketserver.UDPServer(("", int(port)), _Udp)
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        time.sleep(3600)


def _end(*_: object) -> None:
    seconds = os.environ.get("ON_TERM", "exit").partition(":")[2]
    if not seconds:
        os._exit(0)
    timer = threading.Timer(float(seconds), os._exit, (0,))
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
