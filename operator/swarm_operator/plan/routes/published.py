"""What a service publishes, before anything is known of its tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    Origin,
    Protocol,
    Refusal,
    RouteObject,
    RouteTree,
    Severity,
)


class How(StrEnum):
    """By which addresses Traefik reaches a service's tasks."""

    AUTO = "auto"
    """Whatever fits: see `servers.py`."""
    TASKS = "tasks"
    """Each task's address on a network shared with Traefik."""
    DNS = "dns"
    """The name `tasks.<service>`."""
    VIP = "vip"
    """The service's virtual address."""
    NODE = "node"
    """The address of each task's node, and the port published there in host mode."""


@dataclass(frozen=True, slots=True)
class Target:
    """A load balancer that wants the tasks of the service as its servers."""

    protocol: Protocol
    service: str
    """The name of Traefik's service (not Swarm's): http/services/<service>."""
    port: int
    """Inside the task's network namespace."""
    scheme: str = "http"
    """http, https or h2c; empty for tcp and udp."""
    how: How = How.AUTO
    network: str | None = None
    """Name of the network to use; None: any that Traefik shares."""
    drain_s: float = 5.0
    """Seconds that its last requests get after a server was taken out."""
    server: Body = field(default_factory=dict)
    """Further fields of each server: weight, preservepath, tls."""
    tasks_of: str = ""
    """The name of the service of the swarm whose tasks these are; empty: the one that publishes."""

    @property
    def id(self) -> ObjectId:
        return ObjectId(self.protocol, "services", self.service)


@dataclass(frozen=True, slots=True)
class Published:
    """What one service of the swarm, or one document, publishes; or why it does not."""

    owner: str
    """"service shop_web", "desired/routes/legacy"."""
    origin: Origin
    tree: RouteTree = field(default_factory=RouteTree)
    """Without the servers of `targets`."""
    targets: tuple[Target, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    """With an error among them the tree is empty: a service is published whole or not at all."""
    service_id: str = ""
    """Empty for a document."""
    service_name: str = ""
    places: Mapping[tuple[ObjectId, tuple[str, ...]], Origin] = field(
        default_factory=dict, compare=False
    )
    """Where each field of an object was written, as far as it was written at all."""
    draft: "Published | None" = None
    """Of a refused one what could be read nevertheless: looked at for more faults, never published."""
    created_at: str = ""
    """Of two that want the same, the older one keeps it where nobody remembers who had it."""

    def where(self, item: RouteObject, path: tuple[str, ...] = ()) -> Origin:
        """Where a field was written; what is above it, where it was not."""
        for end in range(len(path), -1, -1):
            place = self.places.get((item.id, path[:end]))
            if place is not None:
                return place
        return item.origin

    @property
    def is_refused(self) -> bool:
        return any(refusal.severity is Severity.ERROR for refusal in self.refusals)


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses of a target, as they are now."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    """"host:port" by task id, or by another name where it is no task's address ("tasks", "vip")."""
    parked: bool = False
    """Whether the only address is a DNS name that may have nobody behind it for a moment: requests are
    then repeated for longer."""
    is_served: bool = True
    """Whether a task answers there now; without one, a weighted service sends nobody there."""


ServersOf: TypeAlias = Callable[[Published, Target], Servers]


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with one owner's objects by themselves, for one version of Traefik."""

    published: Published
    version: tuple[int, int, int]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Previous:
    """What is remembered of the last compilation; empty after a start."""

    owners: Mapping[ObjectId, tuple[str, ...]] = field(default_factory=dict)
    """Who had each object: of two that want the same, that one keeps it."""
    last_good: Mapping[str, Published] = field(default_factory=dict)
    """By owner: what a refused one goes on publishing."""
    checked: Mapping[str, Checked] = field(default_factory=dict)
    """By owner: what was found in it by itself; it is not looked for again while it is the same."""
