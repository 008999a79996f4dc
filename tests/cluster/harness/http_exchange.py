"""One HTTP request and its response on their way between two connections."""

import selectors
import socket
import time
from http import HTTPStatus

from tests.cluster.harness import connections, http_messages
from tests.cluster.harness.faults import Request
from tests.cluster.harness.http_messages import END_OF_HEAD

# Larger bodies (images) are streamed.
_SMALL = 1 << 20


class Incoming:
    """A client's connection with what was read of it and not yet used."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.unread = b""

    def read_head(self, closes_with: socket.socket) -> bytes | None:
        """Return the next request's head with its empty line; None when either side has ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            selector.register(closes_with, selectors.EVENT_READ)
            while END_OF_HEAD not in self.unread:
                ready = {key.fileobj for key, _ in selector.select()}
                # A server that says something without being asked says that it goes.
                data = self.connection.recv(connections.BUFFER) if len(ready) == 1 else b""
                if closes_with in ready or not data:
                    return None
                self.unread += data
        head, _, self.unread = self.unread.partition(END_OF_HEAD)
        return head + END_OF_HEAD

    def read_body(self, body: http_messages.Body) -> bytes:
        """Return all the bytes of a body."""
        taken = bytearray()
        while not body.complete:
            data = self.unread or self.connection.recv(connections.BUFFER)
            if not data:
                raise ConnectionError("the client went in the middle of a body")
            used = body.feed(data)
            taken += data[:used]
            self.unread = data[used:]
        return bytes(taken)


class Exchange:
    """Passes one request to the server and its response back, byte for byte."""

    def __init__(
        self,
        incoming: Incoming,
        server: socket.socket,
        request: Request,
        body: http_messages.Body,
    ) -> None:
        self._incoming = incoming
        self._client = incoming.connection
        self._server = server
        self._request = request
        self._body = body
        self._response: http_messages.Body | None = None
        self._response_head = b""

    def take_small_body(self, head: http_messages.Head) -> bytes:
        """Read the request's body if it is small, so that it is known before the server acts."""
        if self._body.left is None or self._body.left > _SMALL or "expect" in head.headers:
            return b""
        if self._body.is_chunked:
            return b""
        taken = self._incoming.read_body(self._body)
        self._keep_content()
        return taken

    def answer(self, status: int, text: str) -> None:
        """Answer in the server's place."""
        self._incoming.read_body(self._body)  # unread bytes would reset the connection
        self._request.status = status
        content = text.encode()
        kind = "application/json" if text.startswith("{") else "text/plain"
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        self._client.sendall(head.encode() + content)

    def run(self, raw: bytes, *, lose_answer: bool) -> bool:
        """Send the request (`raw` is what was read of it), pass on the response as it comes.

        Returns whether another request can follow on the same connection.
        """
        self._server.sendall(raw)
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            if self._incoming.unread:
                self._from_client(self._incoming.unread)
            if not self._incoming.unread:
                selector.register(self._client, selectors.EVENT_READ)
            while not self._finished:
                for key, _ in selector.select():
                    from_server = key.fileobj is self._server
                    data = (self._server if from_server else self._client).recv(connections.BUFFER)
                    if not data or (from_server and lose_answer):
                        return False
                    if from_server:
                        self._from_server(data)
                    elif self._from_client(data):
                        selector.unregister(self._client)  # the next request can wait
        if self._response is not None and self._response.ends_with_connection:
            self._server.sendall(self._incoming.unread)
            connections.copy_both_ways(self._client, self._server)
            return False
        return self._body.complete

    @property
    def _finished(self) -> bool:
        return self._response is not None and (
            self._response.complete or self._response.ends_with_connection
        )

    def _from_client(self, data: bytes) -> bytes:
        """Pass on what belongs to the request's body; keep and return what follows it."""
        used = self._body.feed(data) if not self._body.complete else 0
        self._incoming.unread = data[used:]
        if used:
            self._server.sendall(data[:used])
            self._keep_content()
        return self._incoming.unread

    def _keep_content(self) -> None:
        if self._body.complete and self._body.keep:
            self._request.body = bytes(self._body.content)

    def _from_server(self, data: bytes) -> None:
        # Read before it is sent on: who has the answer finds its status recorded.
        rest = data
        while rest and not self._finished:
            if self._response is not None:
                rest = rest[self._response.feed(rest) :]
                continue
            raw, end, rest = (self._response_head + rest).partition(END_OF_HEAD)
            self._response_head = b"" if end else raw
            if end:
                self._read_response_head(raw)
        self._client.sendall(data)

    def _read_response_head(self, raw: bytes) -> None:
        head = http_messages.parse_head(raw)
        status = int(head.first_line[1])
        if status >= 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:  # others only announce
            self._request.status = status
            self._request.answered_at = time.monotonic()
            self._response = http_messages.response_body(head, self._request.method)
