"""How `run` is told to end."""

import signal
import threading
from collections.abc import Iterator

import pytest

from swarm_operator.cli.run import _stop_on_signals


class Log:
    """As the real one: a line at a time, under a lock that is not for the same thread twice."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lines: list[tuple[str, dict[str, str]]] = []

    def info(self, event: str, **fields: str) -> None:
        with self.lock:
            self.lines.append((event, fields))


class Daemon:
    def __init__(self) -> None:
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.timeout(20)
def test_a_signal_in_the_middle_of_a_log_line_ends_it_all_the_same() -> None:
    log, daemon = Log(), Daemon()
    _stop_on_signals(daemon, log)  # type: ignore[arg-type]
    with log.lock:
        signal.raise_signal(signal.SIGTERM)
        assert not log.lines
    assert daemon.stopped.wait(10)
    assert log.lines == [("stopping", {"signal": "SIGTERM"})]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # a second one ends it at once


@pytest.mark.timeout(20)
def test_a_log_that_nobody_reads_any_more_is_no_reason_to_go_on() -> None:
    class Gone:
        def info(self, _event: str, **_fields: str) -> None:
            raise BrokenPipeError

    daemon = Daemon()
    _stop_on_signals(daemon, Gone())  # type: ignore[arg-type]
    signal.raise_signal(signal.SIGTERM)
    assert daemon.stopped.wait(10)
