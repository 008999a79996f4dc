"""Where the tasks of a service are reached: the servers of Traefik's services, by task.

A task is a server while it is wished *and* seen to run on a node that is up. It is taken out the moment
Swarm no longer wishes it: from then on it still serves for 3.1 s on an overlay network and for 1.1 s
with host ports alone (measured; swarmkit's agent and moby's executor). But a service is never left
without any server while it is to run: requests wait at its DNS name instead.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Service, Swarm, Task
from swarm_operator.plan.routes.published import How, Published, Servers, Target

TASKS: Final = "tasks"
"""The server that is the DNS name of all tasks; no task has such an id."""
VIP: Final = "vip"
SELF_LABEL: Final = "io.swarm-operator.self"
"""On the services of the stack that the operator itself is part of."""


@dataclass(frozen=True)
class Surroundings:
    """What the addresses of servers follow from."""

    swarm: Swarm
    withdrawn: frozenset[str] = frozenset()
    """Ids of tasks that nobody is to be sent to any more, though they run."""
    shared: frozenset[str] | None = None
    """Ids of the networks that Traefik's tasks are on; None where nobody told who they are."""

    @cached_property
    def ingress(self) -> frozenset[str]:
        """Ids of networks on which no task can be reached by another."""
        return frozenset(network.id for network in self.swarm.networks if network.is_ingress)

    @cached_property
    def own(self) -> frozenset[str]:
        """Ids of the networks that the operator's own stack is on: they are for its talk, and taken
        for requests last."""
        return networks_of_own(self.swarm)

    def service_of(self, published: Published, target: Target) -> Service | None:
        """Whose tasks a target wants: the service's own, or those of the one that it names."""
        if target.tasks_of:
            return self.swarm.services_by_name.get(target.tasks_of)
        return self.swarm.services_by_id.get(published.service_id)

    def servers_of(self, published: Published, target: Target) -> Servers:
        """The servers of one target, now."""
        service = self.service_of(published, target)
        if service is None:
            return Servers(is_served=False)
        tasks = _Tasks(self, service)
        return replace(tasks.servers(target), is_served=bool(tasks.serving))

    def serving(self, service: Service) -> tuple[Task, ...]:
        """The tasks that requests may be sent to."""
        return _Tasks(self, service).serving

    def why_unreachable(self, published: Published, target: Target) -> str:
        """Why a target has no server though tasks are to run; "" where it has one, or nothing speaks
        against one."""
        service = self.service_of(published, target)
        if service is None:
            return f"there is no service {target.tasks_of}" if target.tasks_of else ""
        tasks = _Tasks(self, service)
        if wanted(service) == 0 or tasks.servers(target).addresses:
            return ""
        return tasks.why_unreachable(target)


