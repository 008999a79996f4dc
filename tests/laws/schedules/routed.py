"""Services with routes in few words, so that a schedule's script can be read: what people push of them,
and what other hands label.

A service says `routes` (one of `KINDS`), `host`, `replicas`, `image`, `order`; none of them must be said.
Routers and services of Traefik are named after the service of the swarm, `shop-web`; but for `main`,
which several services may want.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.laws.schedules.hands import relabel
from tests.laws.schedules.people import Document, Push

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

Words = dict[str, Any]
MAIN: Final = "main"
KINDS: Final = ("one", "two", "shown", MAIN, "bad", "astray", "terse", "none")
"""A router; two; one with a middleware; the one that others want too; one with a label that Traefik
refuses; one that names what is nowhere; the terse form; no route."""


def labels_of(name: str, words: Words) -> dict[str, str]:
    """Traefik's labels of a service; `name` is what its router is called."""
    kind, host = words.get("routes", "one"), words.get("host", "test")
    match kind:
        case "none" | "terse":
            return {}
        case "two":
            return _routers(name, host, [name, f"{name}-second"])
        case "shown":
            more = {
                f"traefik.http.routers.{name}.middlewares": f"{name}-shown",
                f"traefik.http.middlewares.{name}-shown.headers.customresponseheaders.X-By": host,
            }
        case "bad":
            more = {f"traefik.http.routers.{name}.nosuch": "1"}
        case "astray":
            more = {f"traefik.http.routers.{name}.middlewares": "nowhere"}
        case _:
            more = {}
    router = MAIN if kind == MAIN else name
    return {**_routers(router, host, [router]), **more}


def _routers(service: str, host: str, routers: list[str]) -> dict[str, str]:
    labels = {f"traefik.http.services.{service}.loadbalancer.server.port": "80"}
    for router in routers:
        at = f"traefik.http.routers.{router}"
        labels[f"{at}.rule"] = f"Host(`{router}.{host}`)"
        labels[f"{at}.entrypoints"] = "web"
        labels[f"{at}.service"] = service
    return labels


def document_of(stack: str, words: Words) -> Document:
    """The Compose document of a stack."""
    services = words.get("services") or {}
    return {"services": {name: _service(stack, name, each) for name, each in services.items()}}


def _service(stack: str, name: str, words: Words) -> Document:
    deploy = {
        "replicas": words.get("replicas", 1),
        "update_config": {"order": words.get("order", "stop-first"), "parallelism": 0},
        "labels": labels_of(f"{stack}-{name}", words),
    }
    service: Document = {"image": words.get("image", "app:1"), "deploy": deploy}
    if words.get("routes") == "terse":
        host = f"{name}.{stack}.{words.get('host', 'test')}"
        route = {"name": f"{stack}-{name}", "host": host, "port": 80}
        service["x-operator"] = {"routes": route}
    return service


@dataclass(frozen=True)
class PushRouted:
    """`swarm-operator push` of a stack whose services have routes."""

    stack: str
    document: Words = field(default_factory=dict)

    def do(self, lab: "Lab") -> None:
        Push(self.stack, document_of(self.stack, self.document)).do(lab)


@dataclass(frozen=True)
class Relabel:
    """`docker service update --label-add … --label-rm …`: its routes are others from now on."""

    service: str
    routes: str
    host: str = "test"

    def do(self, lab: "Lab") -> None:
        words = {"routes": self.routes, "host": self.host}
        relabel(lab, self.service, labels_of(self.service.replace("_", "-"), words))
