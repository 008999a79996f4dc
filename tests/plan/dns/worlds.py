"""Nodes, tasks and bindings in few words."""

from collections.abc import Iterable, Mapping
from typing import Any

from desired_state.dns_forms import DnsBinding
from swarm_operator.observed.swarm import Node, Service, Swarm, Task

SERVICE = "s1"
ADDRESSES = {"node1": "51.75.10.1", "node2": "51.75.10.2", "node3": "51.75.10.3"}


def node(
    name: str,
    *,
    state: str = "ready",
    availability: str = "active",
    address: str = "10.0.0.1",
    labels: Mapping[str, str] | None = None,
    reachability: str | None = None,
) -> Node:
    return Node(
        id=name,
        version=1,
        hostname=name,
        role="manager" if reachability else "worker",
        availability=availability,
        state=state,
        address=address,
        labels=labels or {},
        reachability=reachability,
    )


def task(
    id_: str,
    where: str | None,
    *,
    wished: str = "running",
    state: str = "running",
    slot: int | None = 1,
    at: str = "07:31:17.024",
) -> Task:
    return Task(
        id=id_,
        service_id=SERVICE,
        node_id=where,
        slot=slot,
        desired_state=wished,
        state=state,
        created_at=f"2026-11-21T{at}Z",
    )


MANAGERS = tuple(node(f"m{n}", reachability="reachable") for n in (1, 2, 3))
WORKERS = tuple(node(name, address=address) for name, address in ADDRESSES.items())


def swarm(
    tasks: Iterable[Task], nodes: Iterable[Node] = WORKERS, managers: Iterable[Node] = MANAGERS
) -> Swarm:
    return Swarm("c", nodes=(*managers, *nodes), services=(service(),), tasks=tuple(tasks))


def service(replicas: int | None = 1, **fields: Any) -> Service:
    mode = {"Global": {}} if replicas is None else {"Replicated": {"Replicas": replicas}}
    return Service(SERVICE, 1, "shop_git", {"Mode": mode, "Labels": {}}, **fields)


def binding(**fields: Any) -> DnsBinding:
    return DnsBinding.model_validate({"zone": "example.org", "name": "git", **fields})
