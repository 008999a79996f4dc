"""The status of a stack: what the plan, the outcome and the tasks add up to, for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from desired_state.records import Condition, ConditionStatus, ServiceStatus, StackStatus
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Finding, Held, Hold
from swarm_operator.plan.approval import NOTHING_WAITS, Approval
from swarm_operator.plan.bounded import some
from swarm_operator.plan.health import Health, ServiceState, service_health
from swarm_operator.plan.redact import Redaction


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stack's conditions without the times since when they hold."""

    stack: str
    revision: str = ""
    findings: tuple[Finding, ...] = ()
    services: Mapping[str, ServiceStatus] = field(default_factory=dict)
    approval: Approval = NOTHING_WAITS
    warnings: tuple[str, ...] = ()


_RANK: Final = (
    "Invalid",
    "Missing",
    "Blocked",
    "Failed",
    "Degraded",
    "Held",
    "Paused",
    "Reconciling",
    "Ready",
)
"""The headline is the first of these that holds; other findings stand beside it."""

_SAID_IF_FALSE: Final = frozenset({"Routed"})
"""Conditions that stand beside the headline, and say what does not hold."""

_LONGEST: Final = 8000
"""Characters of one message."""

_DEGRADED: Final = frozenset({ServiceState.DEGRADED, ServiceState.PAUSED, ServiceState.ROLLED_BACK})


def services_health(names: Sequence[str], swarm: Swarm, now: datetime) -> dict[str, Health | None]:
    """Health by service name; None for one that is not on the swarm."""
    result: dict[str, Health | None] = {}
    for name in sorted(names):
        service = swarm.services_by_name.get(name)
        if service is None:
            result[name] = None
            continue
        tasks = swarm.tasks_by_service.get(service.id, ())
        result[name] = service_health(service, tasks, swarm.nodes_by_id, now)
    return result


def from_health(health: Mapping[str, Health | None], redaction: Redaction) -> list[Finding]:
    """`Degraded` and `Reconciling`, each naming its services with their tasks' own errors."""
    bad = {n: h for n, h in health.items() if h is not None and h.state in _DEGRADED}
    moving = {n: h for n, h in health.items() if h is None or h.state is ServiceState.CONVERGING}
    findings = []
    if bad:
        worst = max(bad.values(), key=lambda item: list(ServiceState).index(item.state))
        text = "; ".join(f"{name}: {redaction.scrub(item.message)}" for name, item in bad.items())
        reason = "TaskErrors" if worst.state is ServiceState.DEGRADED else str(worst.state)
        findings.append(Finding("Degraded", reason, text))
    if moving:
        text = "; ".join(
            f"{name}: {item.message if item else 'not created yet'}"
            for name, item in moving.items()
        )
        findings.append(Finding("Reconciling", "Converging", text))
    return findings


def from_held(held: Sequence[Held]) -> list[Finding]:
    """One finding per reason for which actions are held back."""
    findings = []
    for hold in dict.fromkeys(item.hold for item in held):
        if hold is Hold.BLOCKED:
            continue  # said by the findings that block
        items = [item for item in held if item.hold is hold]
        findings.append(Finding(_held_type(hold), _HELD_REASONS.get(hold, str(hold)), _said(items)))
    return findings


_HELD_REASONS: Final = {Hold.REJECTED: "RolledBack"}


def _held_type(hold: Hold) -> str:
    if hold is Hold.PAUSED:
        return "Paused"
    return "Degraded" if hold is Hold.REJECTED else "Held"


def _said(items: Sequence[Held]) -> str:
    messages = "; ".join(dict.fromkeys(item.message for item in items))
    actions = [f"{item.action.verb} {item.action.kind} {item.action.name}" for item in items]
    shown = ", ".join(actions[:_SHOWN]) + (" …" if len(actions) > _SHOWN else "")
    return f"{messages} (waiting: {shown})"


_SHOWN: Final = 5


