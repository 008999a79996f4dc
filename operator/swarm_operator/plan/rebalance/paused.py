"""Whose a paused update is, in a move that somebody else wrote into: any write would resume it.

Taking the fence out begins an update of its own, of the tasks that carry the fence; Swarm may pause
that too. Such a one is the move's: it is resumed, for nobody else would. One that replaces what
somebody else changed is theirs: nothing of the move is written then, and what is ours of the spec stays,
until they, or the document, have ended it.
"""

from typing import Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.rebalance.intent import (
    MoveIntent,
    Unreadable,
    has_label,
    holds_our_write,
    intent_of,
    tasks_digest,
)
from swarm_operator.plan.rebalance.specs import original, with_placement
from swarm_operator.plan.rebalance.unfenced import without_fence

PAUSED: Final = frozenset({"paused", "rollback_paused"})


def is_theirs(service: Service) -> bool:
    """Whether the service, with a move that is not ended yet, rests in a paused update of somebody
    else's."""
    if service.update_state not in PAUSED:
        return False
    try:
        intent = intent_of(service.spec)
    except Unreadable:
        return False  # told by itself
    if intent is not None:
        return not holds_our_write(service.spec, intent) and not is_ours(service, intent)
    return has_label(service.previous_spec) and not is_of_the_move(service)


def is_ours(service: Service, intent: MoveIntent) -> bool:
    """Whether the update that the last write began replaces no task but for a fence: neither that
    write nor the one before it changed anything else about tasks."""
    return (
        intent.tasks != ""
        and service.previous_spec is not None
        and _tasks_are(intent, service.spec)
        and _tasks_are(intent, service.previous_spec)
    )


def is_of_the_move(service: Service) -> bool:
    """The same of a service whose label is in its previous spec alone."""
    if restored_from(service) is not None:
        return True
    try:
        intent = intent_of(service.previous_spec)
    except Unreadable:
        return False
    return intent is not None and is_ours(service, intent)


def restored_from(service: Service) -> MoveIntent | None:
    """The intent of the move that wrote the spec before, where the spec is its original again."""
    previous = service.previous_spec
    try:
        intent = intent_of(previous)
    except Unreadable:
        return None
    if previous is None or intent is None or not holds_our_write(previous, intent):
        return None
    is_same = with_placement(service.spec) == original(previous, intent)
    return intent if is_same else None


def _tasks_are(intent: MoveIntent, spec: JsonObject) -> bool:
    return tasks_digest(without_fence(spec, intent)) == intent.tasks
