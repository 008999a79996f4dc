"""What every controller's thread does: wait for news, or for what is due; take a step; keep count of it.

A controller itself is a synchronous `step`: it holds no thread, so that virtual time can drive it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from swarm_operator.runtime.inbox import Inbox
from swarm_operator.runtime.ports import Clock, Metrics

_LONGEST_WAIT_S: Final = 60.0
_AFTER_A_DEFECT_S: Final = 5.0

News = TypeVar("News")


@dataclass(frozen=True, slots=True)
class Steps:
    """Takes steps for a controller. A defect in one is told and counted, and ends nothing."""

    controller: str
    """The label of its metrics."""
    clock: Clock
    log: Any
    metrics: Metrics

    def guarded(self, what: str, step: Callable[[], float]) -> float:
        """Take one of a controller's lesser steps; returns the monotonic time of the next one."""
        return self._tried(what, step, ())[0]

    def counted(
        self,
        what: str,
        step: Callable[[], float],
        *,
        passed_on: tuple[type[Exception], ...] = (),
        went_well: Callable[[], bool] = lambda: True,
    ) -> float:
        """Take a step, with its result and duration; returns the monotonic time of the next one.

        `passed_on` are errors that the caller knows what to do with; they count as errors too.
        `went_well` is asked after a step that returned. `what` names the work, for the log.
        """
        started = self.clock.monotonic()
        is_fine = False
        try:
            due, is_fine = self._tried(what, step, passed_on)
            is_fine = is_fine and went_well()
            return due
        finally:
            controller, took_s = self.controller, self.clock.monotonic() - started
            result = "success" if is_fine else "error"
            self.metrics.count("reconcile_total", {"controller": controller, "result": result})
            self.metrics.observe("reconcile_duration_seconds", {"controller": controller}, took_s)

    def _tried(
        self, what: str, step: Callable[[], float], passed_on: tuple[type[Exception], ...]
    ) -> tuple[float, bool]:
        try:
            return step(), True
        except passed_on:
            raise
        except Exception as error:
            told = f"{what} failed; this is a defect of the operator"
            self.log.exception(told)
            labels = {"controller": self.controller, "reason": type(error).__name__}
            self.metrics.count("reconcile_errors_total", labels)
            return self.clock.monotonic() + _AFTER_A_DEFECT_S, False


class ControllerLoop(Generic[News]):
    """One thread. `step` must not raise: `Steps` sees to that."""

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        wait: Callable[[float], News],
        wake: Callable[[], object],
        step: Callable[[News], float],
    ) -> None:
        """`wait` returns what came, after so many seconds at most; `wake` ends it at once, or the next one.

        `step` is given what came, and returns the monotonic time at which the next one is due.
        """
        self._clock = clock
        self._wait = wait
        self._wake = wake
        self._step = step
        self._stopping = threading.Event()
        # A daemon: a call that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Once only."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def request_stop(self) -> None:
        """Returns at once; no step begins any more."""
        self._stopping.set()
        self._wake()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end after `request_stop`; False where the time was not enough."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        due = self._clock.monotonic()
        while True:
            wait_s = max(0.0, min(due - self._clock.monotonic(), _LONGEST_WAIT_S))
            news = self._wait(wait_s)
            if self._stopping.is_set():
                return
            due = self._step(news)


class Bell:
    """What a loop waits for that needs to know only that something came."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, timeout_s: float) -> None:
        """Until it was rung since the last time, at most so many seconds."""
        self._rung.wait(timeout_s)
        self._rung.clear()


class ControllerThreads(Protocol):
    """A controller beside the one of stacks, as the daemon runs it: with threads and an inbox."""

    inbox: Inbox

    def start(self) -> None:
        """Once only."""
        ...

    def request_stop(self) -> None:
        """It only says so."""
        ...

    def join(self, timeout_s: float) -> bool:
        """Whether nothing is written any more."""
        ...

    def ended(self) -> list[str]:
        """Threads that do not run any more, by what they do."""
        ...

    def before_scrape(self) -> None:
        """Set the gauges that age."""
        ...
