"""Consul's KV in memory, as far as the command line uses it: indexes, compare-and-set, fences."""

import threading
from collections.abc import Callable, Sequence

from swarm_operator.observed.errors import Conflict, LeaseLost, TooLarge
from swarm_operator.observed.kv import (
    Delete,
    DeleteTree,
    Fence,
    KvEntry,
    KvOperation,
    KvTree,
    Put,
    Unchanged,
)


class FakeKv:
    """Implements `KvPort` and the blocking `watch`. `commits` holds every transaction that held.

    `before_commit` is called in front of each transaction: another hand between read and write.
    """

    def __init__(self) -> None:
        self.entries: dict[str, KvEntry] = {}
        self.index = 10
        self.commits: list[tuple[KvOperation, ...]] = []
        self.before_commit: Callable[[], None] = lambda: None
        self._moved = threading.Condition()

    def read(self, prefix: str) -> KvTree:
        with self._moved:
            return KvTree(
                self.index,
                {
                    key.removeprefix(prefix): entry
                    for key, entry in sorted(self.entries.items())
                    if key.startswith(prefix)
                },
            )

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        with self._moved:
            if index:
                self._moved.wait_for(lambda: self.index > index, wait_s)
        return self.read(prefix)

    def get(self, key: str) -> KvEntry | None:
        return self.entries.get(key)

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        self.before_commit()
        with self._moved:
            self._check(operations, fence)
            self.index += 1
            for operation in operations:
                self._apply(operation)
            self.commits.append(tuple(operations))
            self._moved.notify_all()

    def put(self, key: str, value: bytes | str, session: str | None = None) -> None:
        """Another hand's write."""
        with self._moved:
            self.index += 1
            self._put(key, value.encode() if isinstance(value, str) else value, session)
            self._moved.notify_all()

    def delete(self, key: str) -> None:
        """Another hand's deletion."""
        with self._moved:
            self.index += 1
            del self.entries[key]
            self._moved.notify_all()

    def _check(self, operations: Sequence[KvOperation], fence: Fence | None) -> None:
        if len(operations) + (fence is not None) > 64:
            raise TooLarge("more than 64 operations")
        if sum(len(o.value) for o in operations if isinstance(o, Put)) > 393_000:
            raise TooLarge("more than 390 kB")
        if fence and (self.entries.get(fence.key) or KvEntry(b"", 0)).session != fence.session:
            raise LeaseLost("the session does not hold the lock")
        for operation in operations:
            wanted = None if isinstance(operation, DeleteTree) else operation.index
            if wanted is None or isinstance(operation, DeleteTree):
                continue
            entry = self.entries.get(operation.key)
            if wanted != (entry.modify_index if entry else 0):
                raise Conflict(f"{operation.key} has changed")

    def _apply(self, operation: KvOperation) -> None:
        match operation:
            case Put():
                self._put(operation.key, operation.value)
            case Delete():
                self.entries.pop(operation.key, None)
            case DeleteTree():
                for key in [key for key in self.entries if key.startswith(operation.prefix)]:
                    del self.entries[key]
            case Unchanged():
                pass

    def _put(self, key: str, value: bytes, session: str | None = None) -> None:
        known = self.entries.get(key)
        if known is not None and known.value == value and known.session == session:
            return  # Consul does not move the index of an equal value
        created = known.create_index if known else self.index
        self.entries[key] = KvEntry(value, self.index, created, session=session)
