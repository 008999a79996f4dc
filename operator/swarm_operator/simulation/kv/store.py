"""The keys with their raft indexes, and the tombstones that keep a prefix's index from sliding back.

After Consul's agent/consul/state/kvs.go, kvs_oss.go and graveyard.go.
"""

import base64
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from swarm_operator.simulation.kv.watches import END, Watches
from swarm_operator.simulation.timeline import Timeline

TOMBSTONE_TTL_S: Final = 15 * 60.0
TOMBSTONE_GRANULARITY_S: Final = 30.0
FIRST_INDEX: Final = 10
"""Of a Consul that has just elected its first leader, about."""


@dataclass(frozen=True)
class Entry:
    """One key as it is stored; a change makes a new one."""

    key: str
    value: bytes = field(repr=False)
    flags: int = 0
    session: str = ""
    lock_index: int = 0
    create_index: int = 0
    modify_index: int = 0

    def equals(self, other: "Entry") -> bool:
        """Consul's DirEntry.Equal: everything but the raft indexes."""
        return (
            self.value == other.value
            and self.flags == other.flags
            and self.session == other.session
            and self.lock_index == other.lock_index
            and self.key == other.key
        )

    @cached_property
    def rendered(self) -> dict[str, object]:
        """As the HTTP API shows it. Shared by all answers: change nothing in it."""
        return {**self.rendered_without_value, "Value": _base64(self.value)}

    @cached_property
    def rendered_without_value(self) -> dict[str, object]:
        """As the results of a transaction show it."""
        shown: dict[str, object] = {
            "LockIndex": self.lock_index,
            "Key": self.key,
            "Flags": self.flags,
            "Value": None,
        }
        if self.session:
            shown["Session"] = self.session
        return {**shown, "CreateIndex": self.create_index, "ModifyIndex": self.modify_index}


