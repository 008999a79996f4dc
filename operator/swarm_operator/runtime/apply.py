"""Carries out a stack's allowed actions, and remembers what it learned from how they ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from desired_state import keys
from swarm_operator.observed.errors import LeaseLost, OutsideError
from swarm_operator.observed.kv import Fence
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Action, Finding, Kind, Remove, StackPlan, UpdateService
from swarm_operator.plan.decide import Planned
from swarm_operator.plan.drift import ServiceMemory
from swarm_operator.plan.redact import Redaction
from swarm_operator.runtime.backoff import Backoff
from swarm_operator.runtime.events import EventLog
from swarm_operator.runtime.executor import Executor, Outcome, RegistryAuth, Result
from swarm_operator.runtime.memory import Memory
from swarm_operator.runtime.ports import Clock, LeaseView, Metrics, SwarmPort
from swarm_operator.runtime.record import StatusWriter

_CONFLICTS_AT_ONCE: Final = 3
"""So many conflicts in a row are planned anew at once; a further one will hardly end by that (a name
that is taken by something no list shows) and is a failure."""


@dataclass(slots=True)
class Applier:
    """The only way from a plan to the swarm."""

    port: SwarmPort
    lease: LeaseView
    clock: Clock
    log: Any
    metrics: Metrics
    memory: Memory
    backoff: Backoff
    statuses: StatusWriter
    events: EventLog
    registry_auth: RegistryAuth
    _failures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _conflicts: dict[str, int] = field(default_factory=dict)

    def is_due(self, stack: str, now: float) -> bool:
        """Whether the stack's actions may be tried: no failure holds them off."""
        return self.backoff.is_due(stack, now)

    def apply(
        self,
        planned: Planned,
        swarm: Swarm,
        cause: str,
        redaction: Redaction,
        fence: Fence,
        now: float,
    ) -> bool:
        """Try every allowed action, in order; returns whether all were done. Raises LeaseLost, and
        what the KV raises.

        `cause` says where the wish came from, for the events; `redaction` hides the stack's secrets in
        what the engine says.
        """
        stack = planned.plan.stack
        before = dict(self.memory.of(stack))
        try:
            self._note_specs(planned, fence, now)
        except OutsideError:
            self.memory.remember(stack, _of_before(planned.memories, before))
            raise
        utc = self.clock.utc().timestamp()
        self.metrics.gauge("stack_last_attempt_timestamp_seconds", {"stack": stack}, utc)
        outcomes = self._carry_out(planned, swarm, cause, redaction)
        self._learn(planned.plan, outcomes, before, now)
        return [outcome.result for outcome in outcomes] == [Result.DONE] * len(planned.plan.actions)

    def settled(self, stack: str) -> None:
        """Nothing is left to do: what failed before is history."""
        self._conflicts.pop(stack, None)
        if self._failures.pop(stack, None) is not None:
            self.backoff.reset(stack)

    def forget(self, stack: str) -> None:
        self._conflicts.pop(stack, None)
        self._failures.pop(stack, None)
        self.backoff.reset(stack)

    def failures(self, stack: str) -> list[Finding]:
        """What did not go well at the last try, in the engine's own words."""
        failed = self._failures.get(stack, ())
        return [Finding("Failed", "ActionFailed", "; ".join(failed))] if failed else []

    def next_tries(self, now: float) -> list[float]:
        """When stacks whose actions failed are tried again. One that is due and was not tried (its
        folder is being written) waits for something else than the time."""
        times = (self.backoff.next_at(stack) for stack in self._failures)
        return [when for when in times if when is not None and when > now]

    def _note_specs(self, planned: Planned, fence: Fence, now: float) -> None:
        """In the KV before the first of them is sent: a rejection must be known after a crash."""
        updated = {a.name for a in planned.plan.actions if isinstance(a, UpdateService)}
        noted = {name: memory for name, memory in planned.memories.items() if name in updated}
        if not noted:
            return
        stack = planned.plan.stack
        self.memory.remember(stack, noted)
        self.statuses.want(keys.spec_memory_key(stack), self.memory.record(stack))
        self.statuses.flush(fence, now, only=keys.spec_memory_key(stack))

    def _carry_out(
        self, planned: Planned, swarm: Swarm, cause: str, redaction: Redaction
    ) -> list[Outcome]:
        executor = Executor(self.port, swarm, self.registry_auth)
        outcomes: list[Outcome] = []
        for action in planned.plan.actions:
            started = self.clock.monotonic()
            if self.lease.fence(started) is None:
                raise LeaseLost("the lease ran out between two actions")
            outcome = executor.execute(action)
            outcome = replace(outcome, message=redaction.scrub(outcome.message))
            outcomes.append(outcome)
            why = _drift_cause(action, swarm) if action.name in planned.drifted else cause
            self._report(outcome, why, self.clock.monotonic() - started)
            if _ends_pass(outcome):
                break
        return outcomes

    def _report(self, outcome: Outcome, cause: str, took_s: float) -> None:
        event = self.events.record(outcome, cause, self.clock.utc(), took_s)
        labels = {"kind": event.kind, "verb": event.verb, "result": event.result}
        self.metrics.count("actions_total", labels)
        self.log.info("acted", **event.model_dump(exclude={"when"}))

    def _learn(
        self,
        plan: StackPlan,
        outcomes: list[Outcome],
        before: Mapping[str, ServiceMemory],
        now: float,
    ) -> None:
        updates = [action for action in plan.actions if isinstance(action, UpdateService)]
        done = {outcome.action for outcome in outcomes if outcome.result is Result.DONE}
        unsent = {action.name for action in updates if action not in done}
        self.memory.remember(plan.stack, _of_before(unsent, before))
        failed = {Result.LATER, Result.REFUSED}
        if self._conflicts_too_often(plan.stack, outcomes):
            failed.add(Result.CONFLICT)
        problems = tuple(
            f"{outcome.action.verb} {outcome.action.kind} {outcome.action.name}: {outcome.message}"
            for outcome in outcomes
            if outcome.result in failed
        )
        if problems:
            self._failures[plan.stack] = problems
            self.backoff.failed(plan.stack, now)
        elif [outcome.result for outcome in outcomes] == [Result.DONE] * len(plan.actions):
            self.settled(plan.stack)

    def _conflicts_too_often(self, stack: str, outcomes: list[Outcome]) -> bool:
        if not any(outcome.result is Result.CONFLICT for outcome in outcomes):
            self._conflicts.pop(stack, None)
            return False
        self._conflicts[stack] = self._conflicts.get(stack, 0) + 1
        return self._conflicts[stack] > _CONFLICTS_AT_ONCE


def _of_before(
    names: Iterable[str], before: Mapping[str, ServiceMemory]
) -> dict[str, ServiceMemory]:
    """What was remembered of services that nothing was sent to."""
    return {name: before.get(name, ServiceMemory()) for name in names}


def _drift_cause(action: Action, swarm: Swarm) -> str:
    live = swarm.services_by_name.get(action.name)
    version = f", version {live.version}" if live is not None else ""
    return f"service {action.name} was changed on the swarm{version}"


def _ends_pass(outcome: Outcome) -> bool:
    """Whether what comes after would stand on what did not happen."""
    if outcome.result is Result.DONE:
        return False
    if outcome.result is Result.CONFLICT or outcome.engine_is_away:
        return True
    return outcome.action.kind is not Kind.SERVICE and not isinstance(outcome.action, Remove)
