"""Gives networks subnets, services virtual IPs and ports, tasks and nodes addresses.

SwarmKit manager/allocator: a task goes from NEW to PENDING when its service and its networks have
what they need, and it has its addresses. What cannot be given is tried again when something was
freed, or five minutes later.
"""

from collections.abc import Iterable
from dataclasses import replace

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.attachments import NetworkViews
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.network_allocator import NetworkAllocator
from swarm_operator.simulation.engine.node_attachments import NodeAttachments
from swarm_operator.simulation.engine.records import (
    NetworkRecord,
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from swarm_operator.simulation.engine.service_allocator import ServiceAllocator, needs_ingress
from swarm_operator.simulation.engine.store import Change

PENDING_MESSAGE = "pending task scheduling"
_RETRY_S = 300.0


class Allocator:
    """A component of the leader."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._store = kit.store
        self._networks = NetworkAllocator()
        self._services = ServiceAllocator(self._networks)
        self._views = NetworkViews(kit.timeline)
        self._nodes = NodeAttachments(kit.store, self._networks)
        self._task_ids: set[str] = set()
        """Tasks that have their addresses. Only asked, never walked."""
        self._pending: dict[str, None] = {}
        self._stuck_tasks: dict[str, None] = {}
        self._stuck_services: dict[str, None] = {}
        self._stuck_networks: dict[str, None] = {}
        self._was_freed = False
        self._retried_at = kit.timeline.now

    # --- a new leader -------------------------------------------------------------------------------

    def start(self) -> None:
        """First take up again what was given out before, then give to those that have nothing."""
        networks = sorted(self._store.networks.all(), key=lambda each: not each.is_ingress)
        for network in networks:
            if network.is_swarm_scope and network.allocated is not None:
                self._take_up_network(network)
        for node in self._store.nodes.all():
            self._nodes.take_up(node)
        for service in self._store.services.all():
            self._services.take_up(service)
        for task in self._store.tasks.all():
            self._take_up_task(task)
        for network in networks:
            self._on_network(network)
        for node in self._store.nodes.all():
            self._nodes.adjust(node.id)
        for service in self._store.services.all():
            self._on_service(service.id)
        for task in self._store.tasks.all():
            self._on_task(task.id)
        self.commit()

    def stop(self) -> None:
        """It has no timers."""

    def _take_up_network(self, network: NetworkRecord) -> None:
        if network.is_ingress:
            self._set_ingress(network.id)
        self._networks.allocate(network)

    def _take_up_task(self, task: TaskRecord) -> None:
        self._nodes.count(None, task)
        if task.state > TaskState.RUNNING or not task.networks:
            return
        for attachment in task.networks:
            for address in attachment.get("Addresses", ()):
                if attachment["Network"]["ID"] in self._networks:
                    self._networks.take_address(attachment["Network"]["ID"], address)
        self._task_ids.add(task.id)

    def _set_ingress(self, network_id: str) -> None:
        self._services.ingress_id = network_id
        self._nodes.ingress_id = network_id

    # --- what it is told ----------------------------------------------------------------------------

    def handle(self, change: Change) -> None:
        record = change.record
        if isinstance(record, TaskRecord):
            self._handle_task(change.old, change.new)
        elif isinstance(record, ServiceRecord):
            if change.new is None:
                self._services.free(record)
                self._was_freed = True
                self._stuck_services.pop(record.id, None)
            else:
                self._on_service(record.id)
        elif isinstance(record, NetworkRecord):
            if change.new is None:
                self._forget_network(record)
            elif change.old is None:
                self._on_network(record)
        elif isinstance(record, NodeRecord):
            if change.new is None:
                self._was_freed |= self._nodes.free(record)
            else:
                self._was_freed |= self._nodes.adjust(record.id)

    def commit(self) -> None:
        self._allocate_tasks(self._pending)
        if self._was_freed or self._kit.timeline.now - self._retried_at > _RETRY_S:
            self._retry()
        self._stuck_tasks |= self._pending
        self._pending = {}

    def _retry(self) -> None:
        self._was_freed = False
        self._retried_at = self._kit.timeline.now
        for network_id in list(self._stuck_networks):
            network = self._store.networks.get(network_id)
            if network is not None:
                self._on_network(network)
        for service_id in list(self._stuck_services):
            self._on_service(service_id)
        self._allocate_tasks(self._stuck_tasks)

    # --- networks -----------------------------------------------------------------------------------

    def _on_network(self, network: NetworkRecord) -> None:
        if not network.is_swarm_scope or network.id in self._networks:
            return
        if network.is_ingress:
            if self._services.ingress_id not in ("", network.id):
                return
            self._set_ingress(network.id)
        allocated = self._networks.allocate(network)
        if allocated is None:
            self._stuck_networks[network.id] = None
            return
        self._stuck_networks.pop(network.id, None)
        self._store.networks.put(allocated)
        if network.is_ingress:
            for node in self._store.nodes.all():
                self._nodes.adjust(node.id)

    def _forget_network(self, network: NetworkRecord) -> None:
        if network.id == self._services.ingress_id:
            self._set_ingress("")
        self._nodes.drop_network(network.id)
        self._networks.free(network.id)
        self._views.forget(network.id)
        self._stuck_networks.pop(network.id, None)
        self._was_freed = True

    # --- services -----------------------------------------------------------------------------------

    def _on_service(self, service_id: str) -> None:
        """Only the newest state counts: what is told may be older."""
        service = self._store.services.get(service_id)
        if service is None:
            self._stuck_services.pop(service_id, None)
            return
        if self._services.is_allocated(service):
            if self._services.host_ports_changed(service):
                self._store.services.put(self._services.with_host_ports(service))
            return
        allocated = self._services.allocate(service)
        if allocated is None:
            self._stuck_services[service_id] = None
            return
        self._stuck_services.pop(service_id, None)
        self._was_freed |= self._services.take_freed()
        self._store.services.put(allocated)

    # --- tasks --------------------------------------------------------------------------------------

    def _handle_task(self, old: object, new: object) -> None:
        before = old if isinstance(old, TaskRecord) else None
        after = new if isinstance(new, TaskRecord) else None
        changed = self._nodes.count(before, after)
        if after is not None:
            self._on_task(after.id)
        elif before is not None:
            self._free_task(before)
        for node_id in changed:
            self._was_freed |= self._nodes.adjust(node_id)

    def _on_task(self, task_id: str) -> None:
        task = self._store.tasks.get(task_id)
        if task is None:
            return
        if task.state > TaskState.RUNNING:
            self._free_task(task)
        elif task.state >= TaskState.PENDING:
            self._pending.pop(task_id, None)
            self._stuck_tasks.pop(task_id, None)
        elif not task.service_id or task.service_id in self._store.services:
            self._pending[task_id] = None

    def _free_task(self, task: TaskRecord) -> None:
        self._pending.pop(task.id, None)
        self._stuck_tasks.pop(task.id, None)
        if task.id in self._task_ids:
            self._task_ids.discard(task.id)
            self._free_addresses(task.networks)
            self._was_freed = True

    def _allocate_tasks(self, waiting: dict[str, None]) -> None:
        for task_id in list(waiting):
            task = self._store.tasks.get(task_id)
            if task is None or task.state >= TaskState.PENDING:
                waiting.pop(task_id, None)
                continue
            allocated = self._allocated(task)
            if allocated is not None:
                waiting.pop(task_id, None)
                self._store.tasks.put(allocated)

    def _allocated(self, task: TaskRecord) -> TaskRecord | None:
        service = self._store.services.get(task.service_id)
        if service is None or not self._services.is_allocated(service):
            return None
        networks = self._attachments(task, service)
        if networks is None:
            return None
        if networks:
            self._task_ids.add(task.id)
        status = TaskStatus(TaskState.PENDING, self._kit.timeline.now, PENDING_MESSAGE)
        endpoint = service.endpoint if service.endpoint is not None else task.endpoint
        return replace(task, networks=networks, endpoint=endpoint, status=status)

    def _attachments(
        self, task: TaskRecord, service: ServiceRecord
    ) -> tuple[JsonObject, ...] | None:
        """One for each network, with an address on each overlay; None where one has none left."""
        result: list[JsonObject] = []
        for network_id in self._network_ids(task, service):
            network = self._store.networks.get(network_id)
            if network is None:
                continue
            attachment = self._attachment(network)
            if attachment is None:
                self._free_addresses(result)
                return None
            result.append(attachment)
        return tuple(result)

    def _network_ids(self, task: TaskRecord, service: ServiceRecord) -> Iterable[str]:
        if needs_ingress(service.spec) and self._services.ingress_id:
            yield self._services.ingress_id
        for wished in dig(task.spec, "Networks") or ():
            yield wished["Target"]

    def _attachment(self, network: NetworkRecord) -> JsonObject | None:
        if network.id not in self._networks:
            return None
        view = {"Network": self._views.view(network)}
        if not self._networks.has_addresses(network.id):
            return view
        address = self._networks.take_address(network.id)
        return None if address is None else {**view, "Addresses": [address]}

    def _free_addresses(self, attachments: Iterable[JsonObject]) -> None:
        for attachment in attachments:
            for address in attachment.get("Addresses", ()):
                self._networks.free_address(attachment["Network"]["ID"], address)
