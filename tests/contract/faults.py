"""What is done to an engine besides pulling its power and its cable, and waiting for its return."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from swarm_operator.observed.errors import OutsideError
from tests.cluster.harness import Node, eventually, processes


@contextmanager
def frozen(node: Node) -> Iterator[None]:
    """The node's engine is stopped in place: it accepts connections and never answers."""
    pids = [pid for pid in processes.processes_in(node.namespace) if _is_engine(pid)]
    assert pids, f"no engine runs on {node}"
    for pid in pids:
        processes.send_signal(pid, signal.SIGSTOP, _is_engine)
    try:
        yield
    finally:
        for pid in pids:
            processes.send_signal(pid, signal.SIGCONT, _is_engine)


def recovers(check: Callable[[], object], within: float = 60) -> None:
    """Wait until `check` is true; the errors of our clients count as "not yet"."""

    def held() -> bool:
        try:
            return bool(check())
        except OutsideError as error:
            raise AssertionError(error) from error

    eventually(held, within)


def _is_engine(pid: int) -> bool:
    program = processes.program_of(pid)
    return program is not None and program.name == "dockerd"
