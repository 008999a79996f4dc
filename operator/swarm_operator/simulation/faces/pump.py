"""Real time drives virtual time: the timelines of a world follow the clock of an asyncio loop."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from swarm_operator.simulation.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Paced:
    """A timeline, and how many of its seconds pass in one real second."""

    timeline: Timeline
    speed: float = 1.0


class Pump:
    """Owned by one loop: only its thread may touch the world.

    Nothing polls: between two turns the loop sleeps until the next appointment of a timeline.
    """

    def __init__(self, paced: Sequence[Paced], loop: asyncio.AbstractEventLoop) -> None:
        """Time begins to flow now, from wherever each timeline is."""
        self._loop = loop
        started = loop.time()
        self._clocks = [_Clock(each, started, each.timeline.now) for each in paced]
        self._alarm: asyncio.TimerHandle | None = None
        self._depth = 0
        self._stopped = False
        self._arm()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Everything that touches the world happens inside of one: it finds all timelines at the
        present, and what it brought about is on the alarm afterwards."""
        self._depth += 1
        try:
            if self._depth == 1:
                self._catch_up()
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._arm()

    def stop(self) -> None:
        """Time stands still from now on."""
        self._stopped = True
        self._disarm()

    def _catch_up(self) -> None:
        if not self._stopped:
            now = self._loop.time()
            for clock in self._clocks:
                clock.catch_up(now)

    def _arm(self) -> None:
        self._disarm()
        dues = [due for clock in self._clocks if (due := clock.next_due()) is not None]
        if dues and not self._stopped:
            self._alarm = self._loop.call_at(min(dues), self._ring)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        with self.turn():
            pass


class _Clock:
    """One timeline against the loop's time."""

    def __init__(self, paced: Paced, real: float, virtual: float) -> None:
        self._timeline = paced.timeline
        self._speed = paced.speed
        self._real = real
        self._virtual = virtual

    def catch_up(self, real: float) -> None:
        now = self._virtual + (real - self._real) * self._speed
        if now > self._timeline.now:
            self._timeline.advance(now)

    def next_due(self) -> float | None:
        """In the loop's time."""
        due = self._timeline.next_due()
        return None if due is None else self._real + (due - self._virtual) / self._speed