def service_statuses(
    health: Mapping[str, Health | None],
    rejected: Mapping[str, str],
    redaction: Redaction,
    last: Mapping[str, ServiceStatus] = MappingProxyType({}),
    now: datetime | None = None,
) -> dict[str, ServiceStatus]:
    """Per service its state. `rejected` holds the reasons of those whose spec is not sent again;
    `last` is what was said of the same revision before."""
    result = {}
    for name, item in health.items():
        state = str(item.state) if item else "Absent"
        message = redaction.scrub(item.message) if item else ""
        if name in rejected:
            state, message = str(ServiceState.ROLLED_BACK), rejected[name]
        result[name] = ServiceStatus(
            state=state,
            message=message,
            running=item.running if item else 0,
            wanted=item.wanted if item else 0,
            unsettled_since=_unsettled_since(item, last.get(name), now),
        )
    return result


def _unsettled_since(
    item: Health | None, last: ServiceStatus | None, now: datetime | None
) -> datetime | None:
    """Kept while nothing gets better; one more task running is progress."""
    if item is None or item.is_settled:
        return None
    if last is None or last.unsettled_since is None or item.running > last.running:
        return now
    return last.unsettled_since


def overdue(
    services: Mapping[str, ServiceStatus], deadlines_s: Mapping[str, float], now: datetime
) -> list[Finding]:
    """`Degraded` for services that do not converge in their time; a deadline of 0 is none."""
    late = [
        f"{name}: no progress for {deadlines_s[name]:.0f} s ({item.message})"
        for name, item in services.items()
        if item.unsettled_since is not None
        and deadlines_s.get(name, 0) > 0
        and (now - item.unsettled_since).total_seconds() >= deadlines_s[name]
    ]
    return [Finding("Degraded", "ProgressDeadlineExceeded", "; ".join(late))] if late else []


def status(verdict: Verdict, last: StackStatus | None, now: datetime) -> StackStatus:
    """The status to write; times are kept where a condition did not change."""
    findings = [_bounded(finding) for finding in sorted(verdict.findings, key=_rank)]
    conditions = tuple(_condition(finding, last, now) for finding in findings)
    serious = [finding for finding in findings if finding.type in _RANK]
    headline = serious[0] if serious else Finding("Ready", "Converged", _but(findings))
    since = _since(headline.type, headline.reason, last, now)
    return StackStatus(
        stack=verdict.stack,
        state=headline.type,
        reason=headline.reason,
        message=headline.message,
        revision=verdict.revision,
        plan=verdict.approval.digest,
        waiting=verdict.approval.names,
        since=since,
        conditions=(_ready(not serious, headline, findings, last, now), *conditions),
        services=dict(verdict.services),
        warnings=some(verdict.warnings),
    )


def _but(findings: Sequence[Finding]) -> str:
    """What does not hold although all tasks run."""
    return "\n".join(each.message for each in findings if each.type in _SAID_IF_FALSE)


def _bounded(finding: Finding) -> Finding:
    """A status is for people, and must fit a value of the KV."""
    lines = some(finding.message.split("\n"))
    text = "\n".join(lines)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} … ({len(finding.message) - _LONGEST} characters more)"
    return replace(finding, message=text)


def _rank(finding: Finding) -> tuple[int, str, str]:
    rank = _RANK.index(finding.type) if finding.type in _RANK else len(_RANK)
    return rank, finding.type, finding.reason


def _ready(
    holds: bool,
    headline: Finding,
    findings: Sequence[Finding],
    last: StackStatus | None,
    now: datetime,
) -> Condition:
    before = next((c for c in last.conditions if c.type == "Ready"), None) if last else None
    state: ConditionStatus = "True" if holds else "False"
    same = before is not None and before.status == state
    told = [each.type for each in findings if each.type in _SAID_IF_FALSE]
    return Condition(
        type="Ready",
        status=state,
        reason=headline.reason,
        message=", ".join(f"see {name}" for name in ([] if holds else [headline.type]) + told),
        since=before.since if before is not None and same else now,
    )


def _condition(finding: Finding, last: StackStatus | None, now: datetime) -> Condition:
    before = next(
        (c for c in last.conditions if (c.type, c.reason) == (finding.type, finding.reason)), None
    ) if last else None  # fmt: skip
    return Condition(
        type=finding.type,
        status="False" if finding.type in _SAID_IF_FALSE else "True",
        reason=finding.reason,
        message=finding.message,
        since=before.since if before else now,
    )


def _since(state: str, reason: str, last: StackStatus | None, now: datetime) -> datetime:
    same = last is not None and (last.state, last.reason) == (state, reason)
    return last.since if last is not None and same else now
