"""What is done to a real engine besides pulling its power and its cable."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.harness import Node, processes


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


def _is_engine(pid: int) -> bool:
    program = processes.program_of(pid)
    return program is not None and program.name == "dockerd"
