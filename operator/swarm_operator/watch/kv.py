"""Watches a prefix of the KV by blocking reads, after Consul's own rules for them.

After any error, and whenever the index goes backwards (a restored or new server), the index is
forgotten and a plain read comes first: a blocking read with an index from before would not see
changes until its wait is over. Reads are rate limited, for a prefix without keys wakes on every
write anywhere in the KV (consul#9449).
"""

import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import KvTree
from swarm_operator.watch.pace import Backoff, RateLimit
from swarm_operator.watch.worker import Worker


class KvSource(Protocol):
    """What the watch reads from; no one else may use it, for `interrupt` ends all its calls."""

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        """Blocks up to `wait_s` for an index beyond `index`; 0 does not block."""
        ...

    def interrupt(self) -> None: ...


class KvWatch:
    """Calls `on_tree` with every new content of a prefix, from a thread of its own.

    The first answer, and the first one after an error, are always passed on; after that only
    answers whose content differs. `on_error` gets every failed read. Both callbacks must be
    quick, and must not raise.
    """

    def __init__(
        self,
        source: KvSource,
        prefix: str,
        on_tree: Callable[[KvTree], None],
        on_error: Callable[[OutsideError], None],
        *,
        wait_s: float = 25.0,
        reads_per_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] | None = None,
    ) -> None:
        """`wait_s`, at most 55: how long one read may block; a frozen server is noticed in
        little more than that."""
        self._source = source
        self._prefix = prefix
        self._on_tree = on_tree
        self._on_error = on_error
        self._wait_s = min(wait_s, 55.0)
        self._clock = clock
        self._backoff = Backoff(rng or random.Random().random)  # noqa: S311 - jitter
        self._limit = RateLimit(clock, burst=2, per_s=reads_per_s)
        self._index = 0
        self._delivered: KvTree | None = None
        self.last_progress = clock()
        """Monotonic time of the last answer. An idle watch gets one every 17/16 · `wait_s`."""
        self._worker = Worker(f"watch {prefix}", self._run, source.interrupt)

    def start(self) -> None:
        """Once only."""
        self._worker.start()

    @property
    def is_alive(self) -> bool:
        return self._worker.is_alive

    def stop(self, timeout_s: float = 1.0) -> bool:
        """End the thread; False where it does not end in time (it is a daemon)."""
        self._worker.request_stop()
        return self._worker.join(timeout_s)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._limit.take_delay_s()):
            try:
                tree = self._source.watch(self._prefix, self._index, self._wait_s)
            except OutsideError as error:
                if stopping.is_set():
                    return
                self._failed(error)
                stopping.wait(self._backoff.next_delay_s())
            else:
                self._answered(tree)

    def _failed(self, error: OutsideError) -> None:
        self._index = 0
        self._delivered = None
        self._on_error(error)

    def _answered(self, tree: KvTree) -> None:
        self.last_progress = self._clock()
        self._backoff.reset()
        if tree.index < self._index:
            self._index = 0
            return
        self._index = max(tree.index, 1)
        if self._delivered is None or tree.entries != self._delivered.entries:
            self._delivered = tree
            self._on_tree(tree)
