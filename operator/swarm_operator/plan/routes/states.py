"""How far each route has come: from what was written, and from what Traefik's instances say of it.

A write has a number. An instance that shows the generation of a write has applied it and all before it,
for Traefik reads all of its keys at once. So a route is live where every running instance has applied
the write that changed it last.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from swarm_operator.plan.routes.tree import ObjectId

THROTTLE_S: Final = 2.0
"""Traefik's default `providersThrottleDuration`: a change waits that long behind another."""
FROZEN_AFTER_S: Final = THROTTLE_S + 5.0
"""An instance that answers, and does not show a write for so long, does not take changes any more."""
UNSEEN_S: Final = THROTTLE_S + 1.0
"""Where no instance can be asked, a write is taken for applied after this time."""

FOREIGN_STAMP: Final = "the stamp is another hand's: see the conflict"


class State(StrEnum):
    """Of a route; the later ones matter more to people."""

    LIVE = "live"
    """Every running instance serves it as it was written."""
    PENDING = "pending"
    """Written; not every instance shows it yet."""
    UNKNOWN = "unknown"
    """Written; nobody can be asked."""
    DISABLED = "disabled"
    """Traefik refuses it, and says why."""
    FROZEN = "frozen"
    """Written; an instance takes no changes any more."""
    CONFLICT = "conflict"
    """Left alone: keys of another hand stand in its place."""
    REJECTED = "rejected"
    """Not written: it would not work, or break others."""


@dataclass(frozen=True, slots=True)
class ServersUp:
    """Of one service's servers, as an instance says it."""

    up: int
    all: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What an instance said when it was asked last."""

    version: str = ""
    generation: str = ""
    """Of the newest write that it has applied; empty where it shows none."""
    troubles: Mapping[ObjectId, str] = field(default_factory=dict)
    """Why objects are disabled, as Traefik says it."""
    servers: Mapping[ObjectId, ServersUp] = field(default_factory=dict)
    """By service, HTTP or TCP; without those that were not asked for, or do not say."""
    error: str = ""
    """Why it did not answer the last time; "" where it did."""
    answered_at: float | None = None
    """Monotonic seconds of its last answer."""
    since: float = 0.0
    """When it showed this generation first: one that has just started has time to read."""

    @property
    def is_silent(self) -> bool:
        return bool(self.error) or self.answered_at is None


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes so far that an instance may show."""

    number: int = 0
    """Of the newest."""
    written_at: float = 0.0
    """When it was made, monotonic seconds."""
    known: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Number and time by generation."""

    def next(self, generation: str, now: float) -> "Writes":
        """With one write more."""
        number = self.number + 1
        kept = sorted(self.known.items(), key=lambda item: item[1])[-_KEPT:]
        return Writes(number, now, {**dict(kept), generation: (number, now)})

    def applied(self, seen: Seen) -> int:
        """The number of the newest write that an instance has applied; -1: none of these.

        A generation may come again: an answer from before its newest write says nothing of that.
        """
        number, written_at = self.known.get(seen.generation, (-1, 0.0))
        is_newer = seen.answered_at is not None and seen.answered_at >= written_at
        return number if is_newer else -1


_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Instances:
    """All running instances of Traefik, and what they say."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    """By name; empty where nobody told of any."""
    is_stamp_ours: bool = True
    """Another hand's stamp looks the same on each, whatever that has applied."""

    def confirm(self, number: int, writes: Writes, now: float) -> bool:
        """Whether a write is applied by every running instance."""
        if self.seen and not self.is_stamp_ours:
            return False
        if not writes.known:
            return True  # nothing of ours is written: there is nothing to wait for
        if not self.seen:
            return now >= writes.written_at + UNSEEN_S or writes.number == 0
        return all(
            not seen.is_silent and writes.applied(seen) >= number for seen in self.seen.values()
        )

    def frozen(self, writes: Writes, now: float) -> Collection[str]:
        """Names of the instances that take no changes any more."""
        if not writes.known or not self.is_stamp_ours:
            return ()
        return tuple(
            name
            for name, seen in self.seen.items()
            if not seen.is_silent
            and writes.applied(seen) < writes.number
            and now >= max(writes.written_at, seen.since) + FROZEN_AFTER_S
        )

    def silent(self) -> Collection[str]:
        """Names of those that do not answer."""
        return tuple(name for name, seen in self.seen.items() if seen.is_silent)


@dataclass(frozen=True, slots=True)
class Standing:
    """A route's state, in a word and for people."""

    state: State
    message: str = ""


def standing(
    router: ObjectId,
    service: ObjectId | None,
    changed: int,
    instances: Instances,
    writes: Writes,
    now: float,
) -> Standing:
    """How far a written route has come; `changed` is the number of the write that changed it last."""
    if not instances.seen:
        return Standing(State.UNKNOWN, "no instance of Traefik is known, so nobody can be asked")
    if not instances.is_stamp_ours:
        return Standing(State.UNKNOWN, f"nobody can tell: {FOREIGN_STAMP}")
    silent = instances.silent()
    if len(silent) == len(instances.seen):
        return Standing(State.UNKNOWN, f"no answer from {_named(silent)}")
    behind = tuple(
        name
        for name, seen in instances.seen.items()
        if not seen.is_silent and writes.applied(seen) < changed
    )
    frozen = [name for name in instances.frozen(writes, now) if name in behind]
    if frozen:
        return Standing(State.FROZEN, f"{_named(frozen)} takes no changes any more")
    if behind:
        return Standing(State.PENDING, f"not seen yet on {_named(behind)}")
    for name, seen in instances.seen.items():
        trouble = seen.troubles.get(router) or (service and seen.troubles.get(service))
        if trouble and not seen.is_silent:
            return Standing(State.DISABLED, f"{name} says: {trouble}")
    if silent:
        return Standing(State.UNKNOWN, f"no answer from {_named(silent)}")
    return Standing(State.LIVE)


def _named(names: Collection[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
