"""Terse routes as objects: `x-operator.routes` of a service, `routes` of a document.

Names are made from the service's: its first entry without a name has the service's own, the others a
number behind it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from desired_state import go_values
from desired_state.route_documents import OutsideRoute, TcpServers, UdpServers
from desired_state.route_forms import (
    Canary,
    HttpMatch,
    ServiceRoute,
    Tasks,
    TcpMatch,
    TcpRoute,
    UdpRoute,
)
from swarm_operator.plan.routes.published import How, Target
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    Origin,
    Protocol,
    Refusal,
    RouteObject,
    Value,
    numbered,
)

_ANY_LABEL: Final = r"^[^.]+"


@dataclass(slots=True)
class Terse:
    """The objects of a list of entries, with the load balancers that want tasks."""

    settings: RouteSettings
    base: str
    """The name of routes without one: of the service, or the document."""
    stack: str | None = None
    objects: list[RouteObject] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def add(
        self, entries: Sequence[ServiceRoute | OutsideRoute], origins: Sequence[Origin]
    ) -> None:
        """Add entries, each with where it was written."""
        unnamed = 0
        for entry, origin in zip(entries, origins, strict=True):
            inner = entry.tcp or entry.udp or entry
            name = inner.name
            if name is None:
                unnamed += 1
                name = self.base if unnamed == 1 else f"{self.base}-{unnamed}"
            self._entry(entry, name, origin)

    def _entry(self, entry: ServiceRoute | OutsideRoute, name: str, origin: Origin) -> None:
        if entry.tcp is not None:
            self._put("tcp", "routers", name, tcp_router(entry.tcp, name), origin)
            self._connections("tcp", name, entry.tcp, origin)
        elif entry.udp is not None:
            router: Body = {"entrypoints": (entry.udp.entrypoint,), "service": name}
            self._put("udp", "routers", name, router, origin)
            self._connections("udp", name, entry.udp, origin)
        else:
            self._http(entry, name, origin)

    def _http(self, entry: ServiceRoute | OutsideRoute, name: str, origin: Origin) -> None:
        router = http_router(entry, name, self.settings)
        if entry.strip and entry.path is not None:
            strip = f"{name}-strip"
            body: Body = {"stripprefix": {"prefixes": (entry.path,)}}
            self._put("http", "middlewares", strip, body, origin)
            router["middlewares"] = (*entry.middlewares, strip)
        self._put("http", "routers", name, router, origin)
        balancer = _balancer(entry, name)
        if isinstance(entry, OutsideRoute):
            servers = numbered([{"url": url} for url in entry.servers])
            self._put_balancer("http", name, {**balancer, "servers": servers}, origin)
        elif entry.canary is None:
            self._put_balancer("http", name, balancer, origin)
            self.targets.append(self._target("http", name, entry, entry.port, entry.scheme))
        else:
            self._shared(entry, entry.canary, name, balancer, origin)

    def _shared(
        self, entry: ServiceRoute, canary: Canary, name: str, balancer: Body, origin: Origin
    ) -> None:
        """Two load balancers, and one service that shares the requests between them."""
        stable, other = f"{name}-stable", f"{name}-canary"
        self._put_balancer("http", stable, balancer, origin)
        self._put_balancer("http", other, balancer, origin)
        self.targets.append(self._target("http", stable, entry, entry.port, entry.scheme))
        port = canary.port or entry.port
        tasks_of = f"{self.stack}_{canary.service}" if self.stack else canary.service
        self.targets.append(self._target("http", other, entry, port, entry.scheme, tasks_of))
        weighted: dict[str, Value] = {
            "services": numbered(
                [
                    {"name": stable, "weight": 100 - canary.weight},
                    {"name": other, "weight": canary.weight},
                ]
            )
        }
        if entry.sticky:
            weighted["sticky"] = {"cookie": {"name": f"{_cookie(entry, name)}-share"}}
        self._put("http", "services", name, {"weighted": weighted}, origin)

    def _connections(
        self,
        protocol: Protocol,
        name: str,
        entry: TcpRoute | UdpRoute | TcpServers | UdpServers,
        origin: Origin,
    ) -> None:
        if isinstance(entry, Tasks):
            self._put_balancer(protocol, name, {}, origin)
            self.targets.append(self._target(protocol, name, entry, entry.port, ""))
        else:
            servers = numbered([{"address": address} for address in entry.servers])
            self._put_balancer(protocol, name, {"servers": servers}, origin)

    def _target(
        self,
        protocol: Protocol,
        name: str,
        tasks: Tasks,
        port: int | None,
        scheme: str,
        tasks_of: str = "",
    ) -> Target:
        drain = tasks.drain
        return Target(
            protocol=protocol,
            service=name,
            port=port or 0,
            scheme=scheme,
            how=How(tasks.target),
            network=tasks.network or self.settings.network or None,
            drain_s=self.settings.drain_s if drain is None else _seconds(drain),
            tasks_of=tasks_of,
        )

    def _put_balancer(self, protocol: Protocol, name: str, balancer: Body, origin: Origin) -> None:
        self._put(protocol, "services", name, {"loadbalancer": balancer}, origin)

    def _put(self, protocol: Protocol, kind: str, name: str, body: Body, origin: Origin) -> None:
        self.objects.append(RouteObject(ObjectId(protocol, kind, name), body, origin))


def http_router(entry: HttpMatch, name: str, settings: RouteSettings) -> dict[str, Value]:
    """The router of an entry."""
    https = entry.https if entry.https is not None else settings.resolver or False
    resolver = https if isinstance(https, str) else settings.resolver
    entrypoints = settings.https_entrypoints if https else settings.http_entrypoints
    router: dict[str, Value] = {
        "rule": rule_of(entry),
        "entrypoints": tuple(entry.entrypoint or entrypoints),
        "service": name,
    }
    if https:
        router["tls"] = _tls(resolver, entry.host)
    if entry.middlewares:
        router["middlewares"] = tuple(entry.middlewares)
    if entry.priority is not None:
        router["priority"] = entry.priority
    return router


def rule_of(entry: HttpMatch) -> str:
    """The rule that an entry stands for."""
    if entry.rule is not None:
        return entry.rule
    parts = [_any_of(_host("Host", host) for host in entry.host)] if entry.host else []
    if entry.path is not None:
        parts.append(f"PathPrefix(`{entry.path}`)")
    if len(parts) == 2 and len(entry.host) > 1:
        parts[0] = f"({parts[0]})"
    return " && ".join(parts)


def _tls(resolver: str, hosts: Sequence[str]) -> Body:
    """TLS with certificates of a resolver. It takes the hosts from `Host` and `HostSNI` in the rule;
    those of a regular expression have to be named."""
    if not resolver:
        return {}
    if not any(host.startswith("*.") for host in hosts):
        return {"certresolver": resolver}
    return {"certresolver": resolver, "domains": numbered([{"main": host} for host in hosts])}


def _any_of(parts: Iterable[str]) -> str:
    return " || ".join(parts)


def _host(matcher: str, host: str) -> str:
    if not host.startswith("*."):
        return f"{matcher}(`{host}`)"
    # Every 3.x reads this; `*.` came with 3.7.
    escaped = host[1:].replace(".", "\\.")
    return f"{matcher}Regexp(`{_ANY_LABEL}{escaped}$`)"


def tcp_router(entry: TcpMatch, name: str) -> dict[str, Value]:
    """The router of a TCP entry."""
    router: dict[str, Value] = {
        "rule": _any_of(_host("HostSNI", host) for host in entry.sni or ("*",)),
        "entrypoints": (entry.entrypoint,),
        "service": name,
    }
    tls = ("passthrough" if entry.sni else False) if entry.tls is None else entry.tls
    if tls == "passthrough":
        router["tls"] = {"passthrough": True}
    elif tls:
        router["tls"] = _tls(tls if isinstance(tls, str) else "", entry.sni)
    if entry.middlewares:
        router["middlewares"] = tuple(entry.middlewares)
    return router


def _balancer(entry: HttpMatch, name: str) -> dict[str, Value]:
    balancer: dict[str, Value] = {"passhostheader": True}
    if entry.sticky:
        balancer["sticky"] = {"cookie": {"name": _cookie(entry, name), "httponly": True}}
    return balancer


def _cookie(entry: HttpMatch, name: str) -> str:
    return entry.sticky if isinstance(entry.sticky, str) else f"{name}-task"


def _seconds(duration: str) -> float:
    return go_values.duration(duration) / go_values.NANO


def twice(objects: Iterable[RouteObject]) -> Iterator[Refusal]:
    """Objects that are there twice."""
    seen: set[ObjectId] = set()
    for item in objects:
        if item.id in seen:
            message = f"a second {item.id.kind[:-1]} {item.id.name}: give one another name"
            yield Refusal(item.origin, item.id, "NameTaken", message)
        seen.add(item.id)
