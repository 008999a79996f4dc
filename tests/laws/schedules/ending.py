"""How every schedule ends: the faults stop, people clear up, and the world must be as wished."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from desired_state import keys
from desired_state.rebalance_records import RebalanceStatus
from desired_state.records import StackStatus
from swarm_operator.observed.kv import Delete, Put
from swarm_operator.observed.swarm import STACK_LABEL
from swarm_operator.plan.actions import Hold, StackPlan
from swarm_operator.plan.desired import DesiredTree, read_tree
from swarm_operator.plan.ownership import INSTALLATION_LABEL
from swarm_operator.runtime.planner import PlanReport, plan_once
from swarm_operator.simulation.engine.records import ServiceRecord, TaskState
from tests.laws.schedules.ending_of_routes import heal_routes, what_is_wrong_with_routes
from tests.laws.schedules.hands import ForceUpdate
from tests.laws.schedules.machines import Availability, Quorum, Reconnect, Return
from tests.laws.schedules.monitors.journeys import is_marked
from tests.laws.schedules.monitors.no_idle_write import NoIdleWrite
from tests.laws.schedules.monitors.rejections import Rejections
from tests.laws.schedules.people import Approve, Ask, Rebalance, set_policy

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

LAW: Final = "invariant 8 (after faults stop, desired = observed)"
PATIENCE_S: Final = 400.0
"""Virtual time in which all must be well once nothing is broken any more: back-off of the operator (at
most 300 s), and slow starts and stops."""
SILENCE_S: Final = 70.0
"""Then nothing may be written for so long: a full pass of the operator comes in that time."""
MOST_ROUNDS: Final = 12
"""Of so much silence, where tasks are moved: gates open by time, but moves come to an end."""
A_LOOK_S: Final = 7.0
"""An idle operator looks at the tasks every five seconds, and what it says may change by that."""
_MAY_STAY: Final = frozenset(
    {Hold.PROTECTED, Hold.PRUNE_OFF, Hold.SYNC_OBSERVE, Hold.BLOCKED, Hold.DRIFT_REPORTED}
)
"""What the document, or somebody else's thing of the same name, holds for ever."""


def end(lab: "Lab") -> None:
    """Says to the lab what is not as it must be."""
    heal(lab)
    lab.run(20.0)
    clear_up(lab)
    until = lab.now + PATIENCE_S
    writes = lab.monitor(NoIdleWrite).writes
    while trouble := _trouble(lab, writes):
        if lab.now >= until or lab.broken:
            lab.broke(LAW, "; ".join(trouble))
            return
        look_after(lab)
        lab.run(20.0)
    count = len(writes)
    for _ in range(MOST_ROUNDS if lab.moves else 1):
        count = len(writes)
        lab.run(SILENCE_S)
        if len(writes) == count:
            break
    if left := [*what_is_wrong(lab), *_not_moved(lab)]:
        lab.broke(LAW, "; ".join(left))
    if len(writes) > count:
        lab.broke(
            "invariant 1 (no write without a change)", f"in a settled world: {writes[count:]}"
        )


def _trouble(lab: "Lab", writes: list[str]) -> list[str]:
    """What is wrong, or was still written while the operators looked once more."""
    found = list(what_is_wrong(lab))
    if found:
        return found
    count = len(writes)
    lab.run(A_LOOK_S)
    return [*what_is_wrong(lab), *writes[count:]]


def heal(lab: "Lab") -> None:
    """Everything that was broken is whole again; an operator runs."""
    lab.set_consul("up")
    lab.world.images.scripted.clear()
    Quorum(lost=False).do(lab)
    for node in lab.engine.store.nodes.all():
        Return(node.hostname).do(lab)
        Reconnect(node.hostname).do(lab)
    for process in lab.processes.values():
        process.faults.clear()
        process.docker.heal()
        process.deaf_until = 0.0
    heal_routes(lab)
    lab.start("alpha")
    _restore_sentinel(lab)
    if lab.moves:
        Rebalance("act").do(lab)


def _restore_sentinel(lab: "Lab") -> None:
    key = keys.DESIRED + keys.INSTALLATION
    entry = lab.people.get(key)
    if entry is None or entry.value != lab.sentinel.encode():
        lab.people.commit([Put(key, lab.sentinel.encode())])
    if lab.people.get(keys.DESIRED + keys.POLICY) is None:
        set_policy(lab)  # without one tasks are moved


def clear_up(lab: "Lab") -> None:
    """What a person does after an outage: nodes active again, approvals, another try for everything."""
    for node in lab.engine.store.nodes.all():
        Availability(node.hostname, "active").do(lab)
    for stack in sorted(lab.stacks):
        for left in (keys.stack_key(stack, keys.PUSHING), keys.request_key("pause", stack)):
            lab.people.commit([Delete(keys.DESIRED + left)])
        Ask("retry", stack).do(lab)
    look_after(lab)


def look_after(lab: "Lab") -> None:
    """What needs a person's word: a removal that waits, a rollback or a pause of what began to fail
    before everything was healed."""
    rejections = lab.monitor(Rejections)
    for stack in sorted(lab.stacks):
        Approve(stack).do(lab)
        if any(rejections.is_rejected(s.name) for s in lab.engine.store.services.all()):
            Ask("retry", stack).do(lab)
    for service in lab.engine.store.services.all():
        is_paused = service.update_status is not None and service.update_status.state.endswith(
            "paused"
        )
        if is_paused or _is_forgotten(lab, service):
            ForceUpdate(service.name).do(lab)


