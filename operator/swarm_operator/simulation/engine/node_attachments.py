"""The load balancers of nodes: an address on each overlay of which a node has a live task.

SwarmKit manager/allocator/network.go, reallocateNode: the first task of an overlay on a node, and
the end of the last, are a write to the node. Its version moves, and whoever watches nodes is told.
"""

from dataclasses import replace

from swarm_operator.simulation.engine.network_allocator import NetworkAllocator
from swarm_operator.simulation.engine.records import NodeRecord, TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Store


class NodeAttachments:
    """Counts tasks by node and network, so that no change of a task looks at its node's others."""

    def __init__(self, store: Store, networks: NetworkAllocator) -> None:
        self.ingress_id = ""
        """Every node takes part in it; empty where there is none."""
        self._store = store
        self._networks = networks
        self._counts: dict[str, dict[str, int]] = {}

    def take_up(self, node: NodeRecord) -> None:
        """The addresses that another leader gave it."""
        for network_id, address in node.attachments.items():
            if network_id in self._networks:
                self._networks.take_address(network_id, address)

    def count(self, old: TaskRecord | None, new: TaskRecord | None) -> list[str]:
        """Ids of the nodes whose set of networks changed with this step of a task."""
        if _same_place(old, new):
            return []
        changed: dict[str, None] = {}
        for task, step in ((old, -1), (new, 1)):
            if task is None or not _takes_part(task):
                continue
            counts = self._counts.setdefault(task.node_id, {})
            for attachment in task.networks:
                if attachment.get("Addresses"):
                    network_id = attachment["Network"]["ID"]
                    before = counts.get(network_id, 0)
                    counts[network_id] = before + step
                    if not before or not before + step:
                        changed[task.node_id] = None
        return list(changed)

    def adjust(self, node_id: str) -> bool:
        """Give the node what it needs and take what it does not. True where something was freed."""
        node = self._store.nodes.get(node_id)
        if node is None:
            return False
        counts = self._counts.get(node_id, {})
        wanted = dict.fromkeys(network_id for network_id, count in counts.items() if count > 0)
        if self.ingress_id:
            wanted[self.ingress_id] = None
        if wanted.keys() == node.attachments.keys():
            return False
        attachments = {key: value for key, value in node.attachments.items() if key in wanted}
        gone = [item for item in node.attachments.items() if item[0] not in wanted]
        for network_id, address in gone:
            self._networks.free_address(network_id, address)
        for network_id in wanted:
            if network_id not in attachments and self._networks.has_addresses(network_id):
                taken = self._networks.take_address(network_id)
                if taken is not None:
                    attachments[network_id] = taken
        if attachments != node.attachments:
            self._store.nodes.put(replace(node, attachments=attachments))
        return bool(gone)

    def free(self, node: NodeRecord) -> bool:
        """A removed node. True where something was freed."""
        self._counts.pop(node.id, None)
        for network_id, address in node.attachments.items():
            self._networks.free_address(network_id, address)
        return bool(node.attachments)

    def drop_network(self, network_id: str) -> None:
        """It is removed: no node takes part in it any more."""
        for counts in self._counts.values():
            counts.pop(network_id, None)
        for node in self._store.nodes.all():
            if network_id in node.attachments:
                rest = {key: item for key, item in node.attachments.items() if key != network_id}
                self._store.nodes.put(replace(node, attachments=rest))


def _takes_part(task: TaskRecord) -> bool:
    return bool(task.node_id) and task.state <= TaskState.RUNNING and bool(task.networks)


def _same_place(old: TaskRecord | None, new: TaskRecord | None) -> bool:
    if old is None or new is None:
        return False
    return (
        old.node_id == new.node_id
        and old.networks is new.networks
        and _takes_part(old) == _takes_part(new)
    )
