"""Watches the Docker Engine's events. They are hints: the lists are the truth.

Events get lost (a ring of 256, in memory), come late and come twice, so after every interruption
a full pass is asked for. The thread that reads only passes on: a reader that stops reading
delays the events of every client of that engine (moby's publisher waits for each).
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.events import SwarmEvent
from swarm_operator.watch.pace import Backoff
from swarm_operator.watch.worker import Worker

STEADY_S: Final = 5.0
"""A stream that lasted so long was a good one: the next attempt comes without much delay."""


class EventSource(Protocol):
    """What the watch reads from; no one else may use it, for `interrupt` ends all its calls."""

    def open(self, since_ns: int | None) -> Iterator[SwarmEvent]: ...

    def ping(self) -> None: ...

    def interrupt(self) -> None: ...


class DockerEvents:
    """Calls `on_event` for every event, from a thread of its own.

    `on_gap` is called each time that a stream was opened, with the reason: what happened before
    may have been missed, a full pass is wanted. `on_error` gets every loss of the stream, and
    every ping without an answer. `on_event` must only enqueue; no callback may raise.
    """

    def __init__(
        self,
        source: EventSource,
        on_event: Callable[[SwarmEvent], None],
        on_gap: Callable[[str], None],
        on_error: Callable[[OutsideError], None],
        *,
        ping_interval_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] | None = None,
    ) -> None:
        """A second thread pings the engine every `ping_interval_s`; where that fails, the stream
        is ended and opened anew, for a frozen engine never ends it by itself."""
        self._source = source
        self._on_event = on_event
        self._on_gap = on_gap
        self._on_error = on_error
        self._ping_interval_s = ping_interval_s
        self._clock = clock
        self._backoff = Backoff(rng or random.Random().random)  # noqa: S311 - jitter
        self._since_ns: int | None = None
        self._reason = "the first stream of events was opened"
        self.last_progress = clock()
        """Monotonic time when the engine last answered a ping, or sent an event."""
        self._reader = Worker("docker events", self._read, source.interrupt)
        self._heartbeat = Worker("docker heartbeat", self._beat, source.interrupt)

    def start(self) -> None:
        """Once only."""
        self._reader.start()
        self._heartbeat.start()

    @property
    def is_alive(self) -> bool:
        return self._reader.is_alive and self._heartbeat.is_alive

    def stop(self, timeout_s: float = 1.0) -> bool:
        """End both threads; False where they do not end in time (they are daemons)."""
        deadline = self._clock() + timeout_s
        self._reader.request_stop()
        self._heartbeat.request_stop()
        ended = [
            worker.join(max(0.0, deadline - self._clock()))
            for worker in (self._reader, self._heartbeat)
        ]
        return all(ended)

    def _read(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            opened_at = self._clock()
            try:
                self._follow()
            except OutsideError as error:
                if stopping.is_set():
                    return
                self._on_error(error)
                self._reason = f"the stream of events was opened again: {error}"
            if self._clock() - opened_at >= STEADY_S:
                self._backoff.reset()
            stopping.wait(self._backoff.next_delay_s())

    def _follow(self) -> None:
        events = self._source.open(self._since_ns)
        self.last_progress = self._clock()
        # Only now: whatever happens from here on is in the stream.
        self._on_gap(self._reason)
        for event in events:
            self.last_progress = self._clock()
            self._since_ns = max(self._since_ns or 0, event.time_ns)
            self._on_event(event)

    def _beat(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._ping_interval_s):
            try:
                self._source.ping()
            except OutsideError as error:
                if stopping.is_set():
                    return
                self._on_error(error)
                self._source.interrupt()
            else:
                self.last_progress = self._clock()
