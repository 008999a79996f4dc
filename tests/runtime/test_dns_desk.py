"""What an account's thread does not send: without the lease, in another's term, before it may."""

import itertools
from collections.abc import Callable

import pytest

from swarm_operator.observed.dns import Create, RrsetChange, RrsetKey
from swarm_operator.observed.dns_errors import Throttled, ZoneRefused
from swarm_operator.observed.errors import Conflict, LeaseLost, Unavailable
from swarm_operator.observed.kv import Fence
from swarm_operator.runtime.dns.account_desk import AccountDesk
from swarm_operator.runtime.dns.orders import Look, LookAt, Looked, Order, Result, Write, Written
from swarm_operator.simulation.timeline import Timeline
from tests.runtime.dns_lab import OTHER_ZONE, ZONE, FakeZones
from tests.runtime.fakes import FakeLease, FakeMetrics, TimelineClock

OURS = Fence("lock", "session", 1)
NUMBERS = itertools.count(1)


class Desk:
    """A desk, its provider and its lease."""

    def __init__(self) -> None:
        self.zones = FakeZones()
        self.lease = FakeLease(OURS)
        self.timeline = Timeline()
        self.desk = AccountDesk(
            "first",
            self.zones,
            (ZONE, OTHER_ZONE),
            lease=self.lease,
            clock=TimelineClock(self.timeline),
            metrics=FakeMetrics(),
            on_result=lambda: None,
            on_order=lambda: None,
        )

    def results(self, *orders: Order) -> list[Result]:
        """Of orders that are all there before the first is worked off."""
        for order in orders:
            self.desk.put(order)
        for _ in orders:
            self.desk.step()
        return self.desk.take()


def write(*names: str, zone: str = ZONE, fence: Fence = OURS) -> Write:
    changes = (
        RrsetChange(RrsetKey(zone, name, "A"), (Create("51.75.10.1", 60),), (), ("51.75.10.1",), 60)
        for name in names
    )
    return Write(next(NUMBERS), zone, tuple(changes), fence)


def look(*names: str, zone: str = ZONE, is_change: bool = True) -> Look:
    at = tuple(LookAt(name, ("A",), ()) for name in names)
    return Look(next(NUMBERS), zone, at, is_change)


@pytest.mark.parametrize("names", [("git",), ()])
def test_an_order_of_another_term_is_not_sent(names: tuple[str, ...]) -> None:
    """Who lost the lease and got it again decided it before another one wrote."""
    desk = Desk()
    (result,) = desk.results(write(*names, fence=Fence("lock", "session", 0)))
    assert isinstance(result, Written)
    assert not result.is_published
    assert desk.zones.calls == []
    (result,) = desk.results(write(*names))
    assert isinstance(result, Written)
    assert result.is_published


def test_who_lost_the_lease_after_the_last_change_publishes_nothing() -> None:
    """What another one is in the middle of would be published with it."""
    desk = Desk()
    desk.zones.after_call = lambda _call: desk.lease.lost("a test")
    (result,) = desk.results(write("git"))
    assert isinstance(result, Written)
    assert len(result.done) == 1
    assert isinstance(result.publish_error, LeaseLost)
    assert desk.zones.calls == [f"post {ZONE}"]


@pytest.mark.parametrize("later", [lambda: write("a", zone=OTHER_ZONE),
                                   lambda: write(zone=OTHER_ZONE),
                                   lambda: look("a", zone=OTHER_ZONE)])  # fmt: skip
def test_patience_that_a_provider_asks_for_holds_for_all_that_is_ordered(
    later: Callable[[], Order],
) -> None:
    desk = Desk()
    desk.zones.faults.append(("list", Throttled("status 429", 20.0), False))
    _, second = desk.results(look("git"), later())
    assert len(desk.zones.calls) == 1
    error = second.publish_error if isinstance(second, Written) else None
    assert isinstance(next(iter(second.errors.values()), error), Throttled)
    desk.timeline.advance(desk.timeline.now + 21)
    (result,) = desk.results(later())
    assert not result.errors


def test_patience_that_is_asked_for_by_the_publication_holds_too() -> None:
    desk = Desk()
    desk.zones.faults.append(("publish", Throttled("status 429", 20.0), False))
    desk.results(write("git"), look("a", zone=OTHER_ZONE))
    assert desk.zones.calls == [f"post {ZONE}", f"publish {ZONE}"]


def test_a_provider_that_is_away_is_asked_for_one_name_only() -> None:
    desk = Desk()
    desk.zones.always["list"] = Unavailable("status 500")
    (result,) = desk.results(look("a", "b", "c"))
    assert isinstance(result, Looked)
    assert set(result.errors) == {"a", "b", "c"}
    assert len(desk.zones.calls) == 1


def test_a_lease_that_is_lost_ends_the_whole_order() -> None:
    desk = Desk()
    desk.zones.after_call = lambda _call: desk.lease.lost("a test")
    (result,) = desk.results(write("a", "b", "c"))
    assert isinstance(result, Written)
    assert desk.zones.calls == [f"post {ZONE}"]
    assert len(result.errors) == 1


@pytest.mark.parametrize("error", [Unavailable("status 500"), Conflict("the record went away")])
def test_an_order_of_which_nothing_was_done_publishes_nothing(error: Exception) -> None:
    """Another hand's edit would be published with it."""
    desk = Desk()
    desk.zones.always["post"] = error
    (result,) = desk.results(write("git"))
    assert isinstance(result, Written)
    assert desk.zones.calls == [f"post {ZONE}"]


@pytest.mark.parametrize(
    "error", [Conflict("the record went away"), ZoneRefused("no such target", "Refused")]
)
def test_one_record_sets_trouble_holds_up_no_other(error: Exception) -> None:
    desk = Desk()
    desk.zones.faults.append(("post", error, False))
    order = write("a", "b")
    (result,) = desk.results(order)
    assert isinstance(result, Written)
    assert set(result.errors) == {order.changes[0].key}
    assert result.done == {order.changes[1].key}
    assert result.is_published
