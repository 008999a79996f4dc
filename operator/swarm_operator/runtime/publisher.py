"""What people see of the stacks: status keys, the log's line for each change, metrics."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from desired_state import keys
from desired_state.records import Condition, OperatorStatus, StackStatus
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan import verdict
from swarm_operator.plan.actions import Finding, StackPlan
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.routes.routed import ROUTED
from swarm_operator.plan.stack import owned_services
from swarm_operator.runtime.ports import Clock, Metrics
from swarm_operator.runtime.record import StatusWriter


@dataclass(slots=True)
class Publisher:
    """Turns verdicts into status keys; writing them is the status writer's."""

    statuses: StatusWriter
    clock: Clock
    log: Any
    metrics: Metrics
    unrouted: Callable[[], Mapping[str, Finding] | None] = dict
    """By stack what is wrong with its routes; None while that is not known yet."""
    _parsed: dict[str, tuple[bytes, StackStatus | None]] = field(default_factory=dict)
    """By stack the text of its status, and what it says: each is parsed once."""

    def publish(self, item: verdict.Verdict) -> None:
        """The status of one stack; times are kept where a condition did not change."""
        key = keys.stack_status_key(item.stack)
        last = self.last(item.stack)
        unrouted = self.unrouted_of(item.stack)
        if unrouted is not None:
            item = replace(item, findings=(*item.findings, unrouted))
        status = verdict.status(item, last, self.clock.utc())
        self.statuses.want(key, status)
        if last == status:
            return
        self.metrics.forget("stack_condition", {"stack": item.stack})
        for condition in status.conditions:
            labels = {"stack": item.stack, "type": condition.type, "status": condition.status}
            self.metrics.gauge("stack_condition", labels, 1.0)
        if last is None or _headline(last) != _headline(status):
            self.log.info(
                "reconciled",
                stack=item.stack,
                state=status.state,
                reason=status.reason,
                message=status.message,
                revision=status.revision,
            )

    def unrouted_of(self, stack: str) -> Finding | None:
        """What is wrong with its routes; while nobody knows, what was said of them last."""
        known = self.unrouted()
        if known is not None:
            return known.get(stack)
        last = self.last(stack)
        said = [each for each in (last.conditions if last else ()) if each.type == ROUTED]
        return Finding(ROUTED, said[0].reason, said[0].message) if said else None

    def publish_findings(
        self,
        stack: str,
        findings: tuple[Finding, ...],
        swarm: Swarm,
        owner: Owner,
        redaction: Redaction,
    ) -> None:
        """The status of a stack without a usable document: what runs of it is still shown."""
        last = self.last(stack)
        names = [service.name for service in owned_services(stack, swarm, owner)]
        health = verdict.services_health(names, swarm, self.clock.utc())
        self.publish(
            verdict.Verdict(
                stack=stack,
                revision=last.revision if last is not None else "",
                findings=findings,
                services=verdict.service_statuses(health, {}, redaction),
            )
        )

    def hold_all(self, why: str) -> None:
        """Nothing is known of any stack any more (the sentinel is gone): none may look well."""
        now = self.clock.utc()
        for status in list(self.stacks()):
            if (status.state, status.reason, status.message) == ("Held", "Incomplete", why):
                continue
            held = Condition(
                type="Held", status="True", reason="Incomplete", message=why, since=now
            )
            changes = {
                "state": "Held",
                "reason": "Incomplete",
                "message": why,
                "since": now,
                "conditions": (held,),
            }
            key = keys.stack_status_key(status.stack)
            self.statuses.want(key, status.model_copy(update=changes))

    def publish_operator(self, status: OperatorStatus) -> None:
        """The status of the daemon itself."""
        value = self.statuses.latest(keys.OPERATOR_STATUS)
        last = OperatorStatus.parse(value) if value is not None else None
        if last is not None and last.model_copy(update={"since": status.since}) == status:
            return
        self.statuses.want(keys.OPERATOR_STATUS, status)

    def measure_held(self, plan: StackPlan) -> None:
        """How many actions wait, by reason; a reason that is gone takes its series with it."""
        self.metrics.forget("actions_held", {"stack": plan.stack})
        for reason, number in Counter(str(held.hold) for held in plan.held).items():
            self.metrics.gauge("actions_held", {"stack": plan.stack, "reason": reason}, number)

    def measure_success(self, stack: str) -> None:
        """The stack was planned and nothing failed."""
        utc = self.clock.utc().timestamp()
        self.metrics.gauge("stack_last_success_timestamp_seconds", {"stack": stack}, utc)

    def last(self, stack: str) -> StackStatus | None:
        """What was said last about a stack."""
        value = self.statuses.latest(keys.stack_status_key(stack))
        if value is None:
            return None
        known = self._parsed.get(stack)
        if known is None or known[0] is not value:
            known = self._parsed[stack] = (value, StackStatus.parse(value))
        return known[1]

    def stacks(self) -> Iterator[StackStatus]:
        """All that stands in the KV about stacks."""
        prefix = keys.stack_status_key("")
        for key in sorted(self.statuses.keys()):
            status = self.last(key.removeprefix(prefix)) if key.startswith(prefix) else None
            if status is not None:
                yield status

    def forget(self, stack: str) -> None:
        """A stack that is no more."""
        self._parsed.pop(stack, None)
        self.statuses.want_gone(keys.stack_status_key(stack))
        self.statuses.want_gone(keys.spec_memory_key(stack))
        for metric in _PER_STACK:
            self.metrics.forget(metric, {"stack": stack})


_PER_STACK: Final = (
    "stack_condition",
    "actions_held",
    "stack_last_attempt_timestamp_seconds",
    "stack_last_success_timestamp_seconds",
)


def _headline(status: StackStatus) -> tuple[str, str, str]:
    return status.state, status.reason, status.message
