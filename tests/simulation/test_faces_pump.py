"""Real time drives virtual time, without polling."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from swarm_operator.simulation.faces.pump import Paced, Pump
from swarm_operator.simulation.timeline import Timeline


class FakeLoop:
    """The clock and the alarm of a loop; time moves when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.alarms: list[tuple[float, Handle]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> "Handle":
        handle = Handle(call)
        self.alarms.append((when, handle))
        return handle

    @property
    def pending(self) -> list[float]:
        return [when for when, handle in self.alarms if not handle.cancelled]

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [pair for pair in self.alarms if not pair[1].cancelled and pair[0] <= end]:
            when, handle = min(due, key=lambda pair: pair[0])
            handle.cancelled = True
            self.now = max(self.now, when)
            handle.call()
        self.now = end


class Handle:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def pump(loop: FakeLoop, *paced: Paced) -> Pump:
    return Pump(paced, loop)  # type: ignore[arg-type]


def test_an_appointment_is_kept_at_its_time() -> None:
    timeline, loop, kept = Timeline(), FakeLoop(), []
    timeline.after(3.0, lambda: kept.append(timeline.now))
    pump(loop, Paced(timeline))
    loop.pass_time(2.9)
    assert kept == []
    loop.pass_time(0.2)
    assert kept == [3.0]


def test_nothing_wakes_the_loop_where_nothing_is_due() -> None:
    timeline, loop = Timeline(), FakeLoop()
    made = pump(loop, Paced(timeline))
    loop.now += 10.0
    with made.turn():
        assert timeline.now == pytest.approx(10.0)
    assert loop.pending == []


def test_a_turn_finds_the_present_and_its_appointments_are_kept() -> None:
    timeline, loop, kept = Timeline(), FakeLoop(), []
    made = pump(loop, Paced(timeline))
    loop.now += 5.0
    with made.turn():
        timeline.after(1.0, lambda: kept.append(timeline.now))
    assert loop.pending == [106.0]
    loop.pass_time(1.0)
    assert kept == [6.0]


def test_an_earlier_appointment_takes_the_alarm_over() -> None:
    timeline, loop = Timeline(), FakeLoop()
    timeline.after(50.0, lambda: None)
    made = pump(loop, Paced(timeline))
    with made.turn():
        timeline.after(1.0, lambda: None)
    assert loop.pending == [101.0]


def test_each_timeline_has_its_speed() -> None:
    fast, slow, loop = Timeline(), Timeline(), FakeLoop()
    kept: list[tuple[str, float]] = []
    fast.after(8.0, lambda: kept.append(("fast", loop.now)))
    slow.after(1.0, lambda: kept.append(("slow", loop.now)))
    pump(loop, Paced(fast, 4.0), Paced(slow))
    loop.pass_time(3.0)
    assert kept == [("slow", 101.0), ("fast", 102.0)]


def test_a_turn_inside_of_a_turn_is_the_same_turn() -> None:
    timeline, loop = Timeline(), FakeLoop()
    made = pump(loop, Paced(timeline))
    with made.turn():
        with made.turn():
            timeline.after(1.0, lambda: None)
        assert loop.pending == []
    assert loop.pending == [101.0]


def test_time_stands_still_after_stop() -> None:
    timeline, loop, kept = Timeline(), FakeLoop(), []
    timeline.after(1.0, lambda: kept.append(1))
    made = pump(loop, Paced(timeline))
    made.stop()
    loop.pass_time(10.0)
    with made.turn():
        pass
    assert kept == []
    assert timeline.now == 0.0


def test_with_a_real_loop() -> None:
    timeline = Timeline()

    async def play() -> float:
        rung = asyncio.Event()
        timeline.after(0.5, rung.set)
        made = Pump([Paced(timeline, 10.0)], asyncio.get_running_loop())
        await within(rung.wait(), 2.0)
        made.stop()
        return timeline.now

    assert asyncio.run(play()) == pytest.approx(0.5, abs=0.4)


async def within(what: Awaitable[object], seconds: float) -> None:
    await asyncio.wait_for(what, seconds)
