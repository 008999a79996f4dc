"""The benchmark's swarm: three Traefiks on the manager, three workers, Consul, the operator."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.bench.routes.row import LABELS, LABELS_EVERY_SECOND, OPERATOR
from tests.cluster import operator_without_withdrawal
from tests.cluster.harness import Lab, eventually
from tests.cluster.harness.proxy import DockerProxy
from tests.cluster.scenarios import ROOT, route_stage
from tests.cluster.scenarios.route_stage import RouteStage
from tests.cluster.traefik_lab import EDGE, Traefik

THROTTLE: Final = "500ms"
"""Of the Traefik that reads keys, as deploy/traefik has it."""
TRAEFIKS_THROTTLE: Final = "2s"
"""Traefik's default."""
LOOKS_EVERY_S: Final = 15.0
"""Traefik's Swarm provider, as it comes."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Who is asked for a host, and who told it where that leads to."""

    by: str
    traefik: Traefik
    host: str


@dataclass(slots=True)
class Floor:
    """Everything that cases act on."""

    lab: Lab
    stage: RouteStage
    labels: Mapping[str, Traefik]
    """With Traefik's own Swarm provider, by who that is in the tables."""
    engines: Mapping[str, DockerProxy]
    """What these ask the engine passes here."""
    say: Callable[[str], None]

    @classmethod
    @contextmanager
    def open(cls, engine: str, say: Callable[[str], None]) -> Iterator["Floor"]:
        """A swarm without a routed service, and the operator leading."""
        with Lab.start(4, 1, engine) as lab:
            route_stage.prepare(lab)
            engines = {by: lab.docker_proxy() for by in (LABELS, LABELS_EVERY_SECOND)}
            labels = {
                LABELS: _with_labels(lab, engines[LABELS], throttle=TRAEFIKS_THROTTLE),
                LABELS_EVERY_SECOND: _with_labels(
                    lab,
                    engines[LABELS_EVERY_SECOND],
                    name="traefik-every-second",
                    ports=(82, 8082),
                    options=("--providers.swarm.refreshseconds=1",),
                ),
            }
            traefik = Traefik(lab, throttle=THROTTLE).start()
            floor = cls(lab, _stage(lab, traefik), labels, engines, say)
            try:
                floor.stage.operator.start(ready=True)
                floor.stage.wait_until_leading()
                yield floor
            finally:
                floor.stage.close()

    def reopen(self, *, drain: str = "1s", withdraws: bool = True) -> None:
        """Another operator takes over from the present one."""
        self.stage.operator.stop()
        self.stage.close()
        self.stage = _stage(self.lab, self.stage.traefik, drain=drain, withdraws=withdraws)
        self.stage.operator.start(ready=True)
        self.stage.wait_until_leading(60)

    def throttle(self, wait: str) -> None:
        """Exchange the Traefik that reads keys for one that waits so long between reloads."""
        self.stage.traefik.remove()
        self.stage.traefik = Traefik(self.lab, throttle=wait).start()

    def recover(self) -> None:
        """After a case that was given up: nodes on, no policy, no stack, no service, Traefik as it was."""
        for node in self.lab.workers:
            if not node.is_on:
                node.power_on()
        self.lab.wait_until_ready(60)
        self.throttle(THROTTLE)
        self.reopen()
        self.stage.kv.delete(f"{ROOT}desired/policy")
        self.stage.kv.delete(f"{ROOT}desired/routes/", recurse=True)
        for stack in {key.split("/")[2] for key in self.stage.keys_below("desired/stacks/")}:
            self.remove(stack)
        traefiks = {self.stage.traefik.name, *(each.name for each in self.labels.values())}
        if left := self.lab.services().keys() - traefiks:
            self.remove_by_hand(*left)

    # --- services and their routes -----------------------------------------------------------------

    def arms(self, name: str) -> list[Arm]:
        """Everybody who publishes NAME.lab."""
        host = f"{name}.lab"
        others = [Arm(by, traefik, host) for by, traefik in self.labels.items()]
        return [Arm(OPERATOR, self.stage.traefik, host), *others]

    def deploy(self, stack: str, document: str, route: str, servers: int) -> None:
        """Deploy a document, and wait until everybody leads to so many servers of a route."""
        self.stage.deploy(stack, document)
        self.stage.wait_for_route(stack, f"http/{route}", within=30)
        self.wait_until_known(route, servers)

    def wait_until_known(self, route: str, servers: int, within: float = 60) -> None:
        """Wait until every publisher has the same servers, and so many."""
        for by, traefik in self.labels.items():
            eventually(
                lambda one=traefik: self._knows(one, route, servers),  # type: ignore[misc]
                within,
                f"{by} should have the {servers} servers of {route}",
                0.2,
            )

    def _knows(self, traefik: Traefik, route: str, servers: int) -> bool:
        found = traefik.api(f"http/services/{route}@swarm") or {}
        listed = found.get("loadBalancer", {}).get("servers", [])
        theirs, ours = sorted(server["url"] for server in listed), self.stage.servers(route)
        # One replica, which is stopped before the next one starts, is published by its name.
        is_parked = len(ours) == 1 and "//tasks." in ours[0]
        assert len(theirs) == servers, (theirs, ours)
        assert theirs == ours or is_parked, (theirs, ours)
        return True

    def remove(self, stack: str) -> None:
        """Remove a stack, and wait until its services are gone."""
        self.stage.remove(stack)
        self._wait_until_none(f"{stack}_")

    def create_by_hand(self, name: str, labels: Mapping[str, str]) -> None:
        """`docker service create`, as people do it; it returns at once."""
        self.lab.docker_cli(
            1,
            *("service", "create", "--detach", "--no-resolve-image", "--name", name),
            *("--endpoint-mode", "dnsrr", f"--network={EDGE}"),
            *("--constraint", "node.role==worker"),
            *(f"--label={key}={value}" for key, value in labels.items()),
            "lab/http:1",
        )

    def update_by_hand(self, name: str, labels: Mapping[str, str]) -> None:
        """`docker service update` of labels, which restarts nothing."""
        options = (f"--label-add={key}={value}" for key, value in labels.items())
        self.lab.docker_cli(1, "service", "update", "--detach", *options, name)

    def remove_by_hand(self, *names: str) -> None:
        """`docker service rm`."""
        self.lab.docker_cli(1, "service", "rm", *names)
        for name in names:
            self._wait_until_none(name)

    def _wait_until_none(self, prefix: str) -> None:
        def none() -> bool:
            left = [name for name in self.lab.services() if name.startswith(prefix)]
            assert not left, left
            return True

        eventually(none, 60, f"{prefix}… should be gone")


def _with_labels(
    lab: Lab,
    engine: DockerProxy,
    *,
    name: str = "traefik-labels",
    throttle: str = THROTTLE,
    ports: tuple[int, int] | None = None,
    options: tuple[str, ...] = (),
) -> Traefik:
    return Traefik(
        lab,
        provider="swarm",
        name=name,
        throttle=throttle,
        ports=ports,
        options=options,
        engine_socket=f"/run/lab/{engine.socket.name}",
    ).start()


def _stage(lab: Lab, traefik: Traefik, *, drain: str = "1s", withdraws: bool = True) -> RouteStage:
    command = [] if withdraws else [sys.executable, operator_without_withdrawal.__file__, "run"]
    environment = {"SWARM_OPERATOR_TRAEFIK_DRAIN": drain}
    return RouteStage(lab, traefik, environment=environment, command=command)
