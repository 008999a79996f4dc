"""How much of the swarm is read, and when: what changed, what moves, and the rest at its time."""

import random
from dataclasses import replace

import pytest

from swarm_operator.observed.swarm import Swarm
from swarm_operator.runtime.inbox import Inbox
from swarm_operator.runtime.observer import FULL_EVERY_S, IDLE_EVERY_S, SOME_AT_MOST, Observer, Pace
from tests.laws.worlds import bare_service
from tests.runtime.bench import Bench, one
from tests.simulated_swarm import SimulatedSwarm


class SlowSwarm(SimulatedSwarm):
    """Every look at everything takes so many seconds."""

    takes_s: float = 0.0

    def read(self) -> Swarm:
        self.advance(self.takes_s)
        return super().read()

    def read_progress(self, last: Swarm, services: frozenset[str] = frozenset()) -> Swarm:
        self.advance(0.0 if services else self.takes_s)
        return super().read_progress(last, services)


@pytest.fixture
def swarm() -> SlowSwarm:
    swarm = SlowSwarm()
    for number in range(SOME_AT_MOST + 1):
        swarm.create_service(bare_service(f"service{number}", {}))
    swarm.settle()
    return swarm


@pytest.fixture
def observer(swarm: SlowSwarm) -> Observer:
    made = Observer(swarm, random.Random(1), swarm.monotonic)
    made.observe(0.0)
    made.set_moving(moving=False)
    made.observe(0.6)
    return made


def _ids(observer: Observer, number: int) -> frozenset[str]:
    assert observer.snapshot is not None
    return frozenset(service.id for service in observer.snapshot.services[:number])


def _names(observer: Observer, number: int) -> list[str]:
    assert observer.snapshot is not None
    return [service.name for service in observer.snapshot.services[:number]]


def _reads(swarm: SimulatedSwarm) -> tuple[int, int, int]:
    """Full passes, looks at everything, looks at some services."""
    return swarm.reads, swarm.progress_reads - swarm.partial_reads, swarm.partial_reads


def test_an_updated_service_is_looked_at_by_itself(observer: Observer, swarm: SlowSwarm) -> None:
    before = _reads(swarm)
    for name in _names(observer, 2):
        swarm.scale(name, 3)
    observer.mark_changed(_ids(observer, 1))
    assert observer.next_at() == pytest.approx(0.65)
    seen = observer.observe(0.65)
    assert [seen.services[number].spec["Mode"]["Replicated"]["Replicas"] for number in (0, 1)] == [
        3,
        1,
    ]
    tasks = seen.tasks_by_service[seen.services[0].id]
    assert sum(task.is_live for task in tasks) == 3
    assert _reads(swarm) == (before[0], before[1], before[2] + 1)
    assert observer.next_at() > 5


def test_after_our_own_update_there_is_no_gap(observer: Observer, swarm: SlowSwarm) -> None:
    observer.observe(0.6)
    observer.mark_changed(_ids(observer, 1), at_once=True)
    assert observer.next_at() <= 0.6
    before = _reads(swarm)
    observer.observe(0.6)
    assert _reads(swarm) == (before[0], before[1], before[2] + 1)


def test_a_service_that_was_never_seen_takes_a_full_pass(
    observer: Observer, swarm: SlowSwarm
) -> None:
    before = _reads(swarm)
    observer.mark_changed(_ids(observer, 1) | {"new"})
    observer.observe(0.7)
    assert _reads(swarm) == (before[0] + 1, before[1], before[2])


def test_many_updated_services_take_a_look_at_everything(
    observer: Observer, swarm: SlowSwarm
) -> None:
    before = _reads(swarm)
    observer.mark_changed(_ids(observer, SOME_AT_MOST + 1))
    observer.observe(0.7)
    assert _reads(swarm) == (before[0], before[1] + 1, before[2])


def test_a_look_at_some_is_never_fresh(observer: Observer) -> None:
    """What is removed was missed by a full pass of this very moment, and nothing happened since."""
    observer.mark_dirty(at_once=True)
    observer.observe(1.0)
    assert observer.is_fresh(1.0)
    observer.mark_changed(_ids(observer, 1), at_once=True)
    assert not observer.is_fresh(1.0)
    observer.observe(1.0)
    observer.mark_changed(_ids(observer, 1), at_once=True)
    observer.observe(2.0)
    assert not observer.is_fresh(2.0)


def test_what_moves_is_looked_at_often_and_the_rest_at_its_time(
    observer: Observer, swarm: SlowSwarm
) -> None:
    before, now = _reads(swarm), 0.6
    while now < 60.0:
        observer.set_moving(moving=True, services=_ids(observer, 3))
        swarm.scale(_names(observer, 1)[0], random.Random(now).randint(1, 5))
        observer.observe(now)
        now = observer.next_at()
    full, whole, some = (after - b for after, b in zip(_reads(swarm), before, strict=True))
    assert full == 0
    assert 8 <= whole <= 12, "everything is looked at every five seconds, as if all was still"
    assert 90 <= some <= 120


def test_events_of_others_never_put_off_the_look_at_what_moves(
    observer: Observer, swarm: SlowSwarm
) -> None:
    assert observer.snapshot is not None
    other, mover = observer.snapshot.services[:2]
    observer.set_moving(moving=True, services=frozenset({mover.id}))
    swarm.engine.control.remove_service(mover.id)
    for tick in range(1, 20):
        observer.mark_changed(frozenset({other.id}))
        observer.observe(0.6 + 0.2 * tick)
    assert mover.id not in observer.snapshot.services_by_id


