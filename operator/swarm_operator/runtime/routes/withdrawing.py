"""Tasks that nobody is to be sent to any more: what moves them asks, what publishes routes answers.

Asked by the loop, answered by the thread of routes; a lock is between them.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from swarm_operator.runtime.withdrawal import Withdrawn

LIMIT_S: Final = 30.0
"""An instance that runs and stays silent must not stop moves for ever."""


@dataclass(frozen=True, slots=True)
class _Asked:
    at: float
    done_at: float | None = None
    """When its last requests are over; None while somebody may still be sent to it."""


class Withdrawing:
    """Implements `runtime.withdrawal.Withdrawal`. Nothing in it waits."""

    def __init__(self, monotonic: Callable[[], float], wake: Callable[[], None]) -> None:
        """`wake` is called, from the asking thread, where there is something new to be done."""
        self._monotonic = monotonic
        self._wake = wake
        self._lock = threading.Lock()
        self._asked: dict[str, _Asked] = {}

    # --- for what moves tasks -----------------------------------------------------------------------

    def withdraw(self, task_id: str) -> Withdrawn:
        """Ask for a task, or how far it is. CONFIRMED once nobody is sent to it and the requests that
        were under way had their time."""
        now = self._monotonic()
        with self._lock:
            asked = self._asked.get(task_id)
            if asked is None:
                self._asked[task_id] = _Asked(now)
        if asked is None:
            self._wake()
            return Withdrawn.PENDING
        if asked.done_at is None:
            return Withdrawn.TIMED_OUT if now >= asked.at + LIMIT_S else Withdrawn.PENDING
        return Withdrawn.CONFIRMED if now >= asked.done_at else Withdrawn.PENDING

    def publish_again(self, task_id: str) -> None:
        """The task stays after all."""
        with self._lock:
            known = self._asked.pop(task_id, None)
        if known is not None:
            self._wake()

    # --- for what publishes them --------------------------------------------------------------------

    def tasks(self) -> frozenset[str]:
        """The tasks that are to be out of what is published."""
        with self._lock:
            return frozenset(self._asked)

    def waiting(self) -> frozenset[str]:
        """Those of them that are not yet known to be out."""
        with self._lock:
            return frozenset(task for task, asked in self._asked.items() if asked.done_at is None)

    def confirm(self, drains: Mapping[str, float]) -> None:
        """Nobody is sent to these tasks from now on; their requests get so many seconds."""
        now = self._monotonic()
        with self._lock:
            for task, drain_s in drains.items():
                asked = self._asked.get(task)
                if asked is not None and asked.done_at is None:
                    self._asked[task] = replace(asked, done_at=now + drain_s)

    def ended(self, tasks: Collection[str]) -> None:
        """Forget tasks that came to their end."""
        with self._lock:
            self._asked = {task: asked for task, asked in self._asked.items() if task not in tasks}

    def forget(self) -> None:
        """Somebody else acts now, with wishes of their own."""
        with self._lock:
            self._asked = {}
