"""The events that an engine derives from changes of the swarm (moby daemon/events.go).

Every manager has them, whoever leads. They are kept in a ring: what fell out of it is lost.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.networks import is_predefined
from swarm_operator.simulation.engine.records import (
    ConfigRecord,
    NetworkRecord,
    NodeRecord,
    Record,
    SecretRecord,
    ServiceRecord,
)
from swarm_operator.simulation.engine.references import name_of
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.timeline import Timeline

RING_SIZE: Final = 256
"""moby daemon/events, eventsLimit."""

Listener = Callable[[JsonObject], None]

_TYPES: Final[Mapping[type[Record], str]] = {
    ServiceRecord: "service",
    NodeRecord: "node",
    NetworkRecord: "network",
    SecretRecord: "secret",
    ConfigRecord: "config",
}
"""Tasks have no events."""

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


class EventRing:
    """The last 256 events, and who listens for those to come. Events are the API's JSON."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._ring: deque[JsonObject] = deque(maxlen=RING_SIZE)
        self._listeners: dict[int, Listener] = {}
        self._listener_count = 0

    def handle(self, change: Change) -> None:
        """Note one write of the store, and tell the listeners where it makes an event."""
        event = self._event(change)
        if event is None:
            return
        self._ring.append(event)
        for listener in list(self._listeners.values()):
            listener(event)

    def past(self, since_ns: int | None = None) -> list[JsonObject]:
        """What the ring still has, oldest first; from `since_ns` (of 1970) on, that one included."""
        return [e for e in self._ring if since_ns is None or e["timeNano"] >= since_ns]

    def forget(self) -> None:
        """The engine's process began anew: its ring is empty. Listeners stay."""
        self._ring.clear()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call it with every event from now on, within the step that makes it: it only notes.

        Returns what ends the subscription; that may be called twice.
        """
        self._listener_count += 1
        key = self._listener_count
        self._listeners[key] = listener

        def end() -> None:
            self._listeners.pop(key, None)

        return end

    def _event(self, change: Change) -> JsonObject | None:
        record = change.record
        kind = _TYPES.get(type(record))
        if kind is None or (isinstance(record, NetworkRecord) and not _has_events(record)):
            return None
        nanoseconds = self._nanoseconds()
        return {
            "Type": kind,
            "Action": _action(change),
            "Actor": {"ID": record.id, "Attributes": _attributes(change)},
            "scope": "swarm",
            "time": nanoseconds // 10**9,
            "timeNano": nanoseconds,
        }

    def _nanoseconds(self) -> int:
        start = self._timeline.utc(0.0) - _UNIX
        return start // timedelta(microseconds=1) * 1000 + round(self._timeline.now * 10**9)


def _has_events(network: NetworkRecord) -> bool:
    return network.is_swarm_scope and not is_predefined(network)


def _action(change: Change) -> str:
    if change.old is None:
        return "create"
    return "remove" if change.new is None else "update"


def _attributes(change: Change) -> dict[str, str]:
    old, new, record = change.old, change.new, change.record
    name = name_of(record)
    if isinstance(record, NodeRecord):
        name = record.name or record.hostname
    result = {"name": name}
    if isinstance(old, ServiceRecord) and isinstance(new, ServiceRecord):
        result |= _service_changes(old, new)
    if isinstance(old, NodeRecord) and isinstance(new, NodeRecord):
        result |= _node_changes(old, new)
    return result


def _service_changes(old: ServiceRecord, new: ServiceRecord) -> dict[str, str]:
    image, replicas = ("TaskTemplate", "ContainerSpec", "Image"), ("Mode", "Replicated", "Replicas")
    result = _change("image", dig(old.spec, *image), dig(new.spec, *image))
    if "Replicated" in new.spec["Mode"]:
        result |= _change("replicas", dig(old.spec, *replicas), dig(new.spec, *replicas))
    if new.update_status is not None:
        before = old.update_status.state if old.update_status is not None else None
        result |= _change("updatestate", before, new.update_status.state)
    return result


def _node_changes(old: NodeRecord, new: NodeRecord) -> dict[str, str]:
    result = _change("availability", old.availability, new.availability)
    result |= _change("role", old.role, new.role)
    result |= _change("state", old.state, new.state)
    if old.is_manager and new.is_manager:
        result |= _change("leader", str(old.is_leader).lower(), str(new.is_leader).lower())
        result |= _change("reachability", old.reachability, new.reachability)
    return result


def _change(name: str, old: object, new: object) -> dict[str, str]:
    """Both values where they differ; no old one where there was none."""
    if old == new:
        return {}
    before = {} if old is None else {f"{name}.old": str(old)}
    return {**before, f"{name}.new": str(new)}
