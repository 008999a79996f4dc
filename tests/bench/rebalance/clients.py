"""Load on a lab: clients on the overlay network, and clients of the host ports."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.rebalance import load
from tests.bench.rebalance.shop import NETWORK, STACK
from tests.cluster.harness import Lab, processes

BY_NAME_PER_S: Final = 50.0
BY_PORT_PER_S: Final = 10.0
_CONTAINER: Final = "bench-client"
_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the requests of one arm."""

    requests: int
    failed: int
    by_target: dict[str, int] = field(default_factory=dict)
    """Failed requests."""
    examples: tuple[dict[str, Any], ...] = ()


class Clients:
    """A place on the lab to ask from: a container on the overlay network, on the manager."""

    def __init__(self, lab: Lab, names: Sequence[str]) -> None:
        self._lab = lab
        self._names = names
        network = f"{STACK}_{NETWORK}"
        image = "lab/sleep:1"
        lab.docker_cli(
            1, "run", "--detach", "--name", _CONTAINER, "--network", network, image, timeout=60
        )
        key = lab.manager.docker.inspect_container(_CONTAINER)["NetworkSettings"]["SandboxKey"]
        first = processes.first_process_of(lab.manager.namespace)
        # The node's own /var/run is a link to /run, which would be followed out here.
        self._overlay = Path(f"/proc/{first}/root{str(key).removeprefix('/var')}")
        self._runs = 0

    def begin(self) -> "Load":
        self._runs += 1
        directory = self._lab.client.directory
        by_name = directory / f"by-name-{self._runs}.log"
        by_port = directory / f"by-port-{self._runs}.log"
        return Load(
            _start(self._overlay, "dns", BY_NAME_PER_S, by_name, self._names),
            _start(self._lab.client.namespace, "ports", BY_PORT_PER_S, by_port),
            (by_name, by_port),
        )

    def remove(self) -> None:
        self._lab.docker_cli(1, "rm", "--force", _CONTAINER, check=False, timeout=60)


def _start(
    namespace: Path, how: str, rate: float, log: Path, names: Sequence[str] = ()
) -> "subprocess.Popen[str]":
    program = [sys.executable, "-m", load.__name__, how, str(rate), str(log), *names]
    return subprocess.Popen(
        ["nsenter", f"--net={namespace}", *program],
        stdin=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


@dataclass(slots=True)
class Load:
    """Two processes that ask, until `end`."""

    by_name: "subprocess.Popen[str]"
    by_port: "subprocess.Popen[str]"
    logs: tuple[Path, Path]
    known: list[list[Any]] = field(default_factory=list)

    def list_ports(self, addresses: list[list[Any]]) -> None:
        """What the clients of host ports know from now on."""
        if sorted(addresses) != self.known and self.by_port.stdin is not None:
            self.known = sorted(addresses)
            self.by_port.stdin.write(json.dumps(self.known) + "\n")
            self.by_port.stdin.flush()

    def end(self) -> Answers:
        for process in (self.by_name, self.by_port):
            if process.stdin is not None:
                process.stdin.close()
            process.wait(30)
        texts = [log.read_text(encoding="utf-8") for log in self.logs]
        return answers([json.loads(line) for text in texts for line in text.splitlines()])


def answers(lines: Sequence[dict[str, Any]]) -> Answers:
    """The sum of a load's log."""
    failed = sorted((line for line in lines if line["error"]), key=lambda line: line["at"])
    by_target = Counter(str(line["target"]) for line in failed)
    return Answers(len(lines), len(failed), dict(by_target), tuple(failed[:_EXAMPLES]))
