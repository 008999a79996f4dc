"""The load balancers of a service's labels: what they are over (`addServer` of
`pkg/provider/docker/config.go`).

In labels a load balancer has one `server`, which stands for all tasks: its port and scheme say how they
are reached, its other fields are those of each of them. Or it has an address of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.routes.labels import SERVER
from swarm_operator.plan.routes.provider_labels import ProviderLabels
from swarm_operator.plan.routes.published import How, Target
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import Body, ObjectId, Severity, Value, nested

_SCHEMES: Final = ("http", "https", "h2c")


@dataclass(frozen=True, slots=True)
class ServerFault:
    """What is wrong with how a service's tasks are to be reached."""

    reason: str
    message: str
    severity: Severity = Severity.ERROR


@dataclass(slots=True)
class LoadBalancers:
    """Those of one service of the swarm, one after another."""

    service: Service
    own: ProviderLabels
    settings: RouteSettings
    targets: list[Target] = field(default_factory=list)
    faults: list[tuple[ObjectId, tuple[str, ...], ServerFault]] = field(default_factory=list)
    """The object, the field in it, and what is wrong."""

    def add(self, key: ObjectId, service: Body) -> Body:
        """The body of a service of Traefik's, without `server`, which became a target."""
        if service and "loadbalancer" not in service:
            return service
        balancer = dict(nested(service.get("loadbalancer")))
        server = dict(nested(balancer.pop(SERVER, None)))
        if key.protocol == "http":
            balancer.setdefault("passhostheader", True)  # so that it is there without servers
        if url := server.get("url"):
            balancer["servers"] = self._static(key, server, str(url))
        else:
            self._target(key, server)
        return {**service, "loadbalancer": balancer}

    def _static(self, key: ObjectId, server: Mapping[str, Value], url: str) -> Body:
        """A server with an address of its own, instead of the tasks."""
        if server.get("scheme") or server.get("port"):
            self._fault(key, "BadValue", "url stands beside port or scheme: keep one", "url")
        kept = {name: value for name, value in server.items() if name not in {"scheme", "port"}}
        return {"url": {**kept, "url": url}}

    def _target(self, key: ObjectId, server: dict[str, Value]) -> None:
        port = self._port(key, str(server.pop("port", "")))
        scheme = str(server.pop("scheme", "")) or ("http" if key.protocol == "http" else "")
        if scheme and scheme not in _SCHEMES:
            message = f"the scheme must be {', '.join(_SCHEMES)}"
            self._fault(key, "BadValue", message, "scheme")
        if port is None:
            return
        server.pop("url", None)
        network = self.settings.network if self.own.network is None else self.own.network
        target = Target(
            protocol=key.protocol,
            service=key.name,
            port=port,
            scheme=scheme,
            how=self._how(key),
            network=network or None,
            drain_s=self.settings.drain_s,
            server=server,
        )
        self.targets.append(target)

    def _port(self, key: ObjectId, text: str) -> int | None:
        if not text:
            where = f"traefik.{key.protocol}.services.{key.name}.loadbalancer.server.port"
            self._fault(key, "PortMissing", f"the port of the tasks is missing: write {where}")
        elif (port := _port_of(text)) is None:
            self._fault(key, "BadValue", "must be a port, a number from 1 to 65535", "port")
        else:
            return port
        return None

    def _how(self, key: ObjectId) -> How:
        if not self.own.lbswarm:
            return How.AUTO
        if dig(self.service.spec, "EndpointSpec", "Mode") != "dnsrr":
            return How.VIP
        message = "lbswarm has no effect: in the endpoint mode dnsrr there is no virtual address"
        self.faults.append((key, (), ServerFault("HasNoEffect", message, Severity.WARNING)))
        return How.AUTO

    def _fault(self, key: ObjectId, reason: str, message: str, name: str = "") -> None:
        path = ("loadbalancer", SERVER, name) if name else ()
        self.faults.append((key, path, ServerFault(reason, message)))


def _port_of(text: str) -> int | None:
    """A port; None where the text is none. Zeros before it do not count, however many."""
    digits = text.lstrip("0")
    if not (text.isascii() and text.isdigit() and 0 < len(digits) <= 5):
        return None
    return port if (port := int(digits)) < 65536 else None
