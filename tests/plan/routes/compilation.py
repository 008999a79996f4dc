"""Services and documents of a few words, compiled."""

from collections.abc import Mapping, Sequence
from typing import Any

from swarm_operator.observed.swarm import STACK_LABEL, Service
from swarm_operator.plan.routes.compile import Compiled, compile_routes
from swarm_operator.plan.routes.documents import read_document
from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.published import Previous, Published, Servers, Target
from swarm_operator.plan.routes.services import read_service
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import ObjectId, RouteTree

NEWEST: Version = (3, 7, 0)


def service(
    name: str, labels: Mapping[str, str], created_at: str = "", mode: str = "vip"
) -> Service:
    """A service, of the stack before the first underscore of its name."""
    stack, underscore, _ = name.partition("_")
    own = {STACK_LABEL: stack} if underscore else {}
    return Service(
        id=f"id-{name}",
        version=1,
        name=name,
        spec={"Labels": {**own, **labels}, "EndpointSpec": {"Mode": mode}},
        created_at=created_at,
    )


def read(
    name: str,
    labels: Mapping[str, str],
    settings: RouteSettings | None = None,
    created_at: str = "",
) -> Published | None:
    """What a service with these labels publishes."""
    return read_service(service(name, labels, created_at), settings or RouteSettings())


def tasks(owner: Published, target: Target) -> Servers:
    """Two tasks of every service."""
    name = target.tasks_of or owner.service_name
    return Servers({f"{name}-{n}": f"10.0.0.{n}:{target.port}" for n in (1, 2)})


def compiled(
    *published: Published | None,
    settings: RouteSettings | None = None,
    version: Version = NEWEST,
    previous: Previous | None = None,
    foreign: Sequence[ObjectId] = (),
    servers_of: Any = tasks,
) -> Compiled:
    """What comes of them all."""
    return compile_routes(
        [each for each in published if each is not None],
        settings=settings or RouteSettings(shared_objects=False),
        servers_of=servers_of,
        version=version,
        previous=previous,
        foreign=foreign,
    )


def of_case(case: Mapping[str, Any]) -> Compiled:
    """A case of a file: `services` (by name their labels), `documents` (by name their text)."""
    words = {"shared_objects": False, **case.get("settings", {})}
    for name in ("http_entrypoints", "https_entrypoints"):
        if name in words:
            words[name] = tuple(words[name])
    settings = RouteSettings(**words)
    published = [
        read(name, labels, settings, created_at=f"{number:03d}")
        for number, (name, labels) in enumerate(case.get("services", {}).items())
    ]
    published += (
        read_document(name, text.encode(), settings)
        for name, text in case.get("documents", {}).items()
    )
    version = tuple(case.get("version", NEWEST))
    parked = case.get("parked", ())

    def servers_of(owner: Published, target: Target) -> Servers:
        name = target.tasks_of or owner.service_name
        if name in case.get("gone", ()):
            return Servers(is_served=False)
        if name in parked:
            return Servers({"tasks": f"tasks.{name}:{target.port}"}, parked=True, is_served=False)
        return tasks(owner, target)

    foreign = [ObjectId(*path.split("/")) for path in case.get("foreign", ())]
    return compiled(
        *published,
        settings=settings,
        version=version,
        foreign=foreign,
        servers_of=servers_of,
    )


def plain(tree: RouteTree) -> dict[str, Any]:
    """A tree as YAML would have it."""
    return {item.id.path: _plain(item.body) for item in tree}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return list(value) if isinstance(value, tuple) else value
