"""A thread of a process, as an appointment of the timeline."""

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from swarm_operator.simulation.timeline import Timer
from tests.laws.schedules.faults import Killed

if TYPE_CHECKING:
    from tests.laws.schedules.process import Process

LONGEST_WAIT_S: Final = 60.0
"""As the daemon's."""
HOT: Final = 200
"""Steps in one second that no reason excuses."""


class Turn:
    """One step after another, each when it is due, or earlier where something woke it.

    While one step waits for an answer, the other threads go on; what wakes it then counts afterwards.
    """

    def __init__(
        self, process: "Process", step: Callable[[], float], *, least_s: float = 0.0
    ) -> None:
        """`step` returns when the next one is due, by the process's clock; `least_s` lies between two
        of them at least."""
        self._process = process
        self._step = step
        self._least_s = least_s
        self._busy = False
        self._woken = False
        self._hot: tuple[float, int] = (0.0, 0)
        self._timer: Timer | None = None
        self._at(0.0)

    def wake(self) -> None:
        self._woken = True
        if self._process.alive and not self._busy:
            self._at(0.0)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _at(self, delay_s: float) -> None:
        self.stop()
        self._timer = self._process.lab.timeline.after(delay_s, self._go)

    def _go(self) -> None:
        process = self._process
        if process.now < process.frozen_until:
            self._at(process.frozen_until - process.now)
            return
        self._busy, self._woken = True, False
        try:
            due = self._step()
        except Killed:
            return
        except Exception:  # noqa: BLE001 - as the daemon does
            process.lab.broke("a step failed; this is a defect", traceback.format_exc())
            due = process.clock.monotonic() + 5.0
        finally:
            self._busy = False
        if self._is_hot():
            return
        wait_s = min(due - process.clock.monotonic(), LONGEST_WAIT_S)
        self._at(max(self._least_s, 0.0 if self._woken else wait_s))

    def _is_hot(self) -> bool:
        process = self._process
        since, count = self._hot
        self._hot = (since, count + 1) if process.now < since + 1.0 else (process.now, 1)
        if self._hot[1] > HOT:
            process.lab.broke("the loop is hot", f"{HOT} steps of {process.name} in a second")
            process.die()
        return not process.alive
