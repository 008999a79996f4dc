"""A plan as text for people and as JSON for programs. Bodies and secrets are in neither."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import click

from desired_state.problems import Problem
from swarm_operator.cli import output
from swarm_operator.cli.traefik_settings import traefik_plan
from swarm_operator.plan.actions import Action, Change, Kind, StackPlan, describe
from swarm_operator.plan.dns.outlook import CHANGING, NameChange
from swarm_operator.plan.routes.outlook import RouteChange, route_changes
from swarm_operator.runtime.planner import PlanReport
from swarm_operator.settings import Settings

_SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red")}


Routes: TypeAlias = Mapping[str, tuple[RouteChange, ...]]
"""What becomes of routes, by the full name of the service that is acted on."""


Names: TypeAlias = Sequence[NameChange]
"""What becomes of names."""


def would_change(names: Names) -> bool:
    """Whether a record would be written."""
    return any(each.verb in CHANGING for each in names)


def routes(report: PlanReport, settings: Settings) -> Routes:
    """What the report's actions do to routes; nothing where none are published."""
    if not settings.traefik:
        return {}
    plan = traefik_plan(settings)
    return {
        action.name: changes
        for stack in report.plans
        for action in stack.everything()
        if (changes := route_changes(action, report.services.get(action.name), plan.routes))
    }


def as_json(report: PlanReport, routes: Routes | None = None, names: Names = ()) -> dict[str, Any]:
    """Everything that the text says, and a little more."""
    return {
        "changes": report.changes or would_change(names),
        "stacks": [_stack_json(plan) for plan in report.plans],
        "routes": [
            {"service": name, "verb": each.verb, "route": each.route, "message": each.message}
            for name, changes in (routes or {}).items()
            for each in changes
        ],
        "names": [
            {
                "stack": each.stack,
                "service": each.service,
                "verb": each.verb,
                "name": each.name,
                "message": each.message,
            }
            for each in names
        ],
        "problems": {
            stack: [_problem_json(each) for each in found] for stack, found in report.problems
        },
        "missing": [{"stack": each.stack, "message": each.message} for each in report.missing],
        "incomplete": list(report.incomplete),
        "warnings": list(report.warnings),
    }


def as_text(report: PlanReport, routes: Routes | None = None, names: Names = ()) -> Iterator[str]:
    """Lines."""
    planned = {plan.stack for plan in report.plans}
    for plan in report.plans:
        of_stack = [each for each in names if each.stack == plan.stack]
        yield from _stack_text(plan, routes or {}, of_stack)
    # Also of stacks of which nothing is left but their names.
    yield from (_name_text(name) for name in names if name.stack not in planned)
    for each in report.missing:
        yield f"{_bold(each.stack)}: missing: {each.message}"
    if not report.plans and not report.missing and not report.problems:
        yield "no stacks"


def _stack_text(plan: StackPlan, routes: Routes, names: Names) -> Iterator[str]:
    if plan.is_empty and not plan.findings and not names:
        yield f"{_bold(plan.stack)}: nothing to do"
        return
    yield f"{_bold(plan.stack)}: {_counts(plan)}"
    for finding in plan.findings:
        mark = click.style("!", fg="red" if finding.blocks else "yellow")
        yield f"  {mark} {finding.type} ({finding.reason}): {finding.message}"
    for action in plan.actions:
        yield from _action_text(action)
        yield from _route_text(action, routes)
    for (hold, message), waiting in itertools.groupby(plan.held, lambda h: (h.hold, h.message)):
        for held in waiting:
            yield from _action_text(held.action)
            yield from _route_text(held.action, routes)
        yield click.style(f"    held ({hold}): {message}", fg="yellow")
    yield from map(_name_text, names)


def _name_text(change: NameChange) -> str:
    sign, colour = _SIGNS.get(
        change.verb, ("!", "red") if change.verb == "refuse" else (".", "cyan")
    )
    return "  " + click.style(f"{sign} {change}", fg=colour)


def _counts(plan: StackPlan) -> str:
    parts = []
    if plan.removes_stack:
        parts.append("to be removed")
    if plan.actions:
        parts.append(output.plural(len(plan.actions), "action"))
    if plan.held:
        parts.append(f"{len(plan.held)} held")
    return ", ".join(parts) or "nothing to do"


def signed(verb: str, kind: str, name: str) -> str:
    """What happens to an object, in the colour of its verb."""
    sign, colour = _SIGNS[verb]
    return "  " + click.style(f"{sign} {verb} {kind} {name}", fg=colour)


def change_json(change: Change) -> dict[str, Any]:
    """One field's change."""
    return {
        "path": change.path,
        "before": change.before,
        "after": change.after,
        "effect": str(change.effect),
    }


def _action_text(action: Action) -> Iterator[str]:
    effect = f" [{action.effect}]" if action.changes else ""
    yield f"{signed(action.verb, action.kind, action.name)}{effect}: {action.reason}"
    for change in action.changes:
        yield f"      {change}" + (f" [{change.effect}]" if len(action.changes) > 1 else "")


def _route_text(action: Action, routes: Routes) -> Iterator[str]:
    for change in routes.get(action.name, ()) if action.kind is Kind.SERVICE else ():
        colour = "red" if change.verb == "refuse" else ""
        yield click.style(f"      {change}", fg=colour or None)


def _stack_json(plan: StackPlan) -> dict[str, Any]:
    return {
        "stack": plan.stack,
        "revision": plan.revision,
        "removes_stack": plan.removes_stack,
        "actions": [describe(action) for action in plan.actions],
        "held": [
            {**describe(held.action), "hold": str(held.hold), "message": held.message}
            for held in plan.held
        ],
        "findings": [
            {
                "type": finding.type,
                "reason": finding.reason,
                "message": finding.message,
                "blocks": finding.blocks,
            }
            for finding in plan.findings
        ],
    }


def _problem_json(problem: Problem) -> dict[str, Any]:
    return {
        "document": problem.document,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
        "severity": str(problem.severity),
    }


def unknown(wanted: Iterable[str], report: PlanReport) -> list[str]:
    """The stacks that were asked for and are nowhere."""
    known = {plan.stack for plan in report.plans} | {stack for stack, _ in report.problems}
    known |= {each.stack for each in report.missing}
    return [stack for stack in wanted if stack not in known]


def _bold(text: str) -> str:
    return click.style(text, bold=True)
