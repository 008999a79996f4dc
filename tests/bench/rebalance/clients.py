"""Load on a lab: clients on the overlay network, and clients of the host ports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.rebalance.shop import NETWORK, STACK
from tests.cluster.harness import Lab, processes
from tests.load import running
from tests.load.results import Answer, Result

BY_NAME_PER_S: Final = 50.0
BY_PORT_PER_S: Final = 10.0
TIMEOUT_S: Final = 2.0
"""For the look-up, and then for the page."""
_CONTAINER: Final = "bench-client"
_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the requests of one arm."""

    requests: int
    failed: int
    by_target: dict[str, int] = field(default_factory=dict)
    """Failed requests."""
    examples: tuple[Answer, ...] = ()


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
        client, run = self._lab.client, self._runs
        each = ("--anew", "--timeout", str(TIMEOUT_S), "--rate")
        return Load(
            running.begin(
                self._overlay,
                client.directory / f"by-name-{run}.log",
                *(*each, str(BY_NAME_PER_S), "--names", *self._names),
            ),
            running.begin(
                client.namespace,
                client.directory / f"by-port-{run}.log",
                *(*each, str(BY_PORT_PER_S), "--listed"),
            ),
        )

    def remove(self) -> None:
        self._lab.docker_cli(1, "rm", "--force", _CONTAINER, check=False, timeout=60)


@dataclass(slots=True)
class Load:
    """Two loads, until `end`."""

    by_name: running.Load
    by_port: running.Load

    def list_ports(self, addresses: Sequence[str]) -> None:
        """What the clients of host ports know from now on: ADDRESS:PORT each."""
        self.by_port.list_addresses(addresses)

    def end(self) -> Answers:
        ended = self.by_name.end(), self.by_port.end()
        return answers(Result([answer for result in ended for answer in result.answers]))


def answers(result: Result) -> Answers:
    """The sum of a load's requests."""
    failed = sorted(result.failures, key=lambda answer: answer.at)
    examples = tuple(failed[:_EXAMPLES])
    return Answers(result.total, result.failed, result.failed_by_target, examples)