def test_looks_at_some_never_put_off_the_full_pass(observer: Observer, swarm: SlowSwarm) -> None:
    assert observer.snapshot is not None
    (mover, *_) = observer.snapshot.services
    swarm.takes_s = 0.3
    observer.observe(100.0)
    swarm.takes_s = 0.0
    observer.set_moving(moving=True, services=frozenset({mover.id}))
    observer.mark_dirty()
    full = swarm.reads
    for tick in range(1, 20):
        observer.mark_changed(frozenset({mover.id}))
        observer.observe(100.0 + 0.2 * tick)
    assert swarm.reads == full + 1


def test_the_end_of_a_move_asks_for_no_look_at_everything(
    observer: Observer, swarm: SlowSwarm
) -> None:
    observer.set_moving(moving=True, services=_ids(observer, 1))
    observer.observe(1.2)
    before = _reads(swarm)
    observer.set_moving(moving=False)
    assert observer.next_at() == pytest.approx(0.6 + IDLE_EVERY_S)
    observer.observe(5.5)
    assert _reads(swarm) == before


@pytest.mark.parametrize(("takes_s", "every_s"), [(0.0, 5.0), (0.2, 5.0), (0.5, 10.0), (60, 30.0)])
def test_a_costly_look_comes_more_seldom(swarm: SlowSwarm, takes_s: float, every_s: float) -> None:
    observer = Observer(swarm, random.Random(1), swarm.monotonic)
    swarm.takes_s = takes_s
    observer.observe(0.0)
    observer.set_moving(moving=False)
    observer.observe(0.5)
    observer.observe(observer.next_at())
    looked_at = observer._read_at
    assert observer.next_at() == pytest.approx(looked_at + every_s)


@pytest.mark.parametrize(("takes_s", "gap_s"), [(0.0, 0.05), (0.3, 0.6), (9.0, 2.0)])
def test_a_costly_pass_is_not_repeated_for_each_event(
    swarm: SlowSwarm, takes_s: float, gap_s: float
) -> None:
    observer = Observer(swarm, random.Random(1), swarm.monotonic)
    swarm.takes_s = takes_s
    observer.observe(0.0)
    observer.mark_dirty()
    assert observer.next_at() == pytest.approx(gap_s)
    observer.mark_dirty(at_once=True)
    assert observer.next_at() == 0.0, "after a write of our own it is"


def test_a_full_pass_comes_in_spite_of_looks_at_some(observer: Observer, swarm: SlowSwarm) -> None:
    before, now = _reads(swarm), 1.0
    while now < 3 * FULL_EVERY_S * 1.1:
        observer.mark_changed(_ids(observer, 1))
        observer.observe(now)
        now += 1.0
    assert _reads(swarm)[0] - before[0] == 3


def test_what_is_known_of_the_rest_is_kept(observer: Observer, swarm: SlowSwarm) -> None:
    """The very same objects: nothing else is planned or judged anew."""
    before = observer.observe(0.6)
    observer.mark_changed(_ids(observer, 1))
    after = observer.observe(0.7)
    for part in ("services", "tasks", "nodes", "networks", "configs", "secrets"):
        assert getattr(after, part) is getattr(before, part)
    assert after == replace(before, taken_at=after.taken_at)
    assert swarm.partial_reads == 1


def test_the_inbox_tells_updated_services_apart() -> None:
    inbox = Inbox()
    inbox.put_service_change("a")
    inbox.put_service_change("b")
    wake = inbox.take(0.0)
    assert (wake.swarm_changed, wake.services_changed) == (False, frozenset({"a", "b"}))
    assert inbox.take(0.0).services_changed == frozenset()


def test_a_change_of_one_service_is_followed_without_a_full_pass() -> None:
    bench = Bench()
    bench.push("shop", one("one"))
    bench.push("blog", one("one"))
    bench.run(30)
    before = _reads(bench.swarm)
    bench.push("shop", one("two"))
    bench.run(1)
    assert bench.status("shop").state == "Reconciling"
    bench.run(11)
    assert bench.status("shop").state == "Ready"
    full, whole, some = (after - b for after, b in zip(_reads(bench.swarm), before, strict=True))
    assert full == 0
    assert whole <= 3, "by time alone"
    assert 2 <= some <= 24


def test_another_pace_looks_more_often_and_does_not_tire(swarm: SlowSwarm) -> None:
    pace = Pace(idle_every_s=2.0, moving_every_s=0.25, growth=1.0, idle_share=30.0)
    observer = Observer(swarm, random.Random(1), swarm.monotonic, pace)
    observer.observe(0.0)
    observer.set_moving(True, _ids(observer, 1))
    now = 0.0
    for _ in range(20):
        assert observer.next_at() <= now + 0.25 + 1e-9
        now = observer.next_at()
        observer.observe(now)
    observer.set_moving(moving=False)
    observer.observe(observer.next_at())
    assert observer.next_at() <= now + 4.0 + 1e-9


def test_a_pace_gives_a_large_swarm_more_rest(swarm: SlowSwarm) -> None:
    swarm.takes_s = 0.5
    observer = Observer(swarm, random.Random(1), swarm.monotonic, Pace(2.0, 0.25, 1.0, 30.0))
    observer.observe(0.0)
    observer.set_moving(moving=False)
    now = observer.next_at()
    observer.observe(now)
    assert observer.next_at() == pytest.approx(now + 15.0)
