"""What Traefik's instances say, asked for in a thread of its own: one that hangs holds up nobody else.

The controller says who is to be asked and which generation it waits for; it reads what was answered
last. Both sides only ever replace whole immutable values.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, TypeVar

from swarm_operator.observed.errors import OutsideError
from swarm_operator.plan.routes import stamp
from swarm_operator.plan.routes.hiding import without_users
from swarm_operator.plan.routes.states import Seen
from swarm_operator.plan.routes.tree import PROTOCOLS, ObjectId, Value
from swarm_operator.plan.routes.tree import Protocol as RouteProtocol
from swarm_operator.runtime.ports import Clock
from swarm_operator.runtime.routes.server_states import ServerStates

Known = TypeVar("Known")

BEHIND_EVERY_S: Final = 0.1
"""Between two questions to an instance that is to show a new generation."""
BEHIND_LONG_S: Final = 15.0
"""After so long without it, it is asked no more often than the others."""
IDLE_EVERY_S: Final = 3.0
SILENT_EVERY_S: Final = 1.0


class TraefikPort(Protocol):
    """The API of one instance."""

    def get(self, base: str, path: str) -> Any:
        """The JSON at a path; None where there is no such thing. Raises Unavailable and Denied."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the controller asks for."""

    urls: Mapping[str, str] = field(default_factory=dict)
    """By the instance's name."""
    stamp: str = ""
    """Name of the middleware that shows the generation."""
    generation: str = ""
    services: Mapping[ObjectId, Value] = field(default_factory=dict)
    """The servers of each service in that generation; who is up among them is asked for."""


@dataclass(slots=True)
class TraefikInstances:
    """Asks each instance when it is due. `step` belongs to one thread."""

    port: TraefikPort
    clock: Clock
    on_change: Callable[[], None] = lambda: None
    """Called where an answer differs from the one before."""
    on_wish: Callable[[], None] = lambda: None
    """Called where there is something new to be asked."""
    _wanted: Wanted = field(default_factory=Wanted)
    _wanted_at: float = 0.0
    _seen: Mapping[str, Seen] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _current_at: Mapping[str, float] = field(default_factory=dict)
    """When each was seen last with the wanted generation."""
    _states: Mapping[str, ServerStates] = field(default_factory=dict)

    # --- for the controller -------------------------------------------------------------------------

    def want(self, wanted: Wanted) -> None:
        """Who is to be asked from now on, and for what."""
        if wanted == self._wanted:
            return
        self._wanted_at = self.clock.monotonic()
        self._wanted = wanted
        self.on_wish()

    @property
    def seen(self) -> Mapping[str, Seen]:
        """What each wanted instance said last; of one that was not asked yet an empty answer."""
        seen = self._seen
        return {name: seen.get(name, Seen()) for name in self._wanted.urls}

    def stamp_ages(self, now: float) -> dict[str, float]:
        """Seconds since each instance was last seen with what is written, by its node; of several on
        one node the oldest."""
        ages: dict[str, float] = {}
        for name in self._wanted.urls:
            node = name.partition(" ")[0]
            age_s = now - self._current_at.get(name, self._wanted_at)
            ages[node] = max(ages.get(node, 0.0), age_s)
        return ages

    # --- its own thread -----------------------------------------------------------------------------

    def step(self) -> float:
        """Ask who is due. Returns the monotonic time of the next step."""
        wanted = self._wanted
        now = self.clock.monotonic()
        self._due = {name: self._due.get(name, now) for name in wanted.urls}
        for name, url in wanted.urls.items():
            before = self._seen.get(name, Seen())
            if now < self._due_at(name, before, wanted):
                continue
            seen = self._ask(url, before, wanted)
            self._due[name] = self.clock.monotonic() + (
                SILENT_EVERY_S if seen.error else IDLE_EVERY_S
            )
            self._seen = _only(wanted, {**self._seen, name: seen})
            if seen.generation == wanted.generation and not seen.error:
                at = {**self._current_at, name: self.clock.monotonic()}
                self._current_at = _only(wanted, at)
            if replace(seen, answered_at=before.answered_at) != before:
                self.on_change()
            if seen.generation == wanted.generation and not seen.error:
                self._ask_of_servers(name, url, seen, wanted)
        every = [self._due_at(name, self._seen.get(name, Seen()), wanted) for name in wanted.urls]
        return min(every, default=now + 60.0)

    def _due_at(self, name: str, seen: Seen, wanted: Wanted) -> float:
        due = self._due.get(name, 0.0)
        is_behind = seen.generation != wanted.generation and not seen.error
        if is_behind and self.clock.monotonic() < self._wanted_at + BEHIND_LONG_S:
            return min(due, (seen.answered_at or 0.0) + BEHIND_EVERY_S)
        return due

    def _ask(self, url: str, before: Seen, wanted: Wanted) -> Seen:
        if not url:
            return replace(before, error="its address is not known")
        try:
            generation = ""
            if wanted.stamp:
                path = f"/api/http/middlewares/{wanted.stamp}@consul"
                generation = stamp.generation_in(self.port.get(url, path)) or ""
            is_new = generation != before.generation or before.is_silent
            version = _version(self.port.get(url, "/api/version")) if is_new else before.version
            is_current = generation == wanted.generation
            troubles = dict(self._troubles(url)) if is_current else before.troubles
        except OutsideError as error:
            return replace(before, error=str(error))
        now = self.clock.monotonic()
        is_other = generation != before.generation or before.answered_at is None
        since = now if is_other else before.since
        return replace(
            before,
            version=version,
            generation=generation,
            troubles=troubles,
            error="",
            answered_at=now,
            since=since,
        )

    def _ask_of_servers(self, name: str, url: str, seen: Seen, wanted: Wanted) -> None:
        """After the rest: nothing waits for it. A failure is the next question's to tell."""
        if name not in self._states:
            self._states = {**_only(wanted, self._states), name: ServerStates()}
        with contextlib.suppress(OutsideError):
            servers = self._states[name].ask(
                lambda path: self.port.get(url, path), seen.servers, wanted.services
            )
            if servers != seen.servers:
                self._seen = _only(wanted, {**self._seen, name: replace(seen, servers=servers)})
                self.on_change()

    def _troubles(self, url: str) -> Iterator[tuple[ObjectId, str]]:
        """Only what is disabled: what is not named there is as it was written."""
        for protocol in PROTOCOLS[:3]:
            for kind in ("routers", "services"):
                path = f"/api/{protocol}/{kind}?status=disabled&per_page=1000"
                answer = self.port.get(url, path)
                for item in answer if isinstance(answer, list) else ():
                    yield from _trouble(protocol, kind, item)


def _trouble(protocol: RouteProtocol, kind: str, item: Any) -> Iterator[tuple[ObjectId, str]]:
    if not isinstance(item, dict) or item.get("provider") != "consul":
        return
    name = str(item.get("name", "")).removesuffix("@consul")
    errors = item.get("error")
    said = [without_users(str(each)) for each in errors] if isinstance(errors, list) else []
    text = "; ".join(said) or "it is disabled"
    yield ObjectId(protocol, kind, name), text


def _version(answer: Any) -> str:
    return str(answer.get("Version", "")) if isinstance(answer, dict) else ""


def _only(wanted: Wanted, known: Mapping[str, Known]) -> Mapping[str, Known]:
    return {name: each for name, each in known.items() if name in wanted.urls}
