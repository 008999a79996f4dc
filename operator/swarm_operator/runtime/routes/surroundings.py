"""What the controller of routes works with; a simulation gives its own."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from swarm_operator.observed.swarm import Service
from swarm_operator.plan.actions import Finding
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.runtime.ports import Clock, KvPort, LeaseView, Metrics, SwarmPort
from swarm_operator.runtime.routes.traefik_instances import TraefikInstances
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.toolbox import Identity, RouteNews


@dataclass(frozen=True, slots=True)
class TraefikPlan:
    """What the installation says about Traefik."""

    root: str = "traefik"
    """Its root key; for people, the keys of its port are relative to it."""
    operator_root: str = "swarm-operator"
    """Of the installation: by it and the swarm's id it tells its keys below Traefik's root."""
    service: str | None = None
    """The swarm's service whose tasks are the instances."""
    api: tuple[str, ...] = ()
    """Where they can be asked: a template, or a list."""
    routes: RouteSettings = field(default_factory=RouteSettings)


class RoutesSwarm(SwarmPort, Protocol):
    """The swarm as the controller of routes asks it."""

    def services(self) -> tuple[Service, ...]:
        """The services alone: enough to see that there is no route."""
        ...


@dataclass(frozen=True, slots=True)
class RouteSurroundings:
    """The thread of routes has connections of its own: another controller's trouble is not its."""

    swarm: RoutesSwarm
    kv: KvPort
    """Below the operator's root: status and requests."""
    root: KvPort
    """Below Traefik's root; fenced by the operator's own lock."""
    lease: LeaseView
    clock: Clock
    rng: random.Random
    identity: Identity
    log: Any
    metrics: Metrics
    instances: TraefikInstances
    withdrawing: Withdrawing
    plan: TraefikPlan = field(default_factory=TraefikPlan)
    tell: Callable[[RouteNews], None] = lambda _news: None
    """Told what is worth an event."""
    tell_unrouted: Callable[[Mapping[str, Finding] | None], None] = lambda _unrouted: None
    """Told by stack what is wrong with its routes; None: nobody knows for now."""
