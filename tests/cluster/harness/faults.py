"""Faults that a proxy puts between a client and its server, on the requests that are meant."""

import enum
import fnmatch
import json
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """A request as it passed the proxy, at the time `at` (time.monotonic).

    `path` is without Docker's version prefix and unquoted. `status` is None until the response
    has begun at `answered_at`, and stays so where a fault cut it off. `body` is kept only where that
    was asked for. `headers` are by lower-case name.
    """

    method: str
    path: str
    query: dict[str, str]
    at: float = field(default_factory=time.monotonic)
    status: int | None = None
    answered_at: float | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        query = f"?{urllib.parse.urlencode(self.query)}" if self.query else ""
        return f"{self.method} {self.path}{query} -> {self.status}"

    def json(self) -> object:
        """Return the kept body, decoded. Raises ValueError if there is none."""
        return json.loads(self.body or b"")


class Kind(enum.Enum):
    """What happens to a request."""

    DELAY = "it waits, then goes on"
    ANSWER = "the proxy answers, the server never sees it"
    DROP = "the connection is cut, the server never sees it"
    LOSE_ANSWER = "the server does it, the connection is cut before the answer"


@dataclass(slots=True)
class Fault:
    """A fault for the next `times` matching requests (None: for all). `hits` counts them."""

    kind: Kind
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    seconds: float = 0
    status: int = 500
    answer: str = ""
    hits: int = 0

    def applies_to(self, request: Request) -> bool:
        return (
            (self.times is None or self.hits < self.times)
            and fnmatch.fnmatchcase(request.method, self.method)
            and fnmatch.fnmatchcase(request.path, self.path)
        )


class Faults:
    """The faults that are set, safe to change while requests pass."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def strike(self, request: Request) -> Fault | None:
        """Return the first fault that applies to a request, counted as a hit."""
        with self._lock:
            for fault in self._faults:
                if fault.applies_to(request):
                    fault.hits += 1
                    return fault
        return None
