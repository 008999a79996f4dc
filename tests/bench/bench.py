"""The whole benchmark: one lab, one run, both clients."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.bench import idle, latency, operator_passes, timed_pass
from tests.bench.cost import Cost
from tests.bench.docker_deploy import DockerDeploy
from tests.bench.idle import Idle
from tests.bench.latency import Latency
from tests.bench.world import SERVICES, stack_document
from tests.cluster.harness import Lab
from tests.cluster.scenarios import Stage

STACK: Final = "bench"
_ROUNDS: Final = 10
"""Timed passes, and deployments, of an unchanged stack: of both clients the best one counts, for
what else the machine does only adds to it."""


@dataclass(slots=True)
class Results:
    """What was measured so far, and the facts of the run."""

    facts: dict[str, str] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    idles: list[Idle] = field(default_factory=list)
    profile: str = ""

    def cost(self, case: str, client: str) -> Cost:
        """Raises StopIteration where it was not measured."""
        return next(c for c in self.costs if (c.case, c.client) == (case, client))


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, and how long."""

    services: int = SERVICES
    pushes: int = 30
    idle_s: float = 300.0
    engine: str = "26"
    profile: str = ""
    """The order of a profile of the no-op pass, such as "cumulative"; empty for none."""


def run(options: Options, directory: Path, say: Callable[[str], None]) -> Results:
    """Measure everything. Raises AssertionError where a client did not do what it should."""
    results = Results()
    say("starting a swarm: 1 manager, 2 workers, Consul")
    with Lab.start(3, 1, options.engine) as lab:
        lab.load_images()
        lab.consul.start()
        results.facts = {
            "engine": lab.engine_version,
            "client": lab.docker_cli(
                1, "version", "--format", "{{.Client.Version}}"
            ).stdout.strip(),
            "services": str(options.services),
        }
        say("docker stack deploy")
        results.costs += by_docker(DockerDeploy(lab, directory), options.services)
        with Stage.of(lab) as stage:
            say("swarm-operator: create, unchanged, one changed")
            results.costs += by_operator(stage, options.services, directory)
            say(f"{options.pushes} pushes to the operator and to the minimal script, by turns")
            results.latencies += latency.measure(stage, options.pushes, directory)
            if options.idle_s:
                _idle(stage, options, directory, results, say)
            stage.operator.stop()
            say("timing passes without a proxy")
            _time_passes(stage, options, results)
    return results


def by_docker(client: DockerDeploy, services: int) -> list[Cost]:
    """Create, deploy again, change one; the stack is gone afterwards."""
    document, changed = stack_document(services), stack_document(services, changed="yes")
    created = client.deploy("create", document)
    client.remove()
    created = replace(created, counts=client.count(document))
    unchanged = [client.deploy("unchanged", document) for _ in range(_ROUNDS)]
    best = min(unchanged, key=lambda cost: cost.wall_s or 0.0)
    best = replace(best, counts=client.count(document))
    one = client.deploy("one changed", changed)
    one = replace(one, counts=client.count(document))
    client.remove()
    return [created, best, one]


def by_operator(stage: Stage, services: int, directory: Path) -> list[Cost]:
    """Create, look again, change one; the stack stays as it is then."""
    document, changed = stack_document(services), stack_document(services, changed="yes")
    created = operator_passes.push(stage, "create", STACK, document, services, directory)
    counts = operator_passes.unchanged(stage)
    unchanged = Cost("unchanged", operator_passes.CLIENT, counts=counts)
    one = operator_passes.push(stage, "one changed", STACK, changed, 1, directory)
    return [created, unchanged, one]


def _idle(
    stage: Stage,
    options: Options,
    directory: Path,
    results: Results,
    say: Callable[[str], None],
) -> None:
    pending_s = min(options.idle_s, 60.0)
    say(f"idle with {options.services} pending services for {pending_s:.0f} s")
    results.idles.append(idle.measure(stage, "pending for ever", pending_s))
    settled = stack_document(options.services, replicas=0)
    stage.push(STACK, settled, directory)
    stage.wait_until_ready(STACK)
    time.sleep(5)
    say(f"idle with {options.services} settled services for {options.idle_s:.0f} s")
    results.idles.append(idle.measure(stage, "settled", options.idle_s))
    stage.push(STACK, stack_document(options.services), directory)
    time.sleep(5)


def _time_passes(stage: Stage, options: Options, results: Results) -> None:
    done = stage.lab.client.run(
        [
            *(sys.executable, "-m", timed_pass.__name__),
            *(f"unix://{stage.lab.manager.socket}", f"{stage.lab.consul.address}:8500"),
            *(str(_ROUNDS), options.profile),
        ],
        env={**stage.operator.environment, "PYTHONPATH": ":".join(sys.path)},
        timeout=180,
    )
    timed = json.loads(done.stdout)
    assert timed["leads"], "the timed controller should have had the lease"
    results.profile = timed["profile"]
    best = min(timed["passes"], key=lambda each: each["wall_s"])
    counted = results.cost("unchanged", operator_passes.CLIENT)
    results.costs[results.costs.index(counted)] = replace(counted, **best)
