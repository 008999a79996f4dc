"""Which moves are ours to end, and which labels of a move cannot be read.

The label alone says nothing: another installation on the same swarm writes it too, and a service that
is cloned in a move takes it along.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.rebalance import paused
from swarm_operator.plan.rebalance.intent import (
    LABEL,
    Unreadable,
    has_label,
    holds_our_write,
    intent_of,
)

_UNDER_WAY: Final = frozenset({"updating", "rollback_started"})

Owns: TypeAlias = Callable[[Mapping[str, str]], bool]
"""Whether a thing with these labels is ours: `Owner.owns`."""


def begun(swarm: Swarm, owns: Owns) -> Sequence[Service]:
    """Services of ours with a move that is not ended yet, whoever began it; without those where a
    person has to do something first (`stuck`): nothing is moved there now."""
    return [s for s in swarm.services if _is_begun(s, owns)]


def stuck(service: Service, owns: Owns) -> str | None:
    """Why a move of the service, which is ours, is waited for by nobody, and the way out; None where
    there is no such move."""
    return unreadable(service, owns) or resting(service, owns)


def resting(service: Service, owns: Owns) -> str | None:
    """Of a move that somebody else wrote into, and whose update paused: why nothing is written, and
    the way out. Other services are moved meanwhile: for Swarm no task of this one is on its way."""
    if not _bears_ours(service, owns) or not paused.is_theirs(service):
        return None
    return (
        f"somebody else changed {service.name} while a task of it was moved, and that update is "
        "paused: any write would resume it, so nothing is; change what failed in the document (the "
        f"image, the command …), or end the update with `docker service update {service.name}`; the "
        "rest of the move is then taken out"
    )


def hanging(service: Service, owns: Owns, utc: datetime) -> str | None:
    """Of a move that somebody else wrote into, and whose update has not ended by the move's deadline,
    perhaps never will: one that starts first waits for its new task without an end. What is ours is
    still taken out as soon as nothing is lost by it, but nobody waits for that any longer."""
    if not _bears_ours(service, owns) or service.update_state not in _UNDER_WAY:
        return None
    try:
        intent = intent_of(service.spec) or intent_of(service.previous_spec)
    except Unreadable:
        return None
    if intent is None or utc < intent.deadline:
        return None
    live = service.spec if has_label(service.spec) else None
    is_ours = holds_our_write(live, intent) if live else paused.restored_from(service) is not None
    if is_ours:
        return None
    return (
        f"somebody else changed {service.name} while a task of it was moved, and that update has not "
        "ended: look why its new tasks do not run (`docker service ps --no-trunc "
        f"{service.name}`), or change the document; other services are moved meanwhile"
    )


def unreadable(service: Service, owns: Owns) -> str | None:
    """Why a move of the service, which is ours, can neither go on nor end, and the way out; None
    where there is no such label. What it says of the service is not known: nothing is written."""
    if not has_label(service.spec) or not owns(_labels(service.spec)):
        return None
    try:
        intent_of(service.spec)
    except Unreadable as error:
        return (
            f"{error}; nothing is written to the service until the label is gone: "
            f"`docker service update --label-rm {LABEL} {service.name}`"
        )
    return None


def _is_begun(service: Service, owns: Owns) -> bool:
    return _bears_ours(service, owns) and stuck(service, owns) is None


def _bears_ours(service: Service, owns: Owns) -> bool:
    """The spec that holds the label says whose it is: `docker stack deploy` in a move takes all our
    labels off the live one."""
    if has_label(service.spec):
        return owns(_labels(service.spec))
    return has_label(service.previous_spec) and owns(_labels(service.previous_spec))


def _labels(spec: JsonObject | None) -> Mapping[str, str]:
    return (spec or {}).get("Labels") or {}
