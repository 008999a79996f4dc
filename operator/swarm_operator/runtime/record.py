"""Writes what people read: status keys, only when they changed, at most once a second each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from desired_state.records import Record
from swarm_operator.observed.errors import TooLarge
from swarm_operator.observed.kv import Delete, Fence, KvOperation, Put
from swarm_operator.observed.kv_transactions import MAX_OPERATIONS, batches
from swarm_operator.runtime.ports import KvPort

_EVERY_S: Final = 1.0


@dataclass(slots=True)
class StatusWriter:
    """Remembers what stands in the KV, so that an unchanged status is no write."""

    kv: KvPort
    log: Any
    _written: dict[str, bytes] = field(default_factory=dict)
    _written_at: dict[str, float] = field(default_factory=dict)
    _wanted: dict[str, bytes | None] = field(default_factory=dict)
    writes: int = 0
    """Keys written so far."""

    def loaded(self, entries: Mapping[str, bytes]) -> None:
        """What stands in the KV at the take-over of the lease, by key."""
        self._written = dict(entries)
        self._written_at.clear()
        self._wanted.clear()

    def known(self, key: str) -> bytes | None:
        """What stands in the KV as far as we know."""
        return self._written.get(key)

    def latest(self, key: str) -> bytes | None:
        """What is to stand in the KV soon, or stands there."""
        return self._wanted[key] if key in self._wanted else self._written.get(key)

    def keys(self) -> frozenset[str]:
        """Every key that stands in the KV, or soon will."""
        gone = {key for key, value in self._wanted.items() if value is None}
        return frozenset(self._written.keys() | self._wanted.keys()) - gone

    def want(self, key: str, record: Record) -> None:
        """The key should have this value soon."""
        self._wanted[key] = record.encode()

    def want_gone(self, key: str) -> None:
        """The key should not exist."""
        self._wanted[key] = None

    def flush(self, fence: Fence, now: float, *, only: str | None = None) -> float | None:
        """Write what changed and is due. Returns when the rest is due, None where nothing waits.

        `only` names a key that is written now, whatever is due, and nothing else. Raises what the KV
        raises; what was not written stays wanted.
        """
        self._wanted = {k: v for k, v in self._wanted.items() if v != self._written.get(k)}
        due = {
            key: value
            for key, value in self._wanted.items()
            if (key == only if only is not None else now >= self._due_at(key))
        }
        operations = [_operation(key, value) for key, value in sorted(due.items())]
        # One operation of the 64 is the fence's own.
        for batch in batches(operations, operations_at_most=MAX_OPERATIONS - 1):
            self._commit(batch, fence, now)
        return min((self._due_at(key) for key in self._wanted), default=None)

    def _due_at(self, key: str) -> float:
        return self._written_at.get(key, -_EVERY_S) + _EVERY_S

    def _commit(self, batch: Sequence[KvOperation], fence: Fence, now: float) -> None:
        keys = [operation.key for operation in batch if isinstance(operation, Put | Delete)]
        try:
            self.kv.commit(batch, fence=fence)
        except TooLarge as error:
            # It will never fit: it must not hold up the others, nor be tried for ever.
            self.log.warning("a status is too large for the KV", keys=keys, why=str(error))
        for key in keys:
            self._note(key, self._wanted[key], now)

    def _note(self, key: str, value: bytes | None, now: float) -> None:
        self.writes += 1
        del self._wanted[key]
        self._written_at[key] = now
        if value is None:
            self._written.pop(key, None)
            self._written_at.pop(key, None)
        else:
            self._written[key] = value


def _operation(key: str, value: bytes | None) -> KvOperation:
    return Delete(key) if value is None else Put(key, value)
