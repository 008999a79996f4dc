"""What `why` has found about a service, put into sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import click

from desired_state.problems import Problem
from desired_state.records import Event, Pushed, SpecRecord, StackStatus
from swarm_operator.cli.events import line
from swarm_operator.cli.moments import age, told
from swarm_operator.cli.plan_view import change_json
from swarm_operator.plan.actions import Action, Finding, Held, describe
from swarm_operator.plan.health import Health

EVENTS: Final = 5
"""The last ones are told; `events` has more."""


@dataclass(frozen=True, slots=True)
class Live:
    """What Docker said just now, and what would be done about it."""

    health: Health | None
    """None where there is no such service."""
    message: str = ""
    """The health's, without secrets."""
    actions: tuple[Action, ...] = ()
    held: tuple[Held, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Of its stack."""
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known about one service."""

    stack: str
    service: str
    is_led: bool
    status: StackStatus | None
    memory: SpecRecord
    events: tuple[Event, ...]
    """About the service, by number."""
    pushed: Pushed | None
    is_as_pushed: bool
    problems: tuple[Problem, ...]
    is_in_document: bool
    live: Live | None
    unreachable: str = ""
    """Why Docker could not be asked."""
    moves: str = ""
    """What the operator says of where its tasks are; with moments."""
    ends_a_move: bool = False
    """Whether its last write was the end of a move."""
    routes: tuple[str, ...] = ()
    """A sentence for each of its routes."""


def sentences(found: Evidence, now: datetime) -> Iterator[str]:
    """The most important first."""
    yield from _state(found)
    yield from _stack(found, now)
    yield from _document(found)
    if found.memory.rejected:
        yield f"Its spec is rejected and not sent again: {found.memory.reason}."
    yield from _plan(found)
    if found.moves:
        yield f"Its tasks are not where they should be: {told(found.moves, now).rstrip('.')}."
    yield from found.routes
    if found.ends_a_move:
        yield (
            "A task of it was moved, and nothing changed since: `docker service rollback` does "
            f"nothing, `swarm-operator rollback {found.stack}` is the way back."
        )
    yield from _events(found, now)
    yield _push(found, now)


def _state(found: Evidence) -> Iterator[str]:
    name = click.style(found.service, bold=True)
    said = found.status.services.get(found.service) if found.status is not None else None
    health = found.live.health if found.live is not None else None
    if health is not None and found.live is not None:
        tasks = f"{health.running} of {health.wanted} tasks run"
        yield f"{name} is {health.state}: {tasks}{_because(found.live.message)}."
        if said is not None and said.state != health.state:
            yield f"The operator says {said.state}{_because(said.message)}."
    elif found.live is not None:
        yield f"{name} is not on the swarm."
    elif said is not None:
        tasks = f"{said.running} of {said.wanted} tasks run"
        yield f"{name} was {said.state}: {tasks}{_because(said.message)}."
    else:
        yield f"{name}: the operator has not said anything about it yet."
    if found.unreachable:
        yield f"Docker could not be asked ({found.unreachable}): this is what the operator wrote."


def _because(message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    return f"; {text}" if text else ""


def _stack(found: Evidence, now: datetime) -> Iterator[str]:
    if not found.is_led:
        yield "No operator holds the lease: nothing is acted on."
    status = found.status
    if status is None or status.state == "Ready":
        return
    text = " ".join(status.message.split()).rstrip(".")
    # What other services of the stack wait for is no answer.
    about_us = found.service in text or status.state not in {"Degraded", "Reconciling"}
    yield (
        f"The stack {found.stack} is {status.state}"
        + (f" ({status.reason})" if status.reason else "")
        + f" for {age(status.since, now)}"
        + (f": {text}." if text and about_us else ", because of other services.")
    )


def _document(found: Evidence) -> Iterator[str]:
    if found.problems:
        yield (
            "The document in the KV is refused, so that nothing of the stack is changed: "
            + "; ".join(str(problem) for problem in found.problems[:3])
            + ("; …" if len(found.problems) > 3 else ".")
        )
    elif not found.is_in_document:
        yield "No document in the KV names it."


def _plan(found: Evidence) -> Iterator[str]:
    if found.live is None:
        return
    for reason in found.live.incomplete:
        yield f"The world cannot be read whole: {reason}."
    for finding in found.live.findings:
        if finding.blocks or found.service in finding.message:
            yield f"{finding.type} ({finding.reason}): {finding.message.rstrip('.')}."
    for held in found.live.held:
        yield f"To {_action(held.action)} is held back ({held.hold}): {held.message.rstrip('.')}."
        yield from (f"    {change}" for change in held.action.changes)
    for action in found.live.actions:
        yield f"The operator is about to {_action(action)}: {action.reason}."
        yield from (f"    {change}" for change in action.changes)
    if found.is_in_document and not (found.live.held or found.live.actions):
        yield "Its spec is what the document says: nothing is to be done."


def _action(action: Action) -> str:
    return f"{action.verb} it" + (f" [{action.effect}]" if action.changes else "")


def _events(found: Evidence, now: datetime) -> Iterator[str]:
    if not found.events:
        yield "No event about it is kept."
        return
    yield "What the operator did last:"
    for event in found.events[-EVENTS:]:
        yield f"    {age(event.when, now)} ago: {line(event)}"


def _push(found: Evidence, now: datetime) -> str:
    pushed = found.pushed
    if pushed is None:
        return f"The stack {found.stack} was never pushed: its folder was written by other hands."
    when = f" {age(pushed.when, now)} ago" if pushed.when is not None else ""
    after = "" if found.is_as_pushed else "; its folder in the KV was changed by another hand since"
    return f"The stack {found.stack} was pushed last by {pushed.who or 'somebody'}{when}{after}."


def as_json(found: Evidence) -> dict[str, Any]:
    """For programs."""
    status = found.status
    return {
        "service": found.service,
        "stack": found.stack,
        "led": found.is_led,
        "status": _status_json(found),
        "stack_status": None if status is None else status.model_dump(mode="json"),
        "rejected": found.memory.reason if found.memory.rejected else None,
        "problems": [str(problem) for problem in found.problems],
        "in_document": found.is_in_document,
        "live": None if found.live is None else _live_json(found.live),
        "unreachable": found.unreachable or None,
        "moves": found.moves or None,
        "ends_a_move": found.ends_a_move,
        "routes": list(found.routes),
        "events": [event.model_dump(mode="json") for event in found.events[-EVENTS:]],
        "pushed": None
        if found.pushed is None
        else {
            **found.pushed.model_dump(mode="json", exclude={"hash"}),
            "is_current": found.is_as_pushed,
        },
    }


def _status_json(found: Evidence) -> dict[str, Any] | None:
    said = found.status.services.get(found.service) if found.status is not None else None
    return None if said is None else said.model_dump(mode="json")


def _live_json(live: Live) -> dict[str, Any]:
    health = live.health
    return {
        "state": None if health is None else str(health.state),
        "running": 0 if health is None else health.running,
        "wanted": 0 if health is None else health.wanted,
        "message": live.message,
        "actions": [describe(action) for action in live.actions],
        "held": [
            {
                "hold": str(held.hold),
                "message": held.message,
                "changes": [change_json(change) for change in held.action.changes],
            }
            for held in live.held
        ],
        "incomplete": list(live.incomplete),
    }
