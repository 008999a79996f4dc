"""What goes wrong, and when: by method and path, so many times, after so many that go well."""

import re
import threading
from dataclasses import dataclass, field


@dataclass
class Fault:
    """Met by requests whose method and path match."""

    method: str = "*"
    path: str = ".*"
    """A regular expression for the whole path."""
    status: int | None = 500
    """None: the request is answered as ever, after the delay."""
    body: bytes = b'{"class":"Server::InternalServerError","message":"Internal server error"}'
    headers: dict[str, str] = field(default_factory=dict)
    count: int | None = 1
    skip: int = 0
    delay_s: float = 0.0
    drops: bool = False
    """The connection is cut without an answer."""
    is_applied: bool = False
    """What was asked for is done, and then this answer given."""

    def meets(self, method: str, path: str) -> bool:
        return self.method in {"*", method} and re.fullmatch(self.path, path) is not None


HTML = b"<html><body><h1>503 Service Unavailable</h1></body></html>"


class Faults:
    """Those that are still to come."""

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

    def next(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if not fault.meets(method, path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._faults.remove(fault)
                return fault
        return None
