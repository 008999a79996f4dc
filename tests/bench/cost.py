"""What something cost: requests as the proxies saw them, wall time, CPU time, memory."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.harness.faults import Request
from tests.cluster.harness.proxy import ConsulProxy, DockerProxy

_HEARTBEATS: Final = ("/_ping", "/events")
"""Whether the engine is there, and its stream of events: no reads of the swarm."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests between two moments."""

    docker_reads: int
    docker_writes: int
    service_writes: int
    kv_reads: int
    """Of what is desired. The lease is read and renewed every few seconds, whatever happens."""
    kv_writes: int

    @classmethod
    def of(cls, docker: DockerProxy, consul: ConsulProxy | None = None) -> "Counts":
        """What the proxies have seen since they were reset."""
        writes = docker.writes()
        return cls(
            docker_reads=len(docker_reads(docker)),
            docker_writes=len(writes),
            service_writes=sum(request.path.startswith("/services/") for request in writes),
            kv_reads=len(_desired_reads(consul.requests)) if consul is not None else 0,
            kv_writes=len(consul.writes()) if consul is not None else 0,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the table; None where it was not measured."""

    case: str
    client: str
    wall_s: float | None = None
    cpu_s: float | None = None
    counts: Counts | None = None
    note: str = ""


def docker_reads(proxy: DockerProxy) -> list[Request]:
    """The reads of the swarm that a Docker proxy has seen, in their order."""
    return [
        request
        for request in proxy.requests
        if not proxy.is_write(request) and request.path not in _HEARTBEATS
    ]


def _desired_reads(requests: Iterable[Request]) -> list[Request]:
    return [r for r in requests if r.method == "GET" and "/desired" in r.path]


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used, to the microsecond (`clock_getcpuclockid(3)`)."""
    return time.clock_gettime((~pid << 3) | 2)


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
