"""The stream of events: the ring, what is live, filters, times, ends."""

import json
from typing import Any

import pytest

from swarm_operator.observed.errors import Unavailable
from swarm_operator.simulation.api.event_stream import EventStream
from swarm_operator.simulation.api.message import ApiRequest
from swarm_operator.simulation.api.timestamps import epoch_ns, rfc3339
from swarm_operator.simulation.docker_events import EventFeed
from swarm_operator.simulation.docker_faults import FaultyWire, Refused
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.timeline import Timeline
from tests.simulation.api_desk import Desk, spec


@pytest.fixture
def desk() -> Desk:
    return Desk()


def subscribed(desk: Desk, filters: Any = None, **query: str) -> EventStream:
    if filters is not None:
        query["filters"] = json.dumps(filters)
    response = desk.api.handle(ApiRequest("GET", "/events", query=query))
    assert response.stream is not None
    return response.stream


def said(stream: EventStream) -> list[tuple[str, str, str]]:
    return [
        (event["Type"], event["Action"], event["Actor"]["Attributes"]["name"])
        for event in stream.take()
    ]


def clock(desk: Desk) -> str:
    """The engine's time now, as `since` wants it."""
    nanos = epoch_ns(desk.engine.timeline, desk.engine.timeline.now)
    return f"{nanos // 10**9}.{nanos % 10**9:09d}"


def test_without_since_only_what_is_to_come(desk: Desk) -> None:
    desk.create("before")
    stream = subscribed(desk)
    assert stream.take() == []
    desk.create("after")
    assert ("service", "create", "after") in said(stream)
    assert stream.take() == []
    assert not stream.is_over


def test_since_gives_what_was(desk: Desk) -> None:
    desk.create("one")
    desk.engine.advance(2)
    since = clock(desk)
    desk.create("two")
    assert ("service", "create", "two") in said(subscribed(desk, since=since))
    everything = said(subscribed(desk, since="0"))
    assert {name for kind, _, name in everything if kind == "service"} == {"one", "two"}
    assert not any(name == "one" for _, _, name in said(subscribed(desk, since=since)))


def test_until_the_past_ends_at_once(desk: Desk) -> None:
    desk.create("one")
    desk.engine.advance(1)
    stream = subscribed(desk, since="0", until=clock(desk))
    desk.engine.advance(1)
    assert ("service", "create", "one") in said(subscribed(desk, since="0", until=clock(desk)))
    assert stream.take() != []
    past = subscribed(desk, since="0", until="1")
    assert (past.take(), past.is_over) == ([], True)


def test_until_the_future_ends_in_time(desk: Desk) -> None:
    now = epoch_ns(desk.engine.timeline, desk.engine.timeline.now) / 1e9
    stream = subscribed(desk, until=f"{now + 5:.3f}")
    told: list[bool] = []
    stream.on_ready(lambda: told.append(stream.is_over))
    desk.create("early")
    desk.engine.advance(4)
    before = list(told)
    desk.engine.advance(2)
    assert (set(before), told[-1]) == ({False}, True)
    desk.create("late")
    assert {name for kind, _, name in said(stream) if kind == "service"} == {"early"}


@pytest.mark.parametrize(
    ("filters", "kinds"),
    [
        ({"type": ["service"]}, {"service"}),
        ({"type": ["service", "config"]}, {"service", "config"}),
        ({"scope": ["swarm"], "type": ["config"]}, {"config"}),
        ({"scope": ["local"]}, set()),
        ({"service": ["web"]}, {"service"}),
        ({"service": ["we"]}, {"service"}),
        ({"config": ["conf"]}, {"config"}),
        ({"label": ["team"]}, set()),
        ({"image": ["x"]}, set()),
        ({"foo": ["x"]}, {"service", "config"}),
    ],
)
def test_filters(desk: Desk, filters: Any, kinds: set[str]) -> None:
    stream = subscribed(desk, filters)
    desk.create("web")
    desk.post("/configs/create", {"Name": "conf", "Data": "aGk="})
    assert {kind for kind, _, _ in said(stream)} - {"node"} == kinds


def test_an_update_says_what_changed(desk: Desk) -> None:
    desk.create()
    stream = subscribed(desk, {"type": ["service"], "event": ["update"]})
    version = str(desk.get("/services/web")["Version"]["Index"])
    desk.post("/services/web/update", spec(replicas=3), version=version)
    event = stream.take()[0]
    assert event["Actor"]["Attributes"] == {
        "name": "web",
        "replicas.old": "1",
        "replicas.new": "3",
    }


def test_the_ring_forgets(desk: Desk) -> None:
    for number in range(300):
        desk.post("/configs/create", {"Name": f"c{number}", "Data": "aGk="})
    kept = said(subscribed(desk, since="0"))
    assert len(kept) == 256
    assert kept[-1] == ("config", "create", "c299")


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_that_is_none(desk: Desk, name: str) -> None:
    refused = desk.refusal("GET", "/events", **{name: "abc"})
    assert refused == (500, 'strconv.ParseInt: parsing "abc": invalid syntax')


def test_an_end_before_the_beginning(desk: Desk) -> None:
    refused = desk.refusal("GET", "/events", since="5", until="2")
    assert refused == (400, "`since` time (5) cannot be after `until` time (2)")


def test_a_closed_stream_hears_nothing(desk: Desk) -> None:
    stream = subscribed(desk)
    stream.close()
    stream.close()
    desk.create()
    assert (stream.take(), stream.is_over) == ([], True)


def test_streams_end_with_the_engine(desk: Desk) -> None:
    stream, other = subscribed(desk), subscribed(desk)
    desk.api.end_streams()
    assert stream.is_over
    assert other.is_over
    assert not subscribed(desk).is_over


def test_a_worker_has_no_events_of_the_swarm(desk: Desk) -> None:
    stream = desk.ask_worker("GET", "/events", since="0").stream
    assert stream is not None
    desk.create()
    assert stream.take() == []


def test_a_feed_in_virtual_time(desk: Desk) -> None:
    wire = FaultyWire(DirectWire(desk.api, desk.engine), desk.engine.timeline)
    feed = EventFeed(wire)
    assert feed.take() == ([], True)
    desk.create("web")
    events, may_miss = feed.take()
    assert ("service", "create", "web") in {(e.kind, e.action, e.name) for e in events}
    assert not may_miss
    wire.end_streams()
    desk.create("between")
    wire.once(Refused(), path="/events")
    with pytest.raises(Unavailable, match="nothing listens"):
        feed.take()
    events, may_miss = feed.take()
    assert may_miss
    assert "between" in {event.name for event in events}
    feed.close()


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "2026-01-01T00:00:00Z"),
        (0.1, "2026-01-01T00:00:00.1Z"),
        (61.000000001, "2026-01-01T00:01:01.000000001Z"),
        (86_400.123456789, "2026-01-02T00:00:00.123456789Z"),
        (1_000_000.5, "2026-01-12T13:46:40.5Z"),
    ],
)
def test_times_are_written_as_go_does(at: float, text: str) -> None:
    assert rfc3339(Timeline(), at) == text
