"""How `demo run` is told to end: by a signal, or by the terminal going away."""

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STREAMS: Final = (0, 1, 2)
_LOOK_MS: Final = 500
"""So long the watch on the terminal may go on after the end."""


@contextmanager
def told() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, SIGTERM, SIGHUP, and when the terminal vanishes.

    A second signal of a kind ends the process at once. Where the terminal is gone, what is written
    to it from then on is lost without an error.
    """
    stopping, ended = threading.Event(), threading.Event()

    def stop(number: int, _frame: object) -> None:
        # A vanished terminal sends SIGHUP for itself, for its shell and for its session.
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    terminals = [fd for fd in _STREAMS if _is_terminal(fd)]
    watch = threading.Thread(
        target=_watch, args=(terminals, stopping, ended), name="terminal", daemon=True
    )
    if terminals:
        watch.start()
    try:
        yield stopping
    finally:
        ended.set()
        if terminals:
            watch.join()


def raise_on_signals() -> None:
    """Lets SIGTERM and SIGHUP end what runs as Ctrl-C does: by KeyboardInterrupt."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


def _watch(terminals: list[int], stopping: threading.Event, ended: threading.Event) -> None:
    """SIGHUP goes to the leader of the session alone, which may be `make` or a shell; that the line
    was hung up is told to everyone who asks (poll(2), POLLHUP)."""
    poller = select.poll()
    for fd in terminals:
        poller.register(fd, 0)
    while not ended.is_set():
        gone = [fd for fd, events in poller.poll(_LOOK_MS) if events]
        if gone:
            null = os.open(os.devnull, os.O_RDWR)
            for fd in terminals:
                os.dup2(null, fd)
            os.close(null)
            stopping.set()
            return
