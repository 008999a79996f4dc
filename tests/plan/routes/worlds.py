"""Small worlds of routes that depend on each other, a KV to write them into, and what must hold there."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hypothesis import strategies as st

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.observed.kv import Delete, KvEntry, KvOperation, KvTree, Put
from swarm_operator.plan.routes.changes import diff
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.keys import merged, object_of, server_of
from swarm_operator.plan.routes.ownership import owns
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.stages import Stage, stages
from swarm_operator.plan.routes.stamp import stamp_key
from swarm_operator.plan.routes.tree import Body, ObjectId, RouteObject, RouteTree, Value
from swarm_operator.simulation import consul_transport
from swarm_operator.simulation.kv.api import ConsulApi
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.timeline import Timeline

INSTALLATION = "swarm-1"
OTHER = "swarm-2"
ROOT = "traefik"

SERVICES = ("a", "b", "c", "B")
"""Two of them differ in case only."""
MIDDLEWARES = ("m", "n")
ROUTERS = ("r", "q", "R")


def router(service: str, *middlewares: str, **fields: Value) -> Body:
    body: dict[str, Value] = {"rule": f"Host(`{service}`)", "service": service, **fields}
    return {**body, "middlewares": middlewares} if middlewares else body


def balancer(*servers: str, **fields: Value) -> Body:
    """A service with servers of these names."""
    listed: Body = {name: {"url": f"http://{name}:80", "preservepath": True} for name in servers}
    return {"loadbalancer": {"passhostheader": True, "servers": listed, **fields}}


def tree(objects: Mapping[tuple[str, str], Body]) -> RouteTree:
    """HTTP objects by kind and name."""
    return RouteTree.of(
        RouteObject(ObjectId("http", kind, name), body) for (kind, name), body in objects.items()
    )


@st.composite
def wanted(draw: st.DrawFn, *, servers: int = 12) -> RouteTree:
    """What is wanted: routers, services and middlewares, all that is named among them."""
    objects: dict[tuple[str, str], Body] = {}
    names = draw(st.sets(st.sampled_from(SERVICES), min_size=1))
    if {"b", "B"} <= names:
        names.discard(draw(st.sampled_from(("b", "B"))))
    order = sorted(names)
    for number, name in enumerate(order):
        objects["services", name] = draw(_service(order[:number], servers))
    middlewares = sorted(draw(st.sets(st.sampled_from(MIDDLEWARES))))
    for number, name in enumerate(middlewares):
        objects["middlewares", name] = draw(_middleware(middlewares[:number], order))
    routers = draw(st.sets(st.sampled_from(ROUTERS)))
    if {"r", "R"} <= routers:
        routers.discard(draw(st.sampled_from(("r", "R"))))
    for name in sorted(routers):
        chosen: set[str] = draw(st.sets(st.sampled_from(middlewares))) if middlewares else set()
        fields: dict[str, Value] = {"priority": draw(st.integers(1, 3))}
        body = router(draw(st.sampled_from(order)), *sorted(chosen), **fields)
        objects["routers", name] = body
    return tree(objects)


@st.composite
def _service(draw: st.DrawFn, others: list[str], servers: int) -> Body:
    if bool(others) and draw(st.booleans()):
        children = draw(st.sets(st.sampled_from(others), min_size=1))
        return {"weighted": {"services": {c: {"name": c, "weight": 1} for c in sorted(children)}}}
    first = draw(st.integers(0, 5))
    count = draw(st.integers(1, servers))
    sticky: dict[str, Value] = {"sticky": {"cookie": {}}} if draw(st.booleans()) else {}
    return balancer(*(f"t{number}" for number in range(first, first + count)), **sticky)


@st.composite
def _middleware(draw: st.DrawFn, others: list[str], services: list[str]) -> Body:
    choice = draw(st.integers(0, 2))
    if choice == 0 and others:
        return {"chain": {"middlewares": tuple(others)}}
    if choice == 1:
        return {"errors": {"service": draw(st.sampled_from(services)), "status": ("500",)}}
    return {"addprefix": {"prefix": draw(st.sampled_from(("/x", "/y")))}}


_BY_HAND = {
    "http/routers/r/priority": b"7",
    "http/routers/Q/rule": b"Path(`/`)",
    "http/services/a/loadbalancer/passhostheader": b"false",
    "http/services/A/loadbalancer/passhostheader": b"true",
    "http/services/b/loadbalancer/servers/mine/url": b"http://mine",
    "http/services/theirs/loadbalancer/servers/mine/url": b"http://mine",
    "http/middlewares/m/addprefix/prefix": b"/mine",
    "http/routers/theirs/rule": b"Path(`/theirs`)",
    "elsewhere": b"",
}
foreign_keys = st.sets(st.sampled_from(sorted(_BY_HAND)), max_size=3).map(
    lambda keys: {key: _BY_HAND[key] for key in sorted(keys)}
)
"""Keys that somebody writes by hand."""


@dataclass
class Desk:
    """A KV with one root, and the operator's real client of it."""

    model: Kv = field(init=False)
    client: ConsulKv = field(init=False)

    def __post_init__(self) -> None:
        timeline = Timeline()
        self.model = Kv(timeline, random.Random(1))
        self.client = consul_transport.over(ConsulApi(self.model), timeline).beside(ROOT)

    def read(self) -> KvTree:
        return self.client.read("")

    def by_hand(self, keys: Mapping[str, bytes]) -> None:
        """`consul kv put`: takes the mark of a key away."""
        for key, value in keys.items():
            self.model.put(f"{ROOT}/{key}", value)

    def write(self, target: RouteTree, installation: str = INSTALLATION) -> None:
        """All stages of one plan."""
        for stage in plan(target, self.read(), installation):
            self.client.commit(stage.operations)

    def lying(self) -> dict[str, bytes]:
        """All keys below the root, with their values."""
        return {key: entry.value for key, entry in self.read().entries.items()}

    @property
    def index(self) -> int:
        return self.model.store.kv_index


