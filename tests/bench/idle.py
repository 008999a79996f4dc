"""What the operator costs while nobody does anything."""

import time
from dataclasses import dataclass

from tests.bench.cost import cpu_s, docker_reads, rss_bytes
from tests.cluster.scenarios import Stage


@dataclass(frozen=True, slots=True)
class Idle:
    """A period in which nothing changed."""

    case: str
    seconds: float
    cpu_s: float
    rss_bytes: int
    """At the end."""
    docker_reads: int
    writes: int
    """To the swarm and to the KV; the lease's renewals are none."""

    @property
    def cpu_percent(self) -> float:
        """Of one core."""
        return 100 * self.cpu_s / self.seconds


def measure(stage: Stage, case: str, seconds: float) -> Idle:
    """Watch the running operator for so long."""
    pid = stage.operator.pid
    stage.forget()
    before, started = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - started
    return Idle(
        case,
        took_s,
        cpu_s(pid) - before,
        rss_bytes(pid),
        len(docker_reads(stage.docker)),
        len(stage.docker.writes()) + len(stage.consul.writes()),
    )
