"""The operator whose names follow services, on a lab with a real name server."""

import json
import time
from datetime import datetime
from typing import Any, Final

from tests.cluster.dns_lab import ZONE, DnsLab, label_nodes, public_address
from tests.cluster.harness import Lab, eventually
from tests.cluster.harness.images import Image
from tests.cluster.harness.node import Node
from tests.cluster.harness.standard_images import STANDARD
from tests.cluster.scenarios.documents import JsonObject, document, service
from tests.cluster.scenarios.stage import Stage

_SECOND_NS = 1_000_000_000

FUSSY: Final = Image(
    "lab/fussy:1",
    cmd=["until-term", "sleep", "2147483647"],
    healthcheck={
        "Test": ["CMD-SHELL", 'case " $HEALTHY_ON " in *" $NODE "*) exit 0;; esac; exit 1'],
        "Interval": _SECOND_NS,
        "Timeout": 5 * _SECOND_NS,
        "Retries": 1,
    },
)
"""Healthy only on the nodes that HEALTHY_ON names."""

SLOW_END: Final = Image(
    "lab/slow-end:1", cmd=["sh", "-c", "trap 'sleep 3; exit 0' TERM; while :; do sleep 0.1; done"]
)
"""Takes three seconds to stop, so that there is a while without a task."""


def prepare(lab: Lab) -> None:
    """Images, Consul, and the nodes' addresses."""
    lab.load_images(*STANDARD, FUSSY, SLOW_END)
    lab.consul.start()
    label_nodes(lab)


def bound(image: str = "lab/sleep:1", name: str = "git", **fields: Any) -> JsonObject:
    """A service of one replica off the first node; `dns`: more of its binding, `on`: constraints.

    A field of `deploy` that is None is left out.
    """
    dns = {"zone": ZONE, "name": name, **fields.pop("dns", {})}
    constraints = fields.pop("on", ["node.hostname != node1"])
    deploy = {
        "placement": {"constraints": constraints},
        "restart_policy": {"delay": "0s"},
        **fields.pop("deploy", {}),
    }
    made = service(image, **{"x-operator": {"dns": dns}, **fields, "deploy": deploy})
    made["deploy"] = {key: value for key, value in made["deploy"].items() if value is not None}
    return made


def with_bound(**fields: Any) -> str:
    """A document of one service `ssh` that has a name."""
    return document({"ssh": bound(**fields)})


class DnsStage(Stage):
    """A stage whose operator has zones; `through`: the manager that it asks (default: the first).

    Without `account` it is told of no account at OVH.
    """

    def __init__(
        self,
        lab: Lab,
        dns: DnsLab,
        *,
        through: Node | None = None,
        account: bool = True,
        **options: Any,
    ) -> None:
        environment = {
            **(dns.environment if account else {}),
            "SWARM_OPERATOR_LOCK_DELAY": "1s",
            **options.pop("environment", {}),
        }
        super().__init__(lab, environment=environment, **options)
        if through is not None:
            self.docker.close()
            self.docker = lab.docker_proxy(through, keep_bodies=True)
            self.operator.environment["DOCKER_HOST"] = f"unix://{self.docker.socket}"
        self.dns = dns

    def name_status(self, name: str = "git") -> JsonObject:
        """status/dns/ZONE/NAME; empty if there is none."""
        return json.loads(self.key(f"status/dns/{ZONE}/{name}") or b"{}")  # type: ignore[no-any-return]

    def wait_for_name(
        self,
        name: str = "git",
        state: str = "InSync",
        *,
        reason: str = "",
        says: str = "",
        within: float = 20,
    ) -> JsonObject:
        """Wait until the binding has this state (and reason), with these words; its status."""

        def holds() -> JsonObject:
            found = self.name_status(name)
            assert found.get("state") == state, found
            assert reason in ("", found.get("reason")), found
            assert says in found["message"], found
            return found

        try:
            return eventually(holds, within, f"{name} should be {state} {reason}", 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.operator.tail(3000)}") from None

    def wait_until_served(
        self, *addresses: str, name: str = "git", within: float = 20
    ) -> list[str]:
        """Wait until the name server says exactly these."""

        def holds() -> list[str]:
            found = self.dns.serves(name)
            assert found == sorted(addresses), (found, self.name_status(name))
            return found or ["nothing"]

        try:
            return eventually(holds, within, f"{name} should be {addresses}", 0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.operator.tail(3000)}") from None

    def node_of(self, service_name: str) -> Node:
        """Where its one task runs. Raises AssertionError where it does not run once."""
        hosts = self.lab.hosts_of(service_name)
        assert len(hosts) == 1, f"{service_name} runs on {hosts}"
        return next(node for node in self.lab.nodes if node.hostname == hosts[0])

    def wait_until_elsewhere(self, service_name: str, than: Node, within: float = 60) -> Node:
        """Wait until its task runs on another node; which."""

        def moved() -> Node | None:
            hosts = self.lab.hosts_of(service_name)
            if len(hosts) != 1 or hosts == [than.hostname]:
                return None
            return next(node for node in self.lab.nodes if node.hostname == hosts[0])

        return eventually(moved, within, f"{service_name} should leave {than.hostname}")

    def begun(self, service_name: str) -> float:
        """When its running task began to run, by the monotonic clock.

        By the time that the engine noted: nodes and this process share one machine's clock.
        """
        (task,) = self.lab.running_tasks(service_name)
        text = str(task["Status"]["Timestamp"])
        head, _, digits = text.removesuffix("Z").partition(".")
        at = datetime.fromisoformat(f"{head}.{digits[:6].ljust(6, '0')}+00:00")
        return at.timestamp() - time.time() + time.monotonic()


def addresses(*nodes: Node | int) -> list[str]:
    """Public addresses of nodes, sorted."""
    return sorted(public_address(node) for node in nodes)