def plan(
    target: RouteTree, observed: KvTree, installation: str = INSTALLATION
) -> tuple[Stage, ...]:
    return stages(diff(target, observed, installation))


def dangling(observed: KvTree, installation: str = INSTALLATION) -> set[tuple[ObjectId, ObjectId]]:
    """Which objects with keys of ours name what is not there."""
    ours = {
        merged(named)
        for key, entry in observed.entries.items()
        if owns(entry, installation) and (named := object_of(key)) is not None
    }
    found = decode({key: entry.value for key, entry in observed.entries.items()})
    assert found.faults == ()
    return {
        (item.id, ref)
        for item in found.tree
        if merged(item.id) in ours
        for ref in references(item)
        if ref not in found.tree
    }


def bodies(observed: KvTree, installation: str = INSTALLATION) -> dict[ObjectId, Body]:
    """The objects that are wholly ours, but for the stamp."""
    keys = {key: entry for key, entry in observed.entries.items() if object_of(key) is not None}
    theirs = {
        merged(named)
        for key, entry in keys.items()
        if not owns(entry, installation) and (named := object_of(key)) is not None
    }
    stamp = object_of(stamp_key(installation))
    found = decode({key: entry.value for key, entry in keys.items()}).tree
    return {
        item.id: item.body for item in found if merged(item.id) not in theirs and item.id != stamp
    }


def mixed(observed: KvTree) -> dict[str, KvEntry]:
    """All keys of the objects that have keys of others among theirs, under the very same name."""
    ours: set[ObjectId] = set()
    theirs: set[ObjectId] = set()
    for key, entry in observed.entries.items():
        if (named := object_of(key)) is not None:
            (ours if owns(entry, INSTALLATION) else theirs).add(named)
    both = {merged(each) for each in ours & theirs}
    return {
        key: entry
        for key, entry in observed.entries.items()
        if (named := object_of(key)) is not None and merged(named) in both
    }


def without_servers(body: Body) -> object:
    inner = body.get("loadbalancer")
    if not isinstance(inner, Mapping):
        return body
    return {**body, "loadbalancer": {k: v for k, v in inner.items() if k != "servers"}}


def servers(body: Body) -> dict[str, Value]:
    inner = body.get("loadbalancer")
    found = inner.get("servers") if isinstance(inner, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def touched(operations: Iterable[KvOperation]) -> set[str]:
    """The keys that a transaction sets or deletes."""
    return {each.key for each in operations if isinstance(each, Put | Delete)}


def is_server(key: str) -> bool:
    return server_of(key) is not None


def named_by_routers(observed: KvTree) -> set[ObjectId]:
    """What routers name, whosever they are."""
    found = decode({key: entry.value for key, entry in observed.entries.items()}).tree
    return {ref for item in found.of_kind("http", "routers") for ref in references(item)}
