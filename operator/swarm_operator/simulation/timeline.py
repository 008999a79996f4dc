"""Virtual time: what is due when. Nothing here knows of clocks; whoever drives the world moves time."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of day at second 0, unless the world says otherwise."""


@dataclass(slots=True)
class Timer:
    """One appointment; `cancel` takes it back."""

    due: float
    call: Callable[[], None] | None = field(repr=False)

    def cancel(self) -> None:
        self.call = None

    @property
    def is_pending(self) -> bool:
        return self.call is not None


class Timeline:
    """Seconds since the beginning of the world, and the appointments ahead, in order."""

    def __init__(self, *, start: datetime = EPOCH) -> None:
        self.now = 0.0
        self._start = start
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Timer]] = []

    def utc(self, at: float | None = None) -> datetime:
        """The time of day of this world, now or at a second of it. To the microsecond."""
        return self._start + timedelta(seconds=self.now if at is None else at)

    def after(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Call it `delay_s` seconds from now: never at once, even for 0. Equal times in order made."""
        timer = Timer(self.now + max(0.0, delay_s), call)
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        return timer

    def next_due(self) -> float | None:
        """When the next appointment is; None where there is none."""
        while self._heap and not self._heap[0][2].is_pending:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def advance(self, until: float) -> None:
        """Keep all appointments up to and including `until`, each at its own time."""
        while (due := self.next_due()) is not None and due <= until:
            timer = heapq.heappop(self._heap)[2]
            call, timer.call = timer.call, None
            self.now = max(self.now, due)
            if call is not None:
                call()
        self.now = max(self.now, until)
