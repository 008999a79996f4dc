"""Whether a planned move may be begun on what is read now, and the intent that it begins with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Node, Service
from swarm_operator.plan.rebalance.intent import MoveIntent, has_label, tasks_digest
from swarm_operator.plan.rebalance.landing import leaves_from, live_slots, surged
from swarm_operator.plan.rebalance.mobility import How, replicas
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.recovery import RESTLESS
from swarm_operator.plan.rebalance.slots import Slots
from swarm_operator.plan.rebalance.specs import before_of

PULL_S = 180.0
"""Allowed for pulling an image, beside what the health check allows itself. In seconds."""
_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Limits:
    """Of time, in seconds."""

    settle_s: float = 10.0
    """The new task has to run so long, before the old one goes; plus one interval of its health
    check."""
    start_s: float = 300.0
    """For the new task to come up; more where its health check allows more."""

    def of(self, spec: JsonObject) -> "Limits":
        """The limits for one service."""
        check = dig(spec, "TaskTemplate", "ContainerSpec", "Healthcheck") or {}
        if not check.get("Test") or check["Test"][0] == "NONE":
            return self
        interval = (check.get("Interval") or 30 * _SECOND_NS) / _SECOND_NS
        start = (check.get("StartPeriod") or 0) / _SECOND_NS
        tries = check.get("Retries") or 3
        return Limits(
            self.settle_s + interval, max(self.start_s, start + tries * interval + PULL_S)
        )


def why_not_begun(
    move: Move, service: Service, slots: Slots, nodes: Mapping[str, Node]
) -> str | None:
    """What forbids the move's first write; None where nothing does.

    Gates and budgets are others' business: this is what the move itself rests on.
    """
    return (
        _why_restless(service, slots)
        or _why_no_target(nodes.get(move.target))
        or _why_wrong_kind(move, service, slots, nodes)
    )


def _why_restless(service: Service, slots: Slots) -> str | None:
    wished = replicas(service.spec)
    if wished == 0:
        return "it is no replicated service with a task"
    if has_label(service.spec) or has_label(service.previous_spec):
        return "another move of it is not ended yet"
    if service.update_state in RESTLESS:
        return f"an update of it is {service.update_state}"
    if not len(slots.live) == len(slots.serving) == wished or slots.doubled:
        return "not all of its tasks run, or there are others"
    return None


def _why_no_target(target: Node | None) -> str | None:
    if target is None or target.state != "ready" or target.availability != "active":
        return "the target takes no tasks"
    return None


def _why_wrong_kind(
    move: Move, service: Service, slots: Slots, nodes: Mapping[str, Node]
) -> str | None:
    if move.source not in slots.copies:
        return "no task of it is on the source"
    if move.how is How.STOP_FIRST:
        return None if replicas(service.spec) == 1 else "stop-first is for one replica alone"
    if move.how is not How.DIRECTED:
        return "it is not to be moved"
    is_marked = slots.copies[move.source] == 1
    with_extra = surged(live_slots(slots.tasks), service, nodes[move.target])
    if not is_marked and not leaves_from(with_extra) <= (move.sources or {move.source}):
        return "Swarm would not take the task on the source"
    return None


def new_intent(
    move: Move,
    service: Service,
    slots: Slots,
    limits: Limits,
    *,
    move_id: str,
    who: str,
    utc: datetime,
) -> MoveIntent:
    """The intent before the first step."""
    own = limits.of(service.spec)
    sources = move.sources if len(move.sources) > 1 else frozenset()
    return MoveIntent(
        id=move_id,
        who=who,
        how=move.how,
        source=move.source,
        target=move.target,
        landings=move.landings | {move.target},
        replicas=replicas(service.spec),
        source_copies=sum(slots.copies.get(node, 0) for node in sources or {move.source}),
        slots=frozenset(slots.live),
        before=before_of(service.spec),
        settle_s=own.settle_s,
        limit_s=own.start_s,
        deadline=utc + timedelta(seconds=own.start_s),
        tasks=tasks_digest(service.spec),
        sources=sources,
    )