@dataclass(frozen=True)
class _Tasks:
    """One service's tasks."""

    around: Surroundings
    service: Service
    tasks: tuple[Task, ...] = field(init=False)
    serving: tuple[Task, ...] = field(init=False)

    def __post_init__(self) -> None:
        tasks = self.around.swarm.tasks_by_service.get(self.service.id, ())
        nodes_up = self.around.swarm.nodes_up
        serving = tuple(
            task
            for task in tasks
            if is_running(task)
            and task.node_id in nodes_up
            and task.id not in self.around.withdrawn
        )
        object.__setattr__(self, "tasks", tasks)
        object.__setattr__(self, "serving", serving)

    def servers(self, target: Target) -> Servers:
        network = self._network(target)
        match target.how:
            case How.NODE:
                return self._on_nodes(target)
            case How.DNS:
                return self._by_name(target, parked=not self.serving or self._is_single())
            case How.VIP:
                address = self.service.virtual_ips.get(network or "")
                if address is not None:
                    return Servers({VIP: _joined(address, target.port)})
                return self._by_name(target, parked=not self.serving)
            case How.AUTO if network is None and self._has_host_port(target):
                return self._on_nodes(target)
            case _:
                return self._on_network(target, network)

    def why_unreachable(self, target: Target) -> str:
        """For people."""
        if target.how is How.NODE:
            if self._has_host_port(target):
                return ""
            return f"port {target.port} is not published in host mode"
        if self._network(target) is not None:
            return ""
        if target.how is How.AUTO and self._has_host_port(target):
            return ""
        if target.network is not None:
            return f"the service is not on the network {target.network}"
        if self._networks():
            return "the service shares no network with Traefik"
        return f"the service is on no network, and port {target.port} is not published in host mode"

    def _on_network(self, target: Target, network: str | None) -> Servers:
        if network is None:
            return Servers()
        if self._is_single():
            # Its next task begins when it has stopped: a name needs no change then, and loses nothing.
            return self._by_name(target, parked=True)
        found = {
            task.id: _joined(task.addresses[network], target.port)
            for task in self.serving
            if network in task.addresses
        }
        return Servers(found) if found else self._by_name(target, parked=True)

    def _by_name(self, target: Target, *, parked: bool) -> Servers:
        if wanted(self.service) == 0 and not self.serving:
            return Servers()  # nobody will come: 503 at once
        return Servers({TASKS: f"tasks.{self.service.name}:{target.port}"}, parked)

    def _on_nodes(self, target: Target) -> Servers:
        found = dict(self._host_addresses(self.serving, target))
        if found or wanted(self.service) == 0:
            return Servers(found)
        # There is no name for these: the last one's address, where its successor may come.
        last = sorted(self.tasks, key=lambda task: task.timestamp, reverse=True)
        for task_id, address in self._host_addresses(last, target):
            if task_id not in self.around.withdrawn:
                return Servers({task_id: address}, parked=True)
        return Servers()

    def _host_addresses(self, tasks: Iterable[Task], target: Target) -> Iterator[tuple[str, str]]:
        nodes = self.around.swarm.nodes_by_id
        for task in tasks:
            node = nodes.get(task.node_id or "")
            port = _host_port(task, target)
            if node is not None and node.state != "down" and node.address and port is not None:
                yield task.id, _joined(node.address, port)

    def _has_host_port(self, target: Target) -> bool:
        ports = dig(self.service.spec, "EndpointSpec", "Ports") or ()
        return any(
            port.get("PublishMode") == "host"
            and port.get("TargetPort") == target.port
            and (port.get("Protocol") or "tcp") == _transport(target)
            for port in ports
        )

    def _is_single(self) -> bool:
        """One task that is to be replaced after its end, and none that is on its way out or in."""
        live = [task for task in self.tasks if task.is_live]
        is_withdrawn = any(task.id in self.around.withdrawn for task in live)
        return (
            wanted(self.service) == 1
            and stops_first(self.service)
            and (len(live) <= 1 and not is_withdrawn)
        )

    def _network(self, target: Target) -> str | None:
        """Id of the network on which the tasks are reached; None where there is none."""
        names = self.around.swarm.network_names
        known = self._networks()
        if target.network is not None:
            named = {each for each in known if names.get(each) == target.network}
            return min(named, default=None)
        shared = known if self.around.shared is None else known & self.around.shared
        own = self.around.own
        return min(shared, key=lambda each: (each in own, names.get(each, ""), each), default=None)

    def _networks(self) -> frozenset[str]:
        specs = dig(self.service.spec, "TaskTemplate", "Networks")
        if not specs:  # where older clients wrote them
            specs = dig(self.service.spec, "Networks") or ()
        asked = {each.get("Target", "") for each in specs}
        by_name = self.around.swarm.networks_by_name
        ids = {by_name[each].id if each in by_name else each for each in asked}
        attached = {each for task in self.tasks for each in task.addresses}
        known = self.around.swarm.network_names.keys()
        return frozenset(each for each in ids | attached if each in known) - self.around.ingress


def networks_of_own(swarm: Swarm) -> frozenset[str]:
    """Ids of the networks that services of the operator's own stack are on."""
    own = [service for service in swarm.services if service.labels.get(SELF_LABEL) == "true"]
    tasks = (task for service in own for task in swarm.tasks_by_service.get(service.id, ()))
    return frozenset(each for task in tasks for each in task.network_ids)


def is_running(task: Task) -> bool:
    """Wished to run, and seen to."""
    return task.desired_state == "running" and task.is_running


def wanted(service: Service) -> int | None:
    """How many tasks are to run; None where the nodes decide (a global service)."""
    replicated = dig(service.spec, "Mode", "Replicated")
    if replicated is None:
        return None
    replicas = replicated.get("Replicas")
    return 1 if replicas is None else int(replicas)


def stops_first(service: Service) -> bool:
    """Whether an update stops a task before it starts the next (Swarm's default)."""
    return bool(dig(service.spec, "UpdateConfig", "Order") != "start-first")


def moving_services(swarm: Swarm, services: Iterable[Service]) -> frozenset[str]:
    """Ids of those whose tasks are expected to change by themselves."""
    return frozenset(service.id for service in services if _moves(swarm, service))


def _moves(swarm: Swarm, service: Service) -> bool:
    if service.update_state in {"updating", "rollback_started"}:
        return True
    tasks = swarm.tasks_by_service.get(service.id, ())
    running = sum(map(is_running, tasks))
    leaving = any(task.is_live and task.desired_state != "running" for task in tasks)
    coming = any(task.is_live and not task.is_running for task in tasks)
    count = wanted(service)
    return bool(leaving or coming or (count is not None and running != count))


def _host_port(task: Task, target: Target) -> int | None:
    return next(
        (
            port.published
            for port in task.host_ports
            if port.target == target.port and port.protocol == _transport(target)
        ),
        None,
    )


def _transport(target: Target) -> str:
    return "udp" if target.protocol == "udp" else "tcp"


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
