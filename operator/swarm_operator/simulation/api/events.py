"""The stream of events (moby's daemon/events, daemon/events/filter.go)."""

import re
from collections.abc import Callable
from typing import Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.event_subscription import EventSubscription
from swarm_operator.simulation.api.filters import Filters
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.timestamps import epoch_ns
from swarm_operator.simulation.engine.errors import ApiError

_SECOND_NS: Final = 10**9
_NAMED_KINDS: Final = (
    "daemon",
    "container",
    "plugin",
    "volume",
    "network",
    "node",
    "service",
    "secret",
    "config",
)
_TIME: Final = re.compile(r"(-?\d+)(?:\.(\d*))?")


def stream(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    """What was since `since`, out of the ring, and what is to come until `until`."""
    since_ns, until_ns = _time_ns(request, "since"), _time_ns(request, "until")
    if until_ns is not None and until_ns < (since_ns or 0):
        since, until = request.query.get("since", ""), request.query["until"]
        raise ApiError(400, f"`since` time ({since}) cannot be after `until` time ({until})")
    is_chosen = _chooser(Filters.parse(request.query.get("filters", "")))
    timeline = backend.model.timeline
    now_ns = epoch_ns(timeline, timeline.now)
    past: list[JsonObject] = []
    if since_ns is not None or until_ns is not None:
        past = [
            event
            for event in backend.past_events(since_ns)
            if (until_ns is None or event["timeNano"] <= until_ns) and is_chosen(event)
        ]
    subscription = EventSubscription(past)
    if until_ns is not None and until_ns < now_ns:
        subscription.finish()
        return ApiResponse(200, stream=subscription)
    backend.follow(subscription, is_chosen)
    if until_ns is not None:
        timer = timeline.after((until_ns - now_ns) / _SECOND_NS, subscription.finish)
        subscription.at_end(timer.cancel)
    return ApiResponse(200, stream=subscription)


def _chooser(filters: Filters) -> Callable[[JsonObject], bool]:
    def is_chosen(event: JsonObject) -> bool:
        actor = event["Actor"]
        attributes = actor["Attributes"]
        names = (actor["ID"], attributes.get("name", ""))
        return (
            filters.is_one_of("event", event["Action"])
            and filters.is_one_of("type", event["Type"])
            and filters.is_one_of("scope", event["scope"])
            and filters.has_labels("label", attributes)
            and filters.is_one_of("image", "")
            # By whatever kind a name is asked for, every event is measured against it.
            and all(filters.is_near(kind, names) for kind in _NAMED_KINDS)
        )

    return is_chosen


def _time_ns(request: ApiRequest, name: str) -> int | None:
    """Seconds, with nanoseconds after a point; None where it is not given."""
    text = request.query.get(name, "")
    if not text:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise ApiError(500, f'strconv.ParseInt: parsing "{text}": invalid syntax')
    fraction = (match[2] or "")[:9].ljust(9, "0")
    return int(match[1]) * _SECOND_NS + int(fraction)
