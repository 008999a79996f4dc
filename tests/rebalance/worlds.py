"""Small worlds for the planner: nodes, services and where their tasks are, as one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from swarm_operator.plan.rebalance.mobility import How, Mobility
from swarm_operator.plan.rebalance.moves import Question

UTC_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GIB = 1 << 30


def node(name: str, **changes: Any) -> Node:
    """A ready, active worker with four processors and eight GiB."""
    plain: dict[str, Any] = {
        "id": name, "version": 1, "hostname": name, "role": "worker", "availability": "active",
        "state": "ready", "address": "10.9.0.9", "labels": {}, "platform": ("linux", "x86_64"),
        "nano_cpus": 4_000_000_000, "memory_bytes": 8 * GIB,
    }  # fmt: skip
    return Node(**{**plain, **changes})


def service(name: str, replicas: int, *, endpoint: Any = None, **task: Any) -> Service:
    """A replicated service; `task` are members of its TaskTemplate."""
    template = {"ContainerSpec": {"Image": "i"}, "Placement": {}, **task}
    spec = {
        "Name": name,
        "Labels": {},
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": replicas}},
        **({"EndpointSpec": endpoint} if endpoint else {}),
    }
    return Service(f"id-{name}", 10, name, spec)


def tasks(of: Service, places: Sequence[str], **changes: Any) -> list[Task]:
    """One running task per place, in slots 1, 2, …"""
    return [
        Task(f"{of.name}.{slot}", of.id, place, slot, "running", "running", **changes)
        for slot, place in enumerate(places, start=1)
    ]


def swarm(
    nodes: Sequence[Node], services: Sequence[Service], places: Mapping[str, Sequence[str]]
) -> Swarm:
    """`places` by service name: the nodes of its tasks."""
    found = [task for s in services for task in tasks(s, places.get(s.name, ()))]
    return Swarm("swarm", nodes=tuple(nodes), services=tuple(services), tasks=tuple(found))


def all_movable(of: Swarm, **changes: Any) -> Question:
    """Every service may be moved, directed."""
    mobilities = {s.id: Mobility(How.DIRECTED, "") for s in of.services}
    return Question(mobilities, **changes)


@dataclass(frozen=True)
class Shape:
    """What a random world is made of; `worlds` draws it."""

    nodes: int
    replicas: tuple[int, ...]
    places: tuple[tuple[int, ...], ...]
    bound: tuple[frozenset[int], ...]
    zones: tuple[str, ...] = ()
    spread: frozenset[int] = field(default_factory=frozenset)

    def swarm(self) -> Swarm:
        nodes = [
            node(
                f"n{i}",
                labels={f"s{s}": "yes" for s, allowed in enumerate(self.bound) if i in allowed}
                | ({"zone": self.zones[i]} if self.zones else {}),
            )
            for i in range(self.nodes)
        ]
        services = []
        for s, replicas in enumerate(self.replicas):
            placement: dict[str, Any] = {}
            if len(self.bound[s]) < self.nodes:
                placement["Constraints"] = [f"node.labels.s{s} == yes"]
            if s in self.spread:
                placement["Preferences"] = [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]
            services.append(service(f"svc{s}", replicas, Placement=placement))
        places = {f"svc{s}": [f"n{i}" for i in where] for s, where in enumerate(self.places)}
        return swarm(nodes, services, places)


@st.composite
def worlds(
    draw: st.DrawFn, *, max_nodes: int = 4, max_services: int = 3, max_replicas: int = 4
) -> Shape:
    """Worlds in which every task stands on a node that its service may use."""
    nodes = draw(st.integers(2, max_nodes))
    count = draw(st.integers(1, max_services))
    replicas, places, bound = [], [], []
    for _ in range(count):
        allowed = draw(st.sets(st.integers(0, nodes - 1), min_size=1))
        n = draw(st.integers(1, max_replicas))
        where = draw(st.lists(st.sampled_from(sorted(allowed)), min_size=n, max_size=n))
        replicas.append(n)
        places.append(tuple(where))
        bound.append(frozenset(allowed))
    zones = draw(st.lists(st.sampled_from(["a", "b"]), min_size=nodes, max_size=nodes))
    spread = draw(st.frozensets(st.integers(0, count - 1)))
    return Shape(nodes, tuple(replicas), tuple(places), tuple(bound), tuple(zones), spread)