class KvStore:
    """All keys. Every change belongs to one raft index, given by `next_index`."""

    def __init__(self, timeline: Timeline, *, first_index: int = FIRST_INDEX) -> None:
        self.index = first_index
        """The raft index of the last write of any kind."""
        self.kv_index = 0
        """The raft index of the last write that changed a key (tables `kvs` and `tombstones`)."""
        self._timeline = timeline
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self._tombstones: dict[str, tuple[int, float]] = {}
        """By deleted key or prefix: the index, and until when it is kept."""
        self.watches = Watches(self._keys)
        self._touched: list[str] = []
        self._trees: list[str] = []
        self._undo: list[Callable[[], None]] | None = None

    def next_index(self) -> int:
        """Every write that goes through raft takes one, even where it changes nothing."""
        self.index += 1
        return self.index

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def tree(self, prefix: str) -> list[Entry]:
        """All entries below `prefix`, sorted by key."""
        first, last = self._span(prefix)
        entries = self._entries
        return [entries[key] for key in self._keys[first:last]]

    def keys(self, prefix: str = "") -> list[str]:
        """Sorted."""
        first, last = self._span(prefix)
        return self._keys[first:last]

    def key_index(self, key: str) -> int:
        """The index of a read of one key; of an absent key that of the whole KV."""
        entry = self._entries.get(key)
        return entry.modify_index if entry is not None else max(self.kv_index, 1)

    def tree_index(self, prefix: str) -> int:
        """The index of a read of a prefix: its newest key or tombstone, else the whole KV's."""
        newest = 0
        if prefix:
            newest = max([entry.modify_index for entry in self.tree(prefix)], default=0)
            for key, (index, until) in self._tombstones.items():
                if index > newest and key.startswith(prefix) and until > self._timeline.now:
                    newest = index
        return newest or max(self.kv_index, 1)

    def set(self, index: int, entry: Entry, *, keep_session: bool = True) -> Entry:
        """Write a key; an equal one stays untouched, with its index. Returns what is stored.

        A plain write keeps the session that holds the key, and takes its LockIndex from `entry`:
        Consul too sets it to 0 there.
        """
        old = self._entries.get(entry.key)
        session = entry.session
        if keep_session:
            session = old.session if old is not None else ""
        new = replace(
            entry,
            session=session,
            create_index=old.create_index if old is not None else index,
            modify_index=index,
        )
        if old is not None and old.equals(new):
            return old
        self._put(new)
        self.kv_index = index
        self._touched.append(new.key + END)
        return new

    def set_if(self, index: int, entry: Entry, wanted: int) -> Entry | None:
        """Compare-and-set: None where the key's ModifyIndex is not `wanted` (0: no such key)."""
        old = self._entries.get(entry.key)
        if wanted != (old.modify_index if old is not None else 0):
            return None
        return self.set(index, entry)

    def delete(self, index: int, key: str) -> None:
        """Nothing where there is no such key."""
        if key in self._entries:
            self._remove(key)
            self._bury(key, index)
            self.kv_index = index
            self._touched.append(key + END)

    def delete_if(self, index: int, key: str, wanted: int) -> bool:
        """Whether the key is gone now: an absent one is, whatever `wanted` says."""
        old = self._entries.get(key)
        if old is not None and old.modify_index != wanted:
            return False
        self.delete(index, key)
        return True

    def delete_tree(self, index: int, prefix: str) -> None:
        """One tombstone for all; none where everything goes."""
        doomed = self.keys(prefix)
        for key in doomed:
            self._remove(key)
        if doomed:
            if prefix:
                self._bury(prefix, index)
            self.kv_index = index
            self._trees.append(prefix)

    def committed(self) -> None:
        """The write is whole: wake those who wait for it."""
        if self._touched or self._trees:
            paths, trees = list(self._touched), list(self._trees)
            self._touched.clear()
            self._trees.clear()
            self.watches.written(paths, trees)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """Collects changes; the function that it gives takes all of them back."""
        kv_index = self.kv_index
        undo: list[Callable[[], None]] = []
        self._undo = undo

        def roll_back() -> None:
            for step in reversed(undo):
                step()
            undo.clear()
            self.kv_index = kv_index
            self._touched.clear()
            self._trees.clear()

        try:
            yield roll_back
        finally:
            self._undo = None

    def _span(self, prefix: str) -> tuple[int, int]:
        if not prefix:
            return 0, len(self._keys)
        first = bisect_left(self._keys, prefix)
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix[-1] < "\U0010ffff" else None
        if after is None:
            last = first
            while last < len(self._keys) and self._keys[last].startswith(prefix):
                last += 1
            return first, last
        return first, bisect_left(self._keys, after, first)

    def _put(self, entry: Entry) -> None:
        old = self._entries.get(entry.key)
        if old is None:
            insort(self._keys, entry.key)
        self._entries[entry.key] = entry
        if self._undo is not None:
            self._undo.append(
                (lambda: self._drop(entry.key)) if old is None else (lambda: self._restore(old))
            )

    def _remove(self, key: str) -> None:
        old = self._entries[key]
        self._drop(key)
        if self._undo is not None:
            self._undo.append(lambda: self._restore(old))

    def _drop(self, key: str) -> None:
        del self._entries[key]
        del self._keys[bisect_left(self._keys, key)]

    def _restore(self, entry: Entry) -> None:
        if entry.key not in self._entries:
            insort(self._keys, entry.key)
        self._entries[entry.key] = entry

    def _bury(self, key: str, index: int) -> None:
        # Reaped when the next one comes, not by timers: an idle world has no appointments.
        now = self._timeline.now
        for old_key in [k for k, (_, until) in self._tombstones.items() if until <= now]:
            del self._tombstones[old_key]
        old = self._tombstones.get(key)
        granules = now // TOMBSTONE_GRANULARITY_S + 1
        until = granules * TOMBSTONE_GRANULARITY_S + TOMBSTONE_TTL_S
        self._tombstones[key] = (index, until)
        if self._undo is not None:
            self._undo.append(lambda: self._unbury(key, old))

    def _unbury(self, key: str, old: tuple[int, float] | None) -> None:
        if old is None:
            del self._tombstones[key]
        else:
            self._tombstones[key] = old


def _base64(value: bytes) -> str | None:
    return base64.b64encode(value).decode("ascii") if value else None
