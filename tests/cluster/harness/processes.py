"""Find processes by the namespaces they are in, and end exactly those.

A process is never looked up by its name or by a number written to a file: both may mean another
process by now. Its network namespace belongs to one lab and to nobody else.
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from tests.cluster.harness import paths


def namespace_id(path: Path) -> int | None:
    """Return the inode of a namespace file, which identifies the namespace; None if it is gone."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def processes_in(*network_namespaces: Path) -> list[int]:
    """Return the ids of all processes in these network namespaces (/run/netns/…)."""
    with hold(*network_namespaces) as numbers:
        return _processes_in(numbers)


def first_process_of(network_namespace: Path) -> int | None:
    """Return process 1 of the node in this network namespace, as numbered out here."""
    for pid in processes_in(network_namespace):
        numbers = _numbers_in_namespaces(pid)
        # Two levels deep: a container on the host's network has a third level.
        if len(numbers) == 2 and numbers[1] == 1:
            return pid
    return None


def send_signal(pid: int, number: signal.Signals, still: Callable[[int], bool]) -> bool:
    """Signal a process if it still is the one that is meant; return whether it was there."""
    with _handle(pid) as handle:
        # Asked after the handle was taken, so that the number cannot be reused in between.
        if handle is None or not still(pid):
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)
        return True


def end_and_wait(pid: int, still: Callable[[int], bool], within: float = 20) -> None:
    """Kill a process and wait until it is gone; for process 1 of a node: all processes in it.

    Raises TimeoutError if it is there after `within` seconds.
    """
    with _handle(pid) as handle:
        if handle is None or not still(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        # The kernel ends process 1 of a namespace only after every other process in it.
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(within * 1000):
            raise TimeoutError(f"process {pid} did not end within {within} s")


def end_all(network_namespaces: Collection[int], within: float = 20) -> None:
    """Kill every process in these network namespaces and wait until none is left.

    The namespaces are given by the numbers that `hold` yields, and must be held meanwhile.
    Raises TimeoutError if some are there after `within` seconds.
    """
    deadline = time.monotonic() + within
    while left := _processes_in(network_namespaces):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {left} did not end within {within} s")
        for pid in left:
            send_signal(pid, signal.SIGKILL, lambda p: _network_namespace(p) in network_namespaces)
        time.sleep(0.02)


@contextlib.contextmanager
def hold(*network_namespaces: Path) -> Iterator[frozenset[int]]:
    """Yield the numbers of those namespaces that exist, and see that none is given anew."""
    with contextlib.ExitStack() as opened:
        numbers = set()
        for path in network_namespaces:
            with contextlib.suppress(FileNotFoundError):
                file = opened.enter_context(path.open("rb"))
                numbers.add(os.fstat(file.fileno()).st_ino)
        yield frozenset(numbers)


def is_in(network_namespace: Path) -> Callable[[int], bool]:
    """Return the question whether a process is in this network namespace."""
    wanted = namespace_id(network_namespace)
    return lambda pid: wanted is not None and _network_namespace(pid) == wanted


def start_detached(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Start a program that belongs to nobody here: own session, output to `log`, init reaps it."""
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": paths.SYSTEM_PATH, **(environment or {})},
            cwd="/",
            check=True,
        )


def program_of(pid: int) -> Path | None:
    """Return the program file that a process runs; None if the process is gone."""
    try:
        return Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return None


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _processes_in(numbers: Collection[int]) -> list[int]:
    return [pid for pid in _all_processes() if _network_namespace(pid) in numbers]


def _all_processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208


def _network_namespace(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/ns/net").readlink().name.strip("net:[]"))
    except OSError:  # gone, or a zombie: it has no namespaces any more
        return None


def _numbers_in_namespaces(pid: int) -> list[int]:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return []
    line = next((x for x in status.splitlines() if x.startswith("NSpid:")), "")
    return [int(number) for number in line.split()[1:]]
