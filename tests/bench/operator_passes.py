"""The operator at work: what it reads and writes for a stack, and how long it takes."""

import time
from pathlib import Path
from typing import Final

from tests.bench.cost import Cost, Counts, cpu_s, docker_reads
from tests.cluster.harness import eventually
from tests.cluster.harness.faults import Request
from tests.cluster.scenarios import ROOT, Stage

CLIENT: Final = "swarm-operator"
QUIET_S: Final = 0.12
"""After a look at the swarm there is none by time alone for longer than this."""
_AFTERMATH_S: Final = 3.0
"""In this time after a change the status is written, at most once a second."""


def push(stage: Stage, case: str, stack: str, document: str, writes: int, directory: Path) -> Cost:
    """Push a document and wait for `writes` writes to services.

    Wall time is from the transaction of the push to the engine's last answer, both seen at the
    proxies; CPU time is that of the whole daemon until its status is written too.
    """
    stage.forget()
    before = cpu_s(stage.operator.pid)
    stage.push(stack, document, directory)
    eventually(lambda: len(_answered(stage)) >= writes, 60, f"{writes} writes to services")
    wall_s = last_answer(stage) - pushed_at(stage, stack)
    counts = Counts.of(stage.docker, stage.consul)
    time.sleep(_AFTERMATH_S)
    late = len(_answered(stage)) - writes
    note = f"{late} writes too many" if late else ""
    return Cost(case, CLIENT, wall_s, cpu_s(stage.operator.pid) - before, counts, note)


def unchanged(stage: Stage, number: int = 0) -> Counts:
    """What one pass reads and writes where nothing changed.

    It is woken by a key of the KV that belongs to no stack, and by an event of the engine's.
    """
    _wait_for_a_look(stage)
    name = f"foreign{number}"
    stage.forget()
    stage.kv.put(f"{ROOT}desired/stacks/", str(number))
    stage.lab.docker_cli(1, "config", "create", name, "-", input="x", timeout=30)
    eventually(lambda: any(r.path == "/nodes" for r in stage.docker.requests), 5, "a full pass")
    time.sleep(QUIET_S)
    counts = Counts.of(stage.docker, stage.consul)
    stage.lab.docker_cli(1, "config", "rm", name, timeout=30)
    return counts


def pushed_at(stage: Stage, stack: str, root: str = ROOT) -> float:
    """When the (last) transaction of a push passed the proxy. Raises IndexError without one."""
    folder = f"{root}desired/stacks/{stack}/".encode()
    return [r.at for r in stage.consul.writes() if folder in (r.body or b"")][-1]


def last_answer(stage: Stage) -> float:
    """When the engine answered the last write to a service."""
    return max(request.answered_at or 0.0 for request in _answered(stage))


def _answered(stage: Stage) -> list[Request]:
    return [r for r in stage.docker.writes("/services/*") if r.answered_at is not None]


def _wait_for_a_look(stage: Stage) -> None:
    """Until the operator has just read the swarm: the next look by time alone is not yet due."""
    stage.docker.reset()

    def seen() -> bool:
        reads = docker_reads(stage.docker)
        return bool(reads) and reads[-1].path == "/nodes" and reads[-1].answered_at is not None

    eventually(seen, 10, "a look at the swarm", every=0.005)
