"""Single passes of the thread of routes over a real swarm, Consul and Traefik, stepped by hand.

Run on a lab's client host while no operator runs there:
`python -m tests.bench.routes.steps DOCKER_HOST CONSUL_HTTP_ADDR TRAEFIK_SERVICE TRAEFIK_API`.
"""

import json
import logging
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import structlog

from desired_state import keys
from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.traefik import TraefikApi
from swarm_operator.observed.kv import Fence, KvEntry, KvOperation, KvTree
from swarm_operator.plan.routes.changes import diff
from swarm_operator.plan.routes.fields import OLDEST
from swarm_operator.plan.routes.instances import shared_networks
from swarm_operator.plan.routes.servers import Surroundings
from swarm_operator.runtime.inbox import Wake
from swarm_operator.runtime.routes.controller import RoutesController
from swarm_operator.runtime.routes.documents import read_desired
from swarm_operator.runtime.routes.publications import Publications
from swarm_operator.runtime.routes.surroundings import RouteSurroundings, TraefikPlan
from swarm_operator.runtime.routes.traefik_instances import TraefikInstances
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.toolbox import Identity
from tests.bench.routes.costs import Pass
from tests.bench.scale.passes import JumpingClock
from tests.runtime.fakes import FakeLease, FakeMetrics

ROUNDS: Final = 5
_SETTLES_S: Final = 60.0
_FIRST: Final = "routes/crowd-0"
"""The document of which one route changes its mind."""


class CountedKv:
    """A port of the KV, and how often it was used."""

    def __init__(self, inner: ConsulKv) -> None:
        self._inner = inner
        self.reads = 0
        self.commits: list[int] = []

    def read(self, prefix: str) -> KvTree:
        self.reads += 1
        return self._inner.read(prefix)

    def get(self, key: str) -> KvEntry | None:
        self.reads += 1
        return self._inner.get(key)

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        self._inner.commit(operations, fence=fence)
        self.commits.append(len(operations))


class Stepped:
    """The controller of routes, leading; Traefik is asked in turn with it."""

    def __init__(self, docker_host: str, consul_addr: str, service: str, api: str) -> None:
        self.clock = JumpingClock()
        self.kv = ConsulKv(consul_addr)
        self.root = CountedKv(self.kv.beside("traefik"))
        self.swarm = DockerSwarm(docker_host)
        self.plan = TraefikPlan(service=service, api=(api,))
        self.session = self.kv.create_session("bench", 3600, 0)
        deadline = time.monotonic() + _SETTLES_S
        while not self.kv.acquire(keys.LOCK, self.session, b"{}"):
            assert time.monotonic() < deadline, "somebody else holds the lease"
            time.sleep(0.2)
        self.instances = TraefikInstances(TraefikApi(), self.clock)
        self.controller = RoutesController(
            RouteSurroundings(
                swarm=self.swarm,
                kv=CountedKv(self.kv),
                root=self.root,
                lease=FakeLease(Fence(keys.LOCK, self.session)),
                clock=self.clock,
                rng=random.Random(1),
                identity=Identity("bench", "act", "bench"),
                log=structlog.get_logger(),
                metrics=FakeMetrics(),
                instances=self.instances,
                withdrawing=Withdrawing(self.clock.monotonic, lambda: None),
                plan=self.plan,
            )
        )

    def settle(self, desired: KvTree) -> None:
        """Step until everything is written and Traefik has it."""
        wake = Wake(desired, swarm_changed=True)
        deadline = time.monotonic() + _SETTLES_S
        while wake.tree is not None or not self._is_settled():
            assert time.monotonic() < deadline, self.controller.error or "it does not settle"
            self.controller.step(wake)
            self.instances.step()
            wake = Wake()
            time.sleep(0.02)

    def _is_settled(self) -> bool:
        root = self.controller._root
        answered = self.instances.seen.values()
        has_it = bool(answered) and all(s.generation == root.generation for s in answered)
        return root.is_in_step and has_it and self.controller.error is None

    def measured(self, act: Callable[[], None]) -> dict[str, Any]:
        """What an act took."""
        reads, commits = self.root.reads, len(self.root.commits)
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        took = time.perf_counter() - wall, time.process_time() - cpu
        done = self.root.commits[commits:]
        return asdict(Pass(*took, self.root.reads - reads, len(done), sum(done)))

    def pass_with_nothing_to_do(self) -> None:
        """An event said that something changed, and everything is due by time too."""
        self.controller.step(Wake(swarm_changed=True))

    def change(self, desired: KvTree) -> None:
        """A document changed: the pass that sees it, and the one that writes it a moment later."""
        self.controller.step(Wake(desired))
        self.clock.ahead_s += 0.3
        self.controller.step(Wake())

    def let_time_pass(self) -> None:
        """All reads are due; the instances have answered since."""
        self.clock.ahead_s += 31
        self.instances.step()

    def close(self) -> None:
        self.kv.release(keys.LOCK, self.session)
        self.kv.destroy_session(self.session)


def cold(stepped: Stepped, desired: KvTree) -> tuple[float, float]:
    """Seconds for the compilation of everything with nothing remembered, and for its comparison."""
    documents = read_desired(desired).documents
    swarm = stepped.swarm.read()
    publications = Publications(stepped.plan.routes)
    published = (
        *publications.of_services(swarm.services),
        *publications.of_documents(documents),
    )
    around = Surroundings(swarm, frozenset(), shared_networks(swarm, stepped.plan.service))
    observed = stepped.root.read("")
    began = time.perf_counter()
    compiled = publications.compiled(published, around, OLDEST, frozenset())
    compiled_at = time.perf_counter()
    diff(compiled.tree, observed, stepped.controller._root.installation)
    return compiled_at - began, time.perf_counter() - compiled_at


def with_other_server(desired: KvTree, version: str) -> KvTree:
    """The first route leads to the other service."""
    entry = desired.entries[_FIRST]
    document = json.loads(entry.value)
    document["routes"][0]["servers"] = [f"http://tasks.two_{version}:80"]
    changed = replace(
        entry, value=json.dumps(document).encode(), modify_index=entry.modify_index + 1
    )
    return KvTree(desired.index + 1, {**desired.entries, _FIRST: changed})


def measure(stepped: Stepped) -> dict[str, Any]:
    """All passes."""
    desired = stepped.kv.read(keys.DESIRED)
    stepped.settle(desired)
    compile_s, diff_s = map(min, zip(*(cold(stepped, desired) for _ in range(3)), strict=True))
    no_ops, changes = [], []
    for _ in range(ROUNDS):
        stepped.let_time_pass()
        no_ops.append(stepped.measured(stepped.pass_with_nothing_to_do))
    for number in range(ROUNDS):
        tree = with_other_server(desired, "ba"[number % 2])
        stepped.let_time_pass()
        stepped.pass_with_nothing_to_do()
        changes.append(stepped.measured(lambda tree=tree: stepped.change(tree)))  # type: ignore[misc]
        stepped.settle(tree)
    return {"compile_s": compile_s, "diff_s": diff_s, "no_op": no_ops, "change": changes}


def main(docker_host: str, consul_addr: str, service: str, api: str) -> None:
    """Prints what was measured, as JSON."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    stepped = Stepped(docker_host, consul_addr, service, api)
    try:
        print(json.dumps(measure(stepped)))
    finally:
        stepped.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
