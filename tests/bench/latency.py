"""From `push` to the engine's answer: the operator, and the least that a script could do."""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import minimal_script
from tests.bench.docker_deploy import DockerDeploy
from tests.bench.operator_passes import last_answer, pushed_at
from tests.bench.world import one_service
from tests.cluster.harness import eventually
from tests.cluster.scenarios import ROOT, Stage

_PAUSE_S: Final = (0.1, 0.8)
"""Between pushes, at random: so that they fall into every phase of the operator's timers."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the transaction of a push to the engine's answer."""

    client: str
    samples_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        return statistics.median(self.samples_s)

    @property
    def p99_s(self) -> float:
        """By the nearest rank: the largest of fewer than a hundred."""
        ordered = sorted(self.samples_s)
        return ordered[-(-99 * len(ordered) // 100) - 1]


def measure(stage: Stage, pushes: int, directory: Path) -> tuple[Latency, Latency]:
    """The operator, which runs, and the script beside it, by turns: the machine is the same for both.

    The script has a service and a root in the KV of its own, so that neither sees the other's pushes.
    """
    DockerDeploy(stage.lab, directory, _BY_SCRIPT.stack).deploy("first", one_service("first"))
    stage.push(_BY_OPERATOR.stack, one_service("first"), directory)
    created = f"{_BY_OPERATOR.stack}_web"
    eventually(lambda: created in stage.lab.services(), 10, f"{created} should be created")
    _push(stage, _BY_SCRIPT, "first", directory)
    rng = random.Random(42)
    samples: dict[_Arm, list[float]] = {_BY_OPERATOR: [], _BY_SCRIPT: []}
    with _script(stage):
        for number in range(pushes):
            for arm, found in samples.items():
                time.sleep(rng.uniform(*_PAUSE_S))
                found.append(_measured(stage, arm, f"value{number}", directory))
    ours, script = (Latency(arm.client, tuple(found)) for arm, found in samples.items())
    return ours, script


@dataclass(frozen=True, slots=True)
class _Arm:
    """Who is pushed to, and where it looks."""

    client: str
    stack: str
    root: str


_BY_OPERATOR: Final = _Arm("swarm-operator", "latency", ROOT.rstrip("/"))
_BY_SCRIPT: Final = _Arm("minimal script", "script", "bench-script")


def _measured(stage: Stage, arm: _Arm, value: str, directory: Path) -> float:
    """Seconds from the transaction of one push to the engine's answer."""
    identity = stage.lab.service(f"{arm.stack}_web")["ID"]

    def is_answered() -> bool:
        found = stage.docker.writes(f"/services/{identity}/update")
        assert len(found) <= 1, found
        return bool(found) and found[0].answered_at is not None

    stage.forget()
    _push(stage, arm, value, directory)
    eventually(is_answered, 10, f"a push should reach the engine by the {arm.client}", every=0.01)
    return last_answer(stage) - pushed_at(stage, arm.stack, f"{arm.root}/")


def _push(stage: Stage, arm: _Arm, value: str, directory: Path) -> None:
    folder = directory / arm.stack
    folder.mkdir(exist_ok=True)
    (folder / "compose.yaml").write_text(one_service(value), encoding="utf-8")
    stage.operator.cli("push", folder, environment={"SWARM_OPERATOR_ROOT": arm.root})


@contextmanager
def _script(stage: Stage) -> Iterator[None]:
    environment = stage.operator.environment
    process = stage.lab.client.popen(
        [
            *(sys.executable, "-m", minimal_script.__name__),
            *(environment["DOCKER_HOST"], environment["CONSUL_HTTP_ADDR"]),
            *(_BY_SCRIPT.root, _BY_SCRIPT.stack, "web"),
        ],
        env={**environment, "PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the script ended at once"
        yield
    finally:
        process.kill()
        process.communicate()
