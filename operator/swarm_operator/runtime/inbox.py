"""What the watches hand to the loop: the newest answer of the KV, and that something happened.

Level-triggered: an entry only wakes; decisions read state. So entries coalesce, and none is lost.
"""

import threading
from dataclasses import dataclass

from swarm_operator.observed.kv import KvTree


@dataclass(frozen=True, slots=True)
class Wake:
    """All that came since the last look."""

    tree: KvTree | None = None
    """The newest whole answer of `desired/`, where a new one came."""
    swarm_changed: bool = False
    """Something of the swarm changed; what, is not said."""
    kv_error: str | None = None
    """Why the KV cannot be read at the moment; None while it can."""
    services_changed: frozenset[str] = frozenset()
    """Ids of services that were updated."""


class Inbox:
    """Thread-safe; the watches put in, one loop takes out."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._tree: KvTree | None = None
        self._swarm_changed = False
        self._services_changed: set[str] = set()
        self._woken = False
        self._kv_error: str | None = "the KV was not read yet"

    def put_tree(self, tree: KvTree) -> None:
        with self._condition:
            self._tree = tree
            self._kv_error = None
            self._wake()

    def put_kv_error(self, text: str) -> None:
        with self._condition:
            self._kv_error = text
            self._wake()

    def put_swarm_change(self) -> None:
        with self._condition:
            self._swarm_changed = True
            self._wake()

    def put_service_change(self, service_id: str) -> None:
        """One service was updated, and nothing else."""
        with self._condition:
            self._services_changed.add(service_id)
            self._wake()

    def nudge(self) -> None:
        """Wake the loop for nothing in particular: the lease came or went, the end is near."""
        with self._condition:
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        self._condition.notify()

    def take(self, timeout_s: float) -> Wake:
        """Waits until something came, at most `timeout_s` seconds."""
        with self._condition:
            if not self._woken:
                self._condition.wait(timeout_s)
            services = frozenset(self._services_changed)
            wake = Wake(self._tree, self._swarm_changed, self._kv_error, services)
            self._services_changed.clear()
            self._tree, self._swarm_changed, self._woken = None, False, False
            return wake