def _is_forgotten(lab: "Lab", service: ServiceRecord) -> bool:
    """Whether SwarmKit has lost sight of a task: its scheduler does not queue one again that found no
    node and is older than its service's spec, even where the specs are equal (scheduler.go,
    noSuitableNode)."""
    return any(
        task.state is TaskState.PENDING
        and task.desired_state is TaskState.RUNNING
        and task.spec_version is not None
        and task.spec_version < service.spec_version
        for task in lab.engine.store.tasks_of_service(service.id)
    )


def what_is_wrong(lab: "Lab") -> Iterator[str]:
    """In the eyes of a person who runs `plan`, and looks at the tasks."""
    report = plan_once(lab.people, lab.hands, mode="act", utc=lab.timeline.utc())
    yield from report.incomplete
    desired = read_tree(lab.people.read(keys.DESIRED))
    for plan in report.plans:
        yield from _open_actions(plan)
    theirs = _used_by_others(lab)
    yield from _leftovers(desired, report, theirs, _ours(lab))
    yield from _unsettled_statuses(lab, desired, theirs)
    for task in lab.engine.store.tasks.all():
        is_orphan = lab.engine.store.services.get(task.service_id) is None
        if is_orphan and task.state <= TaskState.RUNNING:
            yield f"a task of the removed {task.service_name} is {task.state.name.lower()}"
    for service in lab.engine.store.services.all():
        if is_marked(service):
            yield f"the move of {service.name} has not ended"
        if (service.spec.get("Labels") or {}).get(INSTALLATION_LABEL) == lab.INSTALLATION:
            yield from _unready(lab, service)
    yield from what_is_wrong_with_routes(lab)


def _not_moved(lab: "Lab") -> Iterator[str]:
    """The move that the operators themselves say is the next, and that nothing holds."""
    entry = lab.people.get(keys.REBALANCE_STATUS) if lab.moves else None
    status = RebalanceStatus.parse(entry.value) if entry is not None else None
    for move in status.wished[:1] if status is not None else ():
        if not move.why_not:
            yield f"{move.service} should move from {move.source} to {move.target}"


def _open_actions(plan: StackPlan) -> Iterator[str]:
    for action in plan.actions:
        yield f"{action.verb} {action.kind} {action.name} is not done"
    for held in plan.held:
        if held.hold not in _MAY_STAY:
            yield f"{held.action.verb} {held.action.name} is held: {held.message}"


def _leftovers(
    desired: DesiredTree, report: PlanReport, theirs: frozenset[str], ours: frozenset[str]
) -> Iterator[str]:
    protected = {
        plan.stack
        for plan in report.plans
        if any(held.hold is Hold.PROTECTED for held in plan.held)
    }
    for stack in desired.tombstones:
        if stack not in protected | theirs and stack not in desired.folders:
            yield f"the tombstone of {stack} is still there"
    refused = {stack for stack, _ in report.problems}
    for key in desired.requests:
        # A wish about a document that cannot be used, or is on its way out, waits for a better one.
        if key.target not in refused and not desired.is_removed(key.target):
            yield f"the request {key.verb}/{key.target} is still there"
    for missing in report.missing:
        if missing.removable_at is not None and missing.stack not in theirs - ours:
            yield f"{missing.stack} is missing, and is to go"


def _ours(lab: "Lab") -> frozenset[str]:
    """Stacks of which a service of ours is left."""
    labels = [service.spec.get("Labels") or {} for service in lab.engine.store.services.all()]
    ours = [item for item in labels if item.get(INSTALLATION_LABEL) == lab.INSTALLATION]
    return frozenset(item.get(STACK_LABEL, "") for item in ours)


def _used_by_others(lab: "Lab") -> frozenset[str]:
    """Stacks in whose namespace somebody else has services: these keep its networks in use, so that
    a removal cannot end."""
    labels = [service.spec.get("Labels") or {} for service in lab.engine.store.services.all()]
    others = [item for item in labels if item.get(INSTALLATION_LABEL) != lab.INSTALLATION]
    return frozenset(item.get(STACK_LABEL, "") for item in others)


def _unsettled_statuses(lab: "Lab", desired: DesiredTree, theirs: frozenset[str]) -> Iterator[str]:
    """What people see agrees with what is."""
    for stack in desired.folders:
        if stack in theirs and desired.is_removed(stack):
            continue
        entry = lab.people.get(keys.stack_status_key(stack))
        status = StackStatus.parse(entry.value) if entry is not None else None
        if status is None:
            yield f"{stack}: no status"
            continue
        is_blocked = any(condition.type == "Blocked" for condition in status.conditions)
        for condition in () if is_blocked else status.conditions:
            if condition.type in {"Reconciling", "Degraded", "Failed"}:
                yield f"{stack}: {condition.type} ({condition.message})"


def _unready(lab: "Lab", service: ServiceRecord) -> Iterator[str]:
    tasks = [
        task
        for task in lab.engine.store.tasks_of_service(service.id)
        if task.desired_state == TaskState.RUNNING
    ]
    replicated = service.spec["Mode"].get("Replicated")
    if replicated is not None and len(tasks) != replicated.get("Replicas", 1):
        yield f"{service.name}: {len(tasks)} tasks of {replicated.get('Replicas', 1)}"
    states = [task.state.name.lower() for task in tasks if task.state != TaskState.RUNNING]
    if states:
        yield f"{service.name}: tasks are {', '.join(states)}"
    if service.update_status is not None and service.update_status.state == "updating":
        yield f"{service.name}: an update is under way"
