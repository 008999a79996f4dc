"""What the controller of names asks of an account's thread, and what comes back: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from swarm_operator.observed.dns import Record, RrsetChange, RrsetKey
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import Fence


class LookAt(NamedTuple):
    """A name whose records are to be read."""

    name: str
    types: tuple[str, ...]
    beside: tuple[str, ...]
    """Types that may not stand beside these: read where a record would have to be made."""


@dataclass(frozen=True, slots=True)
class Look:
    """Read some names of a zone."""

    number: int
    zone: str
    names: tuple[LookAt, ...]
    is_change: bool = False
    """Names that are to change; else they are only looked after, and changes go first."""


@dataclass(frozen=True, slots=True)
class Write:
    """Change record sets of a zone, then have it served. Without a change it is only that."""

    number: int
    zone: str
    changes: tuple[RrsetChange, ...]
    fence: Fence
    """Under which it was decided: under another nothing is sent."""


Order: TypeAlias = Look | Write


@dataclass(frozen=True, slots=True)
class Looked:
    """What a `Look` found: the records of each name, or why they could not be read. Of names that made
    way for a change neither."""

    order: Look
    records: Mapping[str, tuple[Record, ...]]
    errors: Mapping[str, OutsideError]
    calls: int


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a `Write`."""

    order: Write
    done: frozenset[RrsetKey]
    errors: Mapping[RrsetKey, OutsideError]
    """Of changes that were refused, or of which nobody knows how far they came. The rest was not sent."""
    is_published: bool
    publish_error: OutsideError | None
    calls: int


Result: TypeAlias = Looked | Written
