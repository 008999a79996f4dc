"""What a service of the swarm publishes by its Traefik labels, as Traefik's Swarm provider has it.

Follows `pkg/provider/docker/config.go` (build) and `pkg/provider/configuration.go`: a router without a
service belongs to the only service there is, a service without routers gets one with the default rule,
one without services gets one of its own name. Wider than there: a service that is no load balancer of
tasks (weighted, mirroring, …), and labels that need no service at all (middlewares, a router to
`api@internal`) do not ask for a port.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from swarm_operator.observed.swarm import Service
from swarm_operator.plan.routes import provider_labels
from swarm_operator.plan.routes.check import without_empty
from swarm_operator.plan.routes.constraints import Constraints
from swarm_operator.plan.routes.label_nodes import LabelFault
from swarm_operator.plan.routes.labels import Decoded, decode
from swarm_operator.plan.routes.load_balancers import LoadBalancers
from swarm_operator.plan.routes.published import Published
from swarm_operator.plan.routes.rule_templates import Model, RuleTemplate
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.template_functions import normalize
from swarm_operator.plan.routes.tree import (
    PROTOCOLS,
    Body,
    ObjectId,
    Origin,
    Protocol,
    Refusal,
    RouteObject,
    RouteTree,
    Severity,
    Value,
)
from swarm_operator.plan.routes.v1_labels import v1_labels

_MAY_FOLLOW: Final = frozenset({"PortMissing", "ServiceMissing", "RuleMissing"})
"""Not told where a label of the same protocol cannot be read: that may be what is missing."""
_COMPOSE: Final = ("com.docker.compose.service", "com.docker.compose.project")


def route_name(service: Service) -> str:
    """What Traefik names a service without a name of its own (`getServiceName`)."""
    parts = [service.labels.get(label, "") for label in _COMPOSE]
    return normalize("_".join(parts) if all(parts) else service.name)


def origin_of(service: Service) -> Origin:
    """A service as where something came from."""
    owner = f"service {service.name}"
    return Origin(service.stack, owner, owner)


def read_labels(
    service: Service, settings: RouteSettings, *, needs_nothing: bool = False
) -> Published | None:
    """What the labels of a service publish; None where they are not about routes, or not published.

    `needs_nothing`: it publishes by other means, so that `traefik.enable` alone asks for no port.
    Raises ValueError where the settings' own texts (default rule, constraints) cannot be read.
    """
    return _Reading(service, settings).published(needs_nothing=needs_nothing)


@lru_cache(maxsize=8)
def _constraints(text: str) -> Constraints:
    return Constraints.parse(text)


@lru_cache(maxsize=8)
def _template(text: str) -> RuleTemplate:
    return RuleTemplate.parse(text)


@dataclass(slots=True)
class _Part:
    """The objects of one protocol, while defaults are filled in."""

    routers: dict[str, dict[str, Value]] = field(default_factory=dict)
    services: dict[str, dict[str, Value]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.routers or self.services)


class _Reading:
    """One service, read once."""

    def __init__(self, service: Service, settings: RouteSettings) -> None:
        self.service = service
        self.settings = settings
        self.name = route_name(service)
        self.origin = origin_of(service)
        self.own = provider_labels.provider_labels(service.labels)
        self.decoded = Decoded()
        self.refusals: list[Refusal] = []
        self.unreadable: frozenset[Protocol] = frozenset()
        self.balancers = LoadBalancers(service, self.own, settings)
        self.bodies: dict[ObjectId, Body] = {}

    def published(self, *, needs_nothing: bool) -> Published | None:
        labels = self.service.labels
        is_enabled = (
            self.settings.exposed_by_default if self.own.enable is None else self.own.enable
        )
        if not is_enabled and not self.own.faults:
            return None
        if not _constraints(self.settings.constraints).match(labels):
            return None
        self.decoded = decode(labels)
        self._tell(self.own.faults, Severity.ERROR)
        self._tell(self.own.warnings, Severity.WARNING)
        self._tell(self.decoded.faults, Severity.ERROR)
        self._tell(self.decoded.warnings, Severity.WARNING)
        old = tuple(v1_labels(labels, self.name))
        says_nothing = not self.decoded.bodies and not self.refusals
        self._tell(old, Severity.WARNING if self.decoded.bodies else Severity.ERROR)
        if says_nothing and not old and (self.own.enable is None or needs_nothing):
            return None
        is_refused = any(refusal.severity is Severity.ERROR for refusal in self.refusals)
        self.unreadable = _protocols(self.decoded.faults)
        if self.decoded.bodies or not is_refused:
            self._fill()
            for subject, path, fault in self.balancers.faults:
                self._refuse(subject, fault.reason, fault.message, *path, severity=fault.severity)
        return self._result()

    def _result(self) -> Published:
        result = Published(
            owner=self.origin.owner,
            origin=self.origin,
            refusals=tuple(self.refusals),
            service_id=self.service.id,
            service_name=self.service.name,
            created_at=self.service.created_at,
        )
        objects = [RouteObject(key, body, self._at(key)) for key, body in self.bodies.items()]
        places = {
            where: self.origin.at(f"label {label}") for where, label in self.decoded.places.items()
        }
        whole = replace(
            result, tree=RouteTree.of(objects), targets=tuple(self.balancers.targets), places=places
        )
        if not result.is_refused:
            return whole
        # What is empty lost what was in it: that is told already.
        return replace(result, draft=replace(whole, tree=RouteTree.of(without_empty(objects))))

    # Faults

    def _tell(self, faults: tuple[LabelFault, ...], severity: Severity) -> None:
        for fault in faults:
            at = self.origin.at(f"label {fault.label}")
            self.refusals.append(Refusal(at, None, fault.reason, fault.message, severity))

    def _refuse(
        self,
        subject: ObjectId,
        reason: str,
        message: str,
        *path: str,
        severity: Severity = Severity.ERROR,
    ) -> None:
        if reason in _MAY_FOLLOW and subject.protocol in self.unreadable:
            return
        self.refusals.append(Refusal(self._at(subject, *path), subject, reason, message, severity))

    def _at(self, subject: ObjectId, *path: str) -> Origin:
        """Where a field was written; the object, or the service, where it was not."""
        places = self.decoded.places
        label = places.get((subject, path)) or places.get((subject, ()))
        return self.origin.at(f"label {label}") if label is not None else self.origin

    # Defaults

    def _fill(self) -> None:
        parts: dict[Protocol, _Part] = {"http": _Part(), "tcp": _Part(), "udp": _Part()}
        for key, body in self.decoded.bodies.items():
            part = parts.get(key.protocol)
            if part is None or key.kind not in {"routers", "services"}:
                self.bodies[key] = body
            elif key.kind == "routers":
                part.routers[key.name] = dict(body)
            else:
                part.services[key.name] = dict(body)
        if parts["tcp"]:
            self._protocol("tcp", parts["tcp"])
        if parts["udp"]:
            self._protocol("udp", parts["udp"])
        if parts["http"] or not self.decoded.bodies:
            self._protocol("http", parts["http"])

    def _protocol(self, protocol: Protocol, part: _Part) -> None:
        if not part.services and not self._needs_no_service(part):
            part.services[self.name] = {}
        if protocol == "http" and not part.routers and len(part.services) == 1:
            part.routers[self.name] = {}
        for name, service in part.services.items():
            key = ObjectId(protocol, "services", name)
            self.bodies[key] = self.balancers.add(key, service)
        for name, router in part.routers.items():
            self._router(ObjectId(protocol, "routers", name), router, tuple(part.services))

    @staticmethod
    def _needs_no_service(part: _Part) -> bool:
        return bool(part.routers) and all(router.get("service") for router in part.routers.values())

    def _router(self, key: ObjectId, router: dict[str, Value], services: tuple[str, ...]) -> None:
        if key.protocol != "udp" and not router.get("rule"):
            if key.protocol == "tcp":
                message = f"the TCP router {key.name} needs a rule, such as HostSNI(`*`)"
                self._refuse(key, "RuleMissing", message)
                return
            router["rule"] = self._default_rule(key)
        if not router.get("service"):
            if len(services) > 1:
                message = (
                    f"the router {key.name} must name one of the services {', '.join(services)}: "
                )
                message += f"write traefik.{key.protocol}.routers.{key.name}.service"
                self._refuse(key, "ServiceMissing", message)
                return
            router["service"] = services[0]
        self.bodies[key] = router

    def _default_rule(self, key: ObjectId) -> str:
        model = Model(self.name, self.service.name, self.service.labels)
        template = _template(self.settings.default_rule)
        try:
            rule = template.rendered(model)
        except ValueError as error:
            self._refuse(key, "RuleMissing", f"the default rule gives none: {error}")
            return ""
        if not rule:
            message = f"the default rule gives none: write traefik.http.routers.{key.name}.rule"
            self._refuse(key, "RuleMissing", message)
        return rule


def _protocols(faults: tuple[LabelFault, ...]) -> frozenset[Protocol]:
    """Which of them labels that cannot be read are about, or are perhaps meant for."""
    words = {fault.label.lower().split(".")[1] for fault in faults if "." in fault.label}
    return frozenset(name for name in PROTOCOLS if any(word.startswith(name) for word in words))


def settings_faults(settings: RouteSettings) -> Iterator[str]:
    """What of the settings' own texts cannot be read, for people."""
    for name, parse, text in (
        ("the default rule", _template, settings.default_rule),
        ("the constraints", _constraints, settings.constraints),
    ):
        try:
            parse(text)
        except ValueError as error:
            yield f"{name}: {error}"
