"""What an owner published that nobody remembers any more, read back from its keys: its objects without
what was added to them, and whose tasks their servers were. So its tasks of today are served."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from swarm_operator.observed.swarm import Service, Task
from swarm_operator.plan.routes.published import How, Published, Target
from swarm_operator.plan.routes.servers import TASKS, VIP, Surroundings
from swarm_operator.plan.routes.shared_objects import SHARED, without_shared
from swarm_operator.plan.routes.tree import (
    Body,
    Origin,
    RouteObject,
    RouteTree,
    at,
    nested,
    without,
)

_SERVERS: Final = ("loadbalancer", "servers")
_NAME: Final = "tasks."


def read_back(
    origin: Origin,
    items: Iterable[RouteObject],
    around: Surroundings,
    drain_s: float,
    wished: Published | None = None,
) -> Published:
    """The owner's last good state by `items`, its routers as they lie there with all that they name.

    Servers of which it cannot be said whose tasks they were stay as they are. `wished`: what it wants
    today, which tells whose tasks are to be behind a load balancer that had none.
    """
    service = around.swarm.services_by_name.get(origin.owner.removeprefix("service "))
    if not origin.owner.startswith("service "):
        service = None
    past = _Past(around, {task.id: task for task in around.swarm.tasks}, drain_s)
    found: list[RouteObject] = []
    targets: list[Target] = []
    for item in items:
        if item.id in SHARED:
            continue
        target = past.target(item, service) if service is not None else None
        if target is None and not at(item.body, *_SERVERS):
            today = wished.targets if wished is not None else ()
            target = next((each for each in today if each.id == item.id), None)
        plain = without_shared(item)
        if target is not None:
            targets.append(target)
            plain = replace(plain, body=without(plain.body, _SERVERS))
        found.append(replace(plain, origin=origin))
    return Published(
        owner=origin.owner,
        origin=origin,
        tree=RouteTree.of(found),
        targets=tuple(targets),
        service_id=service.id if service is not None else "",
        service_name=service.name if service is not None else "",
        created_at=service.created_at if service is not None else "",
    )


@dataclass(frozen=True)
class _Past:
    """Whose an address was."""

    around: Surroundings
    tasks: Mapping[str, Task]
    drain_s: float

    def target(self, item: RouteObject, owner: Service) -> Target | None:
        """Of a load balancer; None where its servers are nobody's tasks that is known."""
        candidates = [
            each
            for name, server in nested(at(item.body, *_SERVERS)).items()
            if (each := self._of_server(item, name, nested(server), owner)) is not None
        ]
        own = [each for each in candidates if not each.tasks_of]
        # Others may share it, who publish for themselves; a canary's tasks are another service's.
        if own or len({each.tasks_of for each in candidates}) == 1:
            return (own or candidates)[0]
        return None

    def _of_server(
        self, item: RouteObject, name: str, server: Body, owner: Service
    ) -> Target | None:
        scheme, _, address = str(server.get("url", server.get("address", ""))).rpartition("://")
        host, _, text = address.rpartition(":")
        if not text.isdecimal():
            return None
        further = {key: each for key, each in server.items() if key not in {"url", "address"}}
        target = Target(
            item.id.protocol,
            item.id.name,
            int(text),
            scheme,
            drain_s=self.drain_s,
            server=further,
        )
        if name.startswith(TASKS) and host.startswith(_NAME):
            return self._of(target, host.removeprefix(_NAME), owner)
        if name == VIP:
            network = next((n for n, ip in owner.virtual_ips.items() if ip == host), None)
            return replace(target, how=How.VIP, network=self._name(network)) if network else None
        task = self.tasks.get(name)
        service = self.around.swarm.services_by_id.get(task.service_id) if task else None
        if task is None or service is None:
            return None
        target = self._of(target, service.name, owner)
        network = next((n for n, ip in task.addresses.items() if ip == host), None)
        if network is not None:
            publisher = Published(owner.name, item.origin, service_id=owner.id)
            plain = self.around.servers_of(publisher, target).addresses.get(name)
            # Named only where it must be: then the service may go to another network that is shared.
            return target if plain == address else replace(target, network=self._name(network))
        inner = next((p.target for p in task.host_ports if p.published == target.port), None)
        return replace(target, how=How.NODE, port=inner) if inner is not None else None

    def _of(self, target: Target, service: str, owner: Service) -> Target:
        return target if service == owner.name else replace(target, tasks_of=service)

    def _name(self, network: str) -> str | None:
        return self.around.swarm.network_names.get(network)
