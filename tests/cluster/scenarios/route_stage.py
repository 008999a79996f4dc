"""The operator that publishes routes, and the real Traefik that reads them, on one lab."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from desired_state import keys
from tests.cluster.harness import Lab, eventually
from tests.cluster.images import routed
from tests.cluster.scenarios.documents import JsonObject, document, service
from tests.cluster.scenarios.stage import Stage
from tests.cluster.traefik_lab import EDGE, ROOT, Traefik
from tests.load import running

T = TypeVar("T")


def prepare(lab: Lab, *, acl: bool = False) -> None:
    """Load the images of routes, start Consul and make the network that Traefik shares."""
    lab.load_images(
        routed.http("1"),
        routed.http("2"),
        routed.http("checked", healthcheck=True),
        routed.http("checked-2", healthcheck=True),
        routed.TRAEFIK,
    )
    lab.consul.start(acl=acl)
    lab.docker_cli(1, "network", "create", "--driver=overlay", "--attachable", EDGE)


def labels(name: str, *, host: str | None = None, port: int = 80, **fields: str) -> dict[str, str]:
    """Traefik's labels of an HTTP router and its service; `fields` are of the router."""
    router = f"traefik.http.routers.{name}"
    return {
        f"{router}.rule": f"Host(`{host or name + '.lab'}`)",
        f"{router}.entrypoints": "web",
        f"traefik.http.services.{name}.loadbalancer.server.port": str(port),
        **{f"{router}.{field}": value for field, value in fields.items()},
    }


def routed_service(
    name: str,
    *,
    image: str = "lab/http:1",
    replicas: int = 2,
    order: str = "stop-first",
    environment: Mapping[str, str] | None = None,
    more_labels: Mapping[str, str] | None = None,
    deploy: Mapping[str, Any] | None = None,
    **fields: Any,
) -> JsonObject:
    """A service of a document on the edge network, with the labels of a route NAME.lab."""
    update = {"order": order, "parallelism": 1, "monitor": "1s", "delay": "0s"}
    return service(
        image,
        replicas=replicas,
        networks=[EDGE],
        environment=dict(environment or {}),
        deploy={
            "endpoint_mode": "dnsrr",
            "labels": {**labels(name), **(more_labels or {})},
            "update_config": update,
            **(deploy or {}),
        },
        **fields,
    )


def on_the_edge(services: dict[str, JsonObject], **fields: Any) -> str:
    """A document of these services, which may be on the edge network."""
    return document(services, networks={EDGE: {"external": True}}, **fields)


class RouteStage(Stage):
    """A stage whose operator publishes for one Traefik, which lies beside Traefik's own provider."""

    NO_STACK = keys.NO_STACK
    """Stands for the stack of what has none: documents of routes, services of nobody's stack."""

    def __init__(self, lab: Lab, traefik: Traefik, **options: Any) -> None:
        environment = {
            "SWARM_OPERATOR_TRAEFIK_SERVICE": traefik.name,
            "SWARM_OPERATOR_TRAEFIK_API": "http://{address}:8080",
            "SWARM_OPERATOR_TRAEFIK_DRAIN": "1s",
            **options.pop("environment", {}),
        }
        super().__init__(lab, environment=environment, **options)
        self.traefik = traefik

    # Traefik's folder ---------------------------------------------------------------------------

    def traefik_keys(self, below: str = "") -> dict[str, JsonObject]:
        """Entries below Traefik's root by key relative to it, as Consul shows them."""
        found = self.kv.get(f"{ROOT}/{below}", recurse=True)[1] or []
        return {entry["Key"].removeprefix(f"{ROOT}/"): entry for entry in found}

    def traefik_values(self, below: str = "") -> dict[str, str]:
        """The same, the values alone, as text."""
        return {
            key: (entry["Value"] or b"").decode() for key, entry in self.traefik_keys(below).items()
        }

    def put_traefik(self, values: Mapping[str, str]) -> None:
        """Write keys below Traefik's root, as people do."""
        for key, value in values.items():
            assert self.kv.put(f"{ROOT}/{key}", value)

    def servers(self, name: str) -> list[str]:
        """The servers of a service of Traefik, as they are written, sorted."""
        prefix = f"http/services/{name}/loadbalancer/servers/"
        return sorted(v for k, v in self.traefik_values(prefix).items() if k.endswith("/url"))

    def write_indexes(self) -> dict[str, int]:
        """The index of the last write of every key below Traefik's root."""
        return {key: entry["ModifyIndex"] for key, entry in self.traefik_keys().items()}

    # What is said -------------------------------------------------------------------------------

    def routes(self, stack: str) -> JsonObject:
        """status/routes/STACK; empty if there is none."""
        return json.loads(self.key(f"status/routes/{stack}") or b"{}")  # type: ignore[no-any-return]

    def traefik_status(self) -> JsonObject:
        """status/traefik; empty if there is none."""
        return json.loads(self.key("status/traefik") or b"{}")  # type: ignore[no-any-return]

    def confirmed_writes(self) -> int:
        """How many writes every instance has been seen to have applied."""
        return int(self.operator.metric("swarm_operator_route_live_seconds_count"))

    def is_balanced(self) -> bool:
        """Whether every move that was wished is made."""
        found = json.loads(self.key("status/rebalance") or b"{}")
        return found.get("state") in {"Balanced", "Unbalanced"}

    def wait_for_route(
        self, stack: str, route: str, state: str = "live", *, within: float = 15
    ) -> JsonObject:
        """Wait until a route (`http/NAME`) has this state; what its status says."""

        def holds() -> JsonObject:
            found = self.routes(stack).get("routes", {}).get(route, {})
            assert found.get("state") == state, (route, found, self.routes(stack).get("refused"))
            return dict(found)

        return self._patiently(holds, within, f"{route} of {stack} should be {state}")

    def wait_for_refusal(self, stack: str, *words: str, within: float = 10) -> str:
        """Wait until something is refused in a stack's routes, with these words."""

        def refused() -> str:
            for message in self.routes(stack).get("refused", ()):
                if all(word in message for word in words):
                    return str(message)
            raise AssertionError(self.routes(stack))

        return self._patiently(refused, within, f"a refusal with {words}")

    def wait_for_traefik(self, state: str, *, says: str = "", within: float = 15) -> JsonObject:
        """Wait until the whole has this state; what its status says."""

        def holds() -> JsonObject:
            found = self.traefik_status()
            assert found.get("state") == state, found
            assert says in json.dumps(found), found
            return found

        return self._patiently(holds, within, f"Traefik should be {state} {says!r}")

    def _patiently(self, check: Callable[[], T], within: float, because: str) -> T:
        try:
            return eventually(check, within, because, 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.operator.tail(3000)}") from None

    # Load ---------------------------------------------------------------------------------------

    def load(
        self, host: str, *, labels: Traefik | None = None, **options: Any
    ) -> AbstractContextManager[running.Load]:
        """A load through the operator's Traefik, or through the one with labels (running.on)."""
        return running.on(self.lab, host, at=(labels or self.traefik).at, **options)

    def wait_for_update(self, name: str, within: float = 90) -> None:
        """Wait until Swarm calls the service's update completed."""
        eventually(
            lambda: self.lab.service(name).get("UpdateStatus", {}).get("State") == "completed",
            within,
            f"the update of {name} is completed",
            0.2,
        )


def update_image(lab: Lab, name: str, image: str, *more: str) -> None:
    """Give a service another image, as a person does."""
    lab.docker_cli(
        1, "service", "update", "--detach", "--no-resolve-image", "--image", image, *more, name
    )
