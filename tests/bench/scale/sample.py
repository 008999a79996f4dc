"""What one act took, and the processes that are measured."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from swarm_operator.clients.docker_transport import DockerTransport
from swarm_operator.clients.timing import CallTimer, NoMetrics
from tests.bench.scale.shape import Shape

_HEARTBEATS: Final = ("/_ping", "/events")
_RUN_S: Final = 600


@dataclass(slots=True)
class Sample:
    """One act of the operator."""

    wall_s: float
    cpu_s: float
    calls: int
    """Of the Engine API."""
    sent: int
    """Bytes of its answers."""
    writes: int = 0
    """To the swarm and to the KV."""
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """As the world's process has seen it."""

    api: str
    method: str
    path: str
    size: int
    at: float
    """Seconds of CLOCK_MONOTONIC when it was answered: the same in all processes."""


class WorldProcess:
    """The simulated world, as the process that is measured reaches it."""

    def __init__(self, docker_host: str, consul_addr: str) -> None:
        self.docker_host = docker_host
        self.consul_addr = consul_addr
        timer = CallTimer("bench", NoMetrics(), time.monotonic)
        self._transport = DockerTransport(docker_host, timer=timer)

    def ask(self, act: str) -> Any:
        """Let something happen in it."""
        return self._transport.request("GET", f"/bench/{act}", "asking the world").json()

    def requests(self, *apis: str) -> list[Request]:
        """What it was asked since the last time, but by the bench; of some APIs, or of both."""
        found = [Request(*each) for each in self.ask("requests")]
        wanted = apis or ("docker", "consul")
        return [each for each in found if each.api in wanted and each.path not in _HEARTBEATS]

    def measured(self, act: Callable[[], None]) -> Sample:
        """Of this process, and its requests to the engine."""
        self.requests()
        cpu, wall = time.process_time(), time.perf_counter()
        act()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return sample_of(wall, cpu, self.requests())


def sample_of(wall_s: float, cpu_s: float, asked: Sequence[Request]) -> Sample:
    """With what was asked meanwhile; renewals of the lease are no writes."""
    docker = [each for each in asked if each.api == "docker"]
    writes = [each for each in asked if each.method != "GET" and "/session/" not in each.path]
    return Sample(wall_s, cpu_s, len(docker), sum(each.size for each in docker), len(writes))


@contextmanager
def world_process(shape: Shape) -> Iterator[tuple[str, str]]:
    """Boots a world; gives DOCKER_HOST and CONSUL_HTTP_ADDR."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        path = f"{folder}/docker.sock"
        process = _python("served_world", path, str(shape.nodes), str(shape.services))
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the world did not come up"
            yield f"unix://{path}", f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.communicate()


def run(module: str, *arguments: str) -> Any:
    """The JSON that a module of this package prints in a process of its own."""
    process = _python(module, *arguments)
    try:
        out, _ = process.communicate(timeout=_RUN_S)
    finally:
        process.kill()
    assert process.returncode == 0, f"{module} failed"
    return json.loads(out)


@contextmanager
def started(module: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """A process that goes on until its input is closed."""
    process = _python(module, *arguments)
    try:
        yield process
        process.communicate("", timeout=10)
    finally:
        process.kill()
        process.communicate()


def _python(module: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.{module}", *arguments],
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process, now and at its highest."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    fields = {key: value.split()[0] for key, _, value in (line.partition(":") for line in lines)
              if key in {"VmRSS", "VmHWM"}}  # fmt: skip
    return int(fields["VmRSS"]) / 1024, int(fields["VmHWM"]) / 1024
