"""A small threaded server: accepts connections, serves each in a thread, can cut them all."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator

Connect = Callable[[], socket.socket]
BUFFER = 1 << 16


class Server:
    """Listens on the socket that `listen` makes, and calls `serve` in a thread per connection.

    An OSError in `serve` ends its connection, quietly: that is what broken connections look like.
    """

    def __init__(self, listen: Connect, serve: Callable[[socket.socket], None], name: str) -> None:
        self._listen = listen
        self._serve = serve
        self._name = name
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    def open(self) -> None:
        """Start listening; nothing happens if it listens already."""
        if self._listener is None:
            self._listener = self._listen()
            self._start(self._accept, self._listener)

    def close(self) -> None:
        """Stop listening and cut all connections."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone would not wake the thread that accepts.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut all connections, and those to the other side that belong to them."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def cut_with_us(self, connection: socket.socket) -> Iterator[socket.socket]:
        """Own a connection that `cut` ends and that is closed afterwards."""
        with connection:
            with self._lock:
                self._connections.add(connection)
            try:
                yield connection
            finally:
                with self._lock:
                    self._connections.discard(connection)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, for TCP. Raises OSError while it does not."""
        if self._listener is None:
            raise OSError(f"{self._name} does not listen")
        host, port = self._listener.getsockname()
        return host, port

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._start(self._handle, connection)

    def _handle(self, connection: socket.socket) -> None:
        send_at_once(connection)
        with contextlib.suppress(OSError), self.cut_with_us(connection):
            self._serve(connection)

    def _start(self, target: Callable[[socket.socket], None], connection: socket.socket) -> None:
        threading.Thread(target=target, args=(connection,), name=self._name, daemon=True).start()


def send_at_once(connection: socket.socket) -> None:
    """Turn off the delay that TCP adds to small writes (40 ms together with delayed answers)."""
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def copy_both_ways(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes between two connections until both directions have ended, or one broke."""
    peer = {one: other, other: one}
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        for connection in peer:
            selector.register(connection, selectors.EVENT_READ, connection)
        while selector.get_map():
            for key, _ in selector.select():
                connection = key.data
                if data := connection.recv(BUFFER):
                    peer[connection].sendall(data)
                else:
                    selector.unregister(connection)
                    peer[connection].shutdown(socket.SHUT_WR)
