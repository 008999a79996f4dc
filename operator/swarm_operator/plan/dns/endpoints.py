"""Which nodes run a service, as far as the manager can be trusted to know it.

A task counts while it is wished *and* seen to run, on a node that is known and not down. `unknown` is
no evidence: after every change of leader all nodes are unknown for seconds (SwarmKit's dispatcher).
Availability does not matter: a paused node goes on running its tasks, a drained one's are not wished
any more. While the old task of a node that is gone is not wished, it may still be reported running.
So may, for a moment, a task that was stopped because it never became healthy (`Task.is_running`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from swarm_operator.observed.engine_time import parse_time
from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Node, Service, Swarm, Task

_DEAD: Final = frozenset({"down", "disconnected"})
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_ON_THEIR_WAY: Final = frozenset({"running", "ready"})
"""Desired states of tasks that are to run, now or in a moment."""
_UPDATING: Final = frozenset({"updating", "rollback_started"})

Follow: TypeAlias = Literal["task-nodes", "ready-nodes"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A node that a name may point at, and what makes it one."""

    node: Node
    source: str
    """Id of the task, or of the node itself where every ready one is meant."""


@dataclass(frozen=True, slots=True)
class Untrusted:
    """The manager's view is no evidence: nothing is to be changed after it."""

    why: str


def untrusted(swarm: Swarm) -> Untrusted | None:
    """Whether the manager that answered is cut off from the others, or the read is in part.

    A manager that lost the majority goes on answering with stale data for some 20 s; that it does
    not reach its peers is the only sign, and it shows within 3 s (measured).
    """
    managers = [node for node in swarm.nodes if node.reachability is not None]
    reached = sum(node.reachability == "reachable" for node in managers)
    if not managers or 2 * reached <= len(managers):
        return Untrusted(f"only {reached} of {len(managers)} managers are reachable")
    if not swarm.is_complete:
        return Untrusted(f"the read of the swarm is incomplete: {', '.join(swarm.incomplete)}")
    return None


def endpoints(service: Service, swarm: Swarm, follow: Follow) -> tuple[Endpoint, ...]:
    """By slot, or by the nodes' names; to be asked for only where the swarm is to be trusted."""
    if follow == "ready-nodes":
        ready = (node for node in swarm.nodes if _takes_tasks(node))
        return tuple(Endpoint(node, node.id) for node in sorted(ready, key=_by_name))
    newest = _newest_by_slot(swarm.tasks_by_service.get(service.id, ()), swarm)
    return tuple(newest[slot] for slot in sorted(newest))


def is_moving(service: Service, swarm: Swarm) -> bool:
    """Whether its tasks are about to change, so that it is worth looking often."""
    if service.update_state in _UPDATING:
        return True
    tasks = swarm.tasks_by_service.get(service.id, ())
    coming = (task for task in tasks if task.desired_state in _ON_THEIR_WAY and task.is_live)
    if any(not (task.is_running and _is_up(task, swarm)) for task in coming):
        return True
    wished = dig(service.spec, "Mode", "Replicated", "Replicas")
    return isinstance(wished, int) and len(_newest_by_slot(tasks, swarm)) < wished


def _newest_by_slot(tasks: Iterable[Task], swarm: Swarm) -> dict[tuple[int, str], Endpoint]:
    """Where the two tasks of a start-first update both run for a moment, the newer one counts."""
    found: dict[tuple[int, str], Task] = {}
    for task in tasks:
        if task.desired_state != "running" or not (task.is_running and _is_up(task, swarm)):
            continue
        slot = (task.slot or 0, "" if task.slot else task.node_id or "")
        other = found.get(slot)
        if other is None or _age(task) > _age(other):
            found[slot] = task
    nodes = swarm.nodes_by_id
    return {slot: Endpoint(nodes[task.node_id or ""], task.id) for slot, task in found.items()}


def _age(task: Task) -> tuple[datetime, str]:
    return parse_time(task.created_at) or _LONG_AGO, task.id


def _is_up(task: Task, swarm: Swarm) -> bool:
    node = swarm.nodes_by_id.get(task.node_id or "")
    return node is not None and node.state not in _DEAD


def _takes_tasks(node: Node) -> bool:
    return node.state not in _DEAD and node.availability == "active"


def _by_name(node: Node) -> tuple[str, str]:
    return node.hostname, node.id
