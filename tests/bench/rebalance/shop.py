"""What runs on the benchmark's swarm: one service for each sort that a move has to get right."""

from dataclasses import dataclass, field
from typing import Final

from tests.cluster.harness.images import Image
from tests.cluster.scenarios.documents import JsonObject, document

STACK: Final = "shop"
PREFIX: Final = f"{STACK}_"
NETWORK: Final = "net"
HOST_PORT: Final = 8080
SSD: Final = ("node2", "node3", "node5")
"""Workers with the label that one service's constraint asks for."""
ZONES: Final = {"node2": "b", "node3": "a", "node4": "b", "node5": "a"}
POLICY: Final = (
    "rebalance: {{hold_off: {hold_off}, settle: 3s, canary: 5s, min_age: 10s, between_moves: 5s, "
    "moves_per_hour: 600, default: auto, mode: {mode}}}\n"
)
"""The small gates that desired_state/README.md gives for a demonstration; `default: auto`, for the
manager has none of the images."""

_SECOND_NS: Final = 10**9
_SERVE: Final = ("httpd", "-f", "-p", "80", "-h", "/www")
_PAGE: Final = {"/www/index.html": "here\n"}

DEAF: Final = Image("lab/deaf:1", cmd=_SERVE, files=_PAGE)
"""A server that ignores SIGTERM, as process 1 without a handler does: killed after 10 s."""


def frail(*, healthy: bool) -> Image:
    """One name, two images: a node that holds the other one gets no task healthy."""
    return Image(
        "lab/frail:1",
        cmd=["until-term", *_SERVE],
        files={**_PAGE, "/bin/healthy": f"#!/bin/sh\nexit {0 if healthy else 1}\n"},
        healthcheck={
            "Test": ["CMD", "healthy"],
            "Interval": 2 * _SECOND_NS,
            "Timeout": 2 * _SECOND_NS,
            "Retries": 2,
        },
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """A service, and what the bars need to know of it."""

    name: str
    replicas: int
    """0: one on every worker."""
    what: str
    image: str = "lab/web:1"
    movable: bool = True
    nodes: tuple[str, ...] = ()
    """Where alone it may run; empty: on every worker."""
    most_per_node: int = 99
    spread_by: str = ""
    operator: JsonObject = field(default_factory=dict)
    placement: JsonObject = field(default_factory=dict)
    deploy: JsonObject = field(default_factory=dict)
    fields: JsonObject = field(default_factory=dict)
    by_name: bool = True
    """Whether clients reach it by its name on the overlay network."""

    @property
    def full_name(self) -> str:
        return f"{PREFIX}{self.name}"

    def in_document(self) -> JsonObject:
        placement = dict(self.placement)
        # The manager is active, so that clients on it may join the network, and carries nothing else.
        placement["constraints"] = ["node.role==worker", *placement.get("constraints", ())]
        deploy: JsonObject = {"endpoint_mode": "dnsrr", "placement": placement, **self.deploy}
        deploy |= {"replicas": self.replicas} if self.replicas else {"mode": "global"}
        return {
            "image": self.image,
            "networks": [NETWORK],
            **({"x-operator": self.operator} if self.operator else {}),
            **self.fields,
            "deploy": deploy,
        }


KINDS: Final = (
    Kind("six", 6, "start-first", deploy={"update_config": {"order": "start-first"}}),
    Kind("four", 4, "nothing said: stop-first"),
    Kind("three", 3, "slow start, health check", image="lab/slow:1"),
    Kind("two", 2, "two"),
    Kind("one", 1, "one; overlap", operator={"rebalance": "overlap"}),
    Kind("deaf", 3, "ignores SIGTERM", image=DEAF.name),
    Kind(
        "ssd",
        3,
        "constraint: three nodes",
        nodes=SSD,
        placement={"constraints": ["node.labels.disk==ssd"]},
    ),
    Kind("cap", 4, "max. 2 a node", most_per_node=2, placement={"max_replicas_per_node": 2}),
    Kind(
        "port",
        2,
        "host port, spread over zones",
        most_per_node=1,
        spread_by="zone",
        by_name=False,
        placement={"preferences": [{"spread": "node.labels.zone"}]},
        fields={"ports": [{"target": 80, "published": HOST_PORT, "mode": "host"}]},
    ),
    Kind(
        "declared",
        2,
        "stop-first in the document",
        movable=False,
        deploy={"update_config": {"order": "stop-first"}},
    ),
    Kind(
        "data",
        1,
        "a local volume",
        movable=False,
        nodes=("node3",),
        placement={"constraints": ["node.hostname==node3"]},
        fields={"volumes": ["data:/data"]},
    ),
    Kind("every", 0, "global", movable=False),
)
FRAIL: Final = Kind(
    "frail",
    4,
    "never healthy on one node",
    image="lab/frail:1",
    nodes=("node2", "node3", "node4"),
)
"""Only in the scenario that is about it."""


def shop(kinds: tuple[Kind, ...] = KINDS, **changes: JsonObject) -> str:
    """The document; `changes` are further fields of services, by their names in it."""
    services = {kind.name: {**kind.in_document(), **changes.get(kind.name, {})} for kind in kinds}
    networks = {NETWORK: {"driver": "overlay", "attachable": True}}
    return document(services, networks=networks, volumes={"data": {}})
