"""Counts what a face was asked, so that "nothing was written" is a number and no belief."""

import os
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from swarm_operator.simulation.api.message import split_version

_READS: Final = frozenset({"GET", "HEAD"})


@dataclass
class RequestCounter:
    """Requests by method and path, the path without the API's version."""

    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def reads(self) -> int:
        return sum(n for (method, _), n in self.seen.items() if method in _READS)

    @property
    def writes(self) -> int:
        return sum(n for (method, _), n in self.seen.items() if method not in _READS)

    def written(self) -> list[str]:
        """`POST /services/create (2)` for each kind of write, in the order of the first."""
        return [
            f"{method} {path}" + (f" ({number})" if number > 1 else "")
            for (method, path), number in self.seen.items()
            if method not in _READS
        ]

    def copy(self) -> "RequestCounter":
        """As it is now."""
        return RequestCounter(Counter(self.seen))

    def since(self, before: "RequestCounter") -> "RequestCounter":
        """What came after `before` was copied."""
        return RequestCounter(self.seen - before.seen)

    def without(self, beginning: str) -> "RequestCounter":
        """The same without the paths that begin so."""
        kept = {key: n for key, n in self.seen.items() if not key[1].startswith(beginning)}
        return RequestCounter(Counter(kept))

    def middleware(self, *, except_below: str | None = None, of_others: bool = False) -> Middleware:
        """Counts every request as it comes in; `of_others`: not those of this very process."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            path = split_version(request.path)[1]
            is_control = except_below is not None and path.startswith(except_below)
            if not is_control and not (of_others and _is_own(request)):
                self.seen[request.method, path] += 1
            return await handler(request)

        return count


def _is_own(request: web.Request) -> bool:
    """Whether this process made the connection, as the kernel says of a Unix socket's other end
    (SO_PEERCRED, unix(7); Linux alone has it, elsewhere nothing is known to be our own)."""
    sock = request.get_extra_info("socket")
    if sock is None or sock.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return False
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", raw)[0]
    return pid == os.getpid()
