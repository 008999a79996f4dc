"""Nodes: update and remove (moby daemon/cluster/nodes.go, SwarmKit controlapi/node.go)."""

from dataclasses import replace
from typing import Any

from swarm_operator.simulation.engine import normalise
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.errors import ApiError, Code, out_of_sequence, refused
from swarm_operator.simulation.engine.records import NodeRecord, TaskState, TaskStatus
from swarm_operator.simulation.engine.resolve import Resolver

_ROLES = ("worker", "manager")
_AVAILABILITIES = ("active", "pause", "drain")


class NodeControl:
    def __init__(self, kit: Kit, resolver: Resolver) -> None:
        self._kit = kit
        self._resolver = resolver

    def update(self, ref: str, version: int, body: Any) -> None:
        """A new role takes effect at once; the real one takes a moment (its role manager)."""
        spec = normalise.node_spec(body)
        role, availability = spec.get("Role", ""), spec.get("Availability", "")
        if role.lower() not in _ROLES:
            raise ApiError(400, f'invalid Role: "{role}"')
        if availability.lower() not in _AVAILABILITIES:
            raise ApiError(400, f'invalid Availability: "{availability}"')
        node = self._resolver.node(ref)
        if node.role == "manager" and role.lower() == "worker":
            self._check_demotion(node)
        if version != node.meta.version:
            raise out_of_sequence()
        changed = replace(
            node,
            role=role.lower(),
            availability=availability.lower(),
            labels=spec["Labels"],
            name=spec.get("Name", ""),
        )
        self._kit.store.nodes.put(_with_role(changed, node.role))

    def remove(self, ref: str, *, force: bool) -> None:
        node = self._resolver.node(ref)
        if node.is_manager:
            text = (
                f"node {node.id} is a cluster manager and is a member of the raft cluster. It must "
                "be demoted to worker before removal"
            )
            raise refused(Code.FAILED_PRECONDITION, text)
        if node.state == "ready" and not force:
            text = f"node {node.id} is not down and can't be removed"
            raise refused(Code.FAILED_PRECONDITION, text)
        for task in self._kit.store.tasks_on_node(node.id):
            if task.state < TaskState.COMPLETE:
                status = TaskStatus(
                    TaskState.ORPHANED,
                    self._kit.timeline.now,
                    "Task belonged to a node that has been deleted",
                )
                self._kit.store.tasks.put(replace(task, status=status))
        self._kit.store.nodes.remove(node.id)

    def _check_demotion(self, node: NodeRecord) -> None:
        """The last manager stays, and so does one without whom the rest have no majority."""
        managers = [each for each in self._kit.store.nodes.all() if each.role == "manager"]
        if len(managers) == 1:
            text = "attempting to demote the last manager of the swarm"
            raise refused(Code.FAILED_PRECONDITION, text)
        left = [each for each in managers if each.id != node.id]
        reachable = sum(each.reachability == "reachable" for each in left)
        if reachable < len(left) // 2 + 1:
            text = "can't remove member from the raft: this would result in a loss of quorum"
            raise refused(Code.FAILED_PRECONDITION, text)


def _with_role(node: NodeRecord, before: str) -> NodeRecord:
    if node.role == before:
        return node
    if node.role == "manager":
        return replace(node, manager_address=f"{node.address}:2377", reachability="reachable")
    return replace(node, manager_address="", is_leader=False)
