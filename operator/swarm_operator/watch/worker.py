"""A thread that can be stopped although it waits in a read."""

import threading
import time
from collections.abc import Callable
from typing import Final

STOP_STEP_S: Final = 0.02


class Worker:
    """Runs `run(stopping)` in a daemon thread until it returns.

    `interrupt` must make what the thread waits for fail; `run` must then see that `stopping` is
    set, and return.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[threading.Event], None],
        interrupt: Callable[[], None],
    ) -> None:
        self._stopping = threading.Event()
        self._interrupt = interrupt
        # A daemon: a read that cannot be woken must not keep the process alive.
        self._thread = threading.Thread(target=run, args=(self._stopping,), name=name, daemon=True)

    def start(self) -> None:
        """Once only."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def request_stop(self) -> None:
        """Returns at once."""
        self._stopping.set()
        self._interrupt()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end after `request_stop`; False where the time was not enough."""
        deadline = time.monotonic() + timeout_s
        while self._thread.is_alive() and time.monotonic() < deadline:
            # Again and again: the thread may have begun a new read just before the first time.
            self._interrupt()
            self._thread.join(STOP_STEP_S)
        return not self._thread.is_alive()
