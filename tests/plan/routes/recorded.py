"""What Traefik's own Swarm provider made of labels (`labels/*.recorded.json`), and what is made of them
here, both as trees in one form: without what Traefik fills in by itself, durations as nanoseconds."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from desired_state import go_values
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.routes import fields
from swarm_operator.plan.routes.compile import Compiled, compile_routes
from swarm_operator.plan.routes.dynamic_configuration import DynamicConfiguration
from swarm_operator.plan.routes.fields import Field, FieldType
from swarm_operator.plan.routes.published import How, Published, Servers, Target
from swarm_operator.plan.routes.services import read_service
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import PROTOCOLS, ObjectId

LABELS: Final = Path(__file__).parent / "labels"
RECORDED_WITH: Final = (3, 7, 15)

Tree = dict[str, Any]

DEFAULTS: Final[Mapping[tuple[str, str], Mapping[tuple[str, ...], Any]]] = {
    ("http", "services"): {
        ("loadbalancer", "passhostheader"): True,
        ("loadbalancer", "strategy"): "wrr",
        ("loadbalancer", "responseforwarding", "flushinterval"): 100 * 10**6,
        ("loadbalancer", "sticky", "cookie", "path"): "/",
        ("loadbalancer", "healthcheck", "mode"): "http",
        ("loadbalancer", "healthcheck", "followredirects"): True,
        ("loadbalancer", "healthcheck", "interval"): 30 * 10**9,
        ("loadbalancer", "healthcheck", "timeout"): 5 * 10**9,
        ("loadbalancer", "passivehealthcheck", "failurewindow"): 10 * 10**9,
        ("loadbalancer", "passivehealthcheck", "maxfailedattempts"): 1,
    },
    ("http", "routers"): {("observability", "traceverbosity"): "minimal"},
    ("tcp", "routers"): {("tls", "passthrough"): False},
    ("http", "middlewares"): {
        ("ratelimit", "burst"): 1,
        ("ratelimit", "period"): 10**9,
        ("retry", "maxrequestbodybytes"): 2 * 1024 * 1024,
        ("circuitbreaker", "checkperiod"): 100 * 10**6,
        ("circuitbreaker", "fallbackduration"): 10 * 10**9,
        ("circuitbreaker", "recoveryduration"): 10 * 10**9,
        ("circuitbreaker", "responsecode"): 503,
        ("compress", "encodings"): ("gzip", "br", "zstd"),
        ("forwardauth", "maxbodysize"): -1,
    },
}
"""What Traefik fills in where nothing is said (`SetDefaults` of its structs), and shows."""


def cases() -> Iterator[tuple[str, Any, Any]]:
    """Topic and name, what the file says, what was recorded."""
    for path in sorted(LABELS.glob("*.yaml")):
        recorded = json.loads((LABELS / f"{path.stem}.recorded.json").read_text())
        for case in yaml.safe_load(path.read_text()):
            if case["name"] in recorded:
                yield f"{path.stem}/{case['name']}", case, recorded[case["name"]]


def services_of(case: Any) -> list[Service]:
    """The services of a case, as the engine would show them."""
    return [
        Service(
            id=f"id-{name}",
            version=1,
            name=name,
            spec={
                "Labels": dict(what.get("labels", {})),
                "EndpointSpec": {"Mode": what.get("endpoint_mode", "dnsrr")},
            },
        )
        for name, what in case["services"].items()
    ]


def compiled(case: Any) -> Compiled:
    """What is made of a case here, without the shared objects."""
    settings = RouteSettings(**case.get("settings", {}), shared_objects=False)
    published = [read_service(service, settings) for service in services_of(case)]

    def servers_of(owner: Published, target: Target) -> Servers:
        what = case["services"][owner.service_name]
        networks = what.get("networks", ["edge"])
        network = target.network if target.network in networks else next(iter(networks), None)
        if network is None:
            return Servers()
        place = f"{{vip:{network}}}" if target.how is How.VIP else f"{{{network}}}"
        count = 1 if target.how is How.VIP else what.get("replicas", 1)
        addresses = {f"task-{n}": f"{place}:{target.port}" for n in range(count)}
        return Servers(addresses)

    return compile_routes(
        [each for each in published if each is not None],
        settings=settings,
        servers_of=servers_of,
        version=RECORDED_WITH,
    )


def ours(case: Compiled) -> Tree:
    return {item.id.path: _comparable(item.id, item.body) for item in case.tree}


def theirs(recorded: Any) -> Tree:
    reader = DynamicConfiguration("recorded")
    for protocol in PROTOCOLS:
        reader.read(protocol, recorded.get(protocol, {}))
    assert reader.faults == []
    return {key.path: _comparable(key, body) for key, body in reader.bodies.items()}


def _comparable(key: ObjectId, body: Any) -> Any:
    shape = fields.find(key.protocol, key.kind)
    assert shape is not None
    plain = _plain(shape, body)
    for path, value in DEFAULTS.get((key.protocol, key.kind), {}).items():
        _drop(plain, path, value)
    return plain


def _plain(shape: Field, value: Any) -> Any:
    match shape.type:
        case FieldType.DURATION:
            seconds = value.lstrip("+-").isdigit()
            return int(value) * go_values.NANO if seconds else go_values.duration(value)
        case FieldType.STRUCTS:
            elements = [_plain(fields.as_element(shape), each) for each in value.values()]
            is_servers = shape.name == "servers"
            return sorted(elements, key=json.dumps) if is_servers else elements
        case FieldType.STRUCT | FieldType.PRESENCE:
            return {name: _plain(shape.fields[name], each) for name, each in value.items()}
        case FieldType.MAP:
            assert shape.of is not None
            return {name: _plain(shape.of, each) for name, each in value.items()}
    return value


def _drop(body: Any, path: tuple[str, ...], value: Any) -> None:
    *above, last = path
    parents = []
    for name in above:
        parents.append((body, name))
        body = body.get(name) if isinstance(body, dict) else None
    if isinstance(body, dict) and body.get(last) == value:
        del body[last]
        if not body and last == "flushinterval":
            parent, name = parents[-1]
            del parent[name]
