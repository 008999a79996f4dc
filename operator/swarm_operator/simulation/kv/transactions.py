"""Transactions: up to 64 operations, all or none of them.

After Consul's agent/consul/txn_endpoint.go and state/txn.go.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.simulation.kv.sessions import SessionRefused, Sessions
from swarm_operator.simulation.kv.store import Entry, KvStore

MAX_OPERATIONS: Final = 64
"""Of Consul < 1.14; 128 since."""

WRITES: Final = frozenset({"set", "cas", "lock", "unlock", "delete", "delete-cas", "delete-tree"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One step. Which fields count depends on the verb."""

    verb: str
    key: str
    value: bytes = field(default=b"", repr=False)
    flags: int = 0
    index: int = 0
    session: str = ""

    @property
    def entry(self) -> Entry:
        return Entry(self.key, self.value, self.flags, self.session)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why operation number `index` did not hold, in Consul's words."""

    index: int
    what: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`results` as the API shows them; empty where there are `failures`."""

    results: Sequence[dict[str, object]] = ()
    failures: Sequence[Failure] = ()


class _Failed(Exception):
    """What did not hold."""


class Transactions:
    """Applies transactions to a store."""

    def __init__(self, store: KvStore, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions

    def apply(self, operations: Sequence[Operation]) -> Outcome:
        """All or nothing. Every failure is listed, not only the first.

        Takes a raft index where it holds a write that gets as far as raft.
        """
        if refused := self._refused_before(operations):
            return Outcome(failures=refused)
        writes = any(operation.verb in WRITES for operation in operations)
        index = self._store.next_index() if writes else 0
        results: list[dict[str, object]] = []
        failures: list[Failure] = []
        with self._store.transaction() as roll_back:
            for number, operation in enumerate(operations):
                try:
                    results += self._step(index, operation)
                except (_Failed, SessionRefused) as error:
                    failures.append(Failure(number, str(error)))
            if failures:
                roll_back()
        if failures:
            return Outcome(failures=failures)
        self._store.committed()
        return Outcome(results)

    def _refused_before(self, operations: Sequence[Operation]) -> list[Failure]:
        """What the leader refuses by itself, without raft."""
        failures = []
        for number, operation in enumerate(operations):
            if not operation.key and operation.verb != "delete-tree":
                failures.append(Failure(number, "Must provide key"))
            elif operation.verb == "lock" and self._sessions.is_delayed(operation.key):
                what = f"failed to lock key {quoted(operation.key)} due to lock delay"
                failures.append(Failure(number, what))
        return failures

    def _step(self, index: int, operation: Operation) -> list[dict[str, object]]:
        key = operation.key
        match operation.verb:
            case "get":
                return [_shown(self._existing(key, f"key {quoted(key)} doesn't exist").rendered)]
            case "get-tree":
                return [_shown(entry.rendered) for entry in self._store.tree(key)]
            case "check-not-exists":
                if self._store.get(key) is not None:
                    raise _Failed(f"key {quoted(key)} exists")
                return []
            case "check-index" | "check-session":
                return [_shown(self._checked(operation).rendered_without_value)]
            case "delete" | "delete-cas" | "delete-tree":
                self._delete(index, operation)
                return []
        return [_shown(self._written(index, operation).rendered_without_value)]

    def _checked(self, operation: Operation) -> Entry:
        name = quoted(operation.key)
        kind = operation.verb.removeprefix("check-")
        entry = self._existing(operation.key, f"failed to check {kind}, key {name} doesn't exist")
        if kind == "index" and entry.modify_index != operation.index:
            raise _Failed(
                f"failed index check for key {name}, "
                f"current modify index {entry.modify_index} != {operation.index}"
            )
        if kind == "session" and entry.session != operation.session:
            raise _Failed(
                f"failed session check for key {name}, "
                f"current session {quoted(entry.session)} != {quoted(operation.session)}"
            )
        return entry

    def _delete(self, index: int, operation: Operation) -> None:
        if operation.verb == "delete":
            self._store.delete(index, operation.key)
        elif operation.verb == "delete-tree":
            self._store.delete_tree(index, operation.key)
        elif not self._store.delete_if(index, operation.key, operation.index):
            raise _Failed(f"failed to delete key {quoted(operation.key)}, index is stale")

    def _written(self, index: int, operation: Operation) -> Entry:
        entry, name = operation.entry, quoted(operation.key)
        match operation.verb:
            case "set":
                return self._store.set(index, entry)
            case "cas":
                written = self._store.set_if(index, entry, operation.index)
                why = f"failed to set key {name}, index is stale"
            case "lock":
                written = self._sessions.lock(index, entry)
                why = f"failed to lock key {name}, lock is already held"
            case "unlock":
                written = self._sessions.unlock(index, entry)
                why = f"failed to unlock key {name}, lock isn't held, or is held by another session"
            case verb:
                raise _Failed(f"unknown KV verb {quoted(verb)}")
        if written is None:
            raise _Failed(why)
        return written

    def _existing(self, key: str, otherwise: str) -> Entry:
        entry = self._store.get(key)
        if entry is None:
            raise _Failed(otherwise)
        return entry


def _shown(rendered: dict[str, object]) -> dict[str, object]:
    return {"KV": rendered}


def quoted(text: str) -> str:
    """As Go's %q, for all that keys and verbs are made of."""
    return json.dumps(text, ensure_ascii=False)
