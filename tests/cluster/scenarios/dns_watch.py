"""Looks at a name all the time: what its name server says, and what simpler rules would have it say."""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from docker import APIClient
from docker.errors import DockerException
from requests import RequestException

from tests.cluster.dns_lab import DnsLab
from tests.cluster.harness.scenario import JsonObject, eventually

_EVERY_S: Final = 0.02
_TASKS_EVERY_S: Final = 0.2
CRASHED: Final = "crashed"
"""What became of the simple rule where it found no task, or one without a node."""


@dataclass
class Seen:
    """Every answer that differs from the one before, and when it came."""

    answers: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    by_first_task: list[str] = field(default_factory=list)
    """What the rule "the first task that is wished to run" of well-known scripts named."""
    looks: int = 0

    @property
    def values(self) -> list[list[str]]:
        return [list(values) for _, values in self.answers]

    def at(self, *values: str) -> float:
        """When it said so first. Raises StopIteration if it never did."""
        wanted = tuple(sorted(values))
        return next(moment for moment, found in self.answers if found == wanted)

    def catch_up(self) -> None:
        """Wait until it has looked once more: what is served now is among the answers then."""
        # The first look to end may have begun before.
        enough = self.looks + 2
        eventually(lambda: self.looks >= enough, 5, "the name should be looked at")


@contextmanager
def watched(dns: DnsLab, name: str, service: str = "", *, engine: int = 1) -> Iterator[Seen]:
    """Until the end of the block, and what is served then. With a service, the simple rule is asked as
    well, of one manager."""
    seen, stopping = Seen(), threading.Event()
    threads = [threading.Thread(target=_look, args=(dns, name, seen, stopping), name="watch")]
    if service:
        node = dns.lab.node(engine)
        wanted = (f"unix://{node.socket}", service, seen, stopping)
        threads.append(threading.Thread(target=_ask_simply, args=wanted, name="simple rule"))
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _look(dns: DnsLab, name: str, seen: Seen, stopping: threading.Event) -> None:
    is_last = False
    while not is_last:
        # One more look after the block's end: else what the block itself saw last may be missing.
        is_last = stopping.wait(_EVERY_S)
        with contextlib.suppress(OSError, EOFError):
            values = tuple(dns.serves(name))
            seen.looks += 1
            if not seen.answers or seen.answers[-1][1] != values:
                seen.answers.append((time.monotonic(), values))


def _ask_simply(url: str, service: str, seen: Seen, stopping: threading.Event) -> None:
    client: Any = APIClient(base_url=url, version="auto", timeout=5)
    client.trust_env = False
    try:
        while not stopping.wait(_TASKS_EVERY_S):
            with contextlib.suppress(DockerException, RequestException):
                named = _named_simply(client, service)
                if not seen.by_first_task or seen.by_first_task[-1] != named:
                    seen.by_first_task.append(named)
    finally:
        client.close()


def _named_simply(client: Any, service: str) -> str:
    wanted = {"service": service, "desired-state": "running"}
    tasks: list[JsonObject] = client.tasks(filters=wanted)
    if not tasks or not tasks[0].get("NodeID"):
        return CRASHED
    return str(client.inspect_node(tasks[0]["NodeID"])["Description"]["Hostname"])
