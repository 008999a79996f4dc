"""The KV: a part of it as one immutable snapshot, and the operations of a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KvEntry:
    """One key's value and the raft indexes that Consul keeps with it."""

    value: bytes = field(repr=False)
    modify_index: int
    create_index: int = 0
    flags: int = 0
    session: str | None = None


@dataclass(frozen=True, slots=True)
class KvTree:
    """All keys below a prefix, as one answer gave them.

    Keys are relative to the prefix. `index` is the answer's raft index.
    """

    index: int
    entries: Mapping[str, KvEntry]


@dataclass(frozen=True, slots=True)
class Put:
    """Set a key. `index` makes it a compare-and-set: 0 means that the key must not exist."""

    key: str
    value: bytes = field(repr=False)
    index: int | None = None
    flags: int = 0
    """64 bits that Consul keeps beside the value. A write without them sets them to 0."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a key. `index` makes it a compare-and-set."""

    key: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteTree:
    """Delete all keys that begin with a prefix (give it the closing slash)."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Holds where the key's ModifyIndex is still this one (0: the key does not exist)."""

    key: str
    index: int


KvOperation = Put | Delete | DeleteTree | Unchanged


@dataclass(frozen=True, slots=True)
class Fence:
    """The proof that makes a KV write ours: the lock's key and the session that holds it."""

    key: str
    session: str
    term: int = 0
    """Counts how often the holder took the lock: two terms may share a session."""
