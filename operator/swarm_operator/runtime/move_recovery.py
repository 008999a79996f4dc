"""Ends the moves that somebody else began: another process, or this one before it lost its memory."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.rebalance import recovery
from swarm_operator.plan.rebalance.decisions import LOOK_AGAIN_S, Decision, Wait, Withdraw
from swarm_operator.plan.rebalance.intent import (
    MoveIntent,
    Unreadable,
    holds_our_write,
    intent_of,
)
from swarm_operator.plan.rebalance.scene import Seen, look
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.plan.rebalance.strip import strip
from swarm_operator.runtime.move_reports import Progress, Report
from swarm_operator.runtime.service_desk import ServiceDesk
from swarm_operator.runtime.withdrawal import Withdrawal, Withdrawals

CHANGED: Final = "somebody else changed the service"
TRIMMED_WITHIN_S: Final = 20.0
"""Swarm stops a task within moments; where it stops another, that one is not waited for longer."""


@dataclass(slots=True)
class _Found:
    """Since when tasks run, and what was asked of publishers."""

    service_id: str
    withdrawals: Withdrawals
    seen: Seen = field(default_factory=Seen)
    stops: str = ""
    """The task that the last write is to stop."""
    until: float = 0.0
    """Until when Swarm is waited for to do so."""


class Recovery:
    """One service at a time; what it remembers may be lost at any time."""

    def __init__(self, desk: ServiceDesk, withdrawal: Withdrawal) -> None:
        self._desk = desk
        self._withdrawal = withdrawal
        self._found: dict[str, _Found] = {}
        """By intent id."""
        self._yielded: set[tuple[str, str]] = set()
        """Services, with an intent id, of which it was said that somebody else changed them."""

    @property
    def services(self) -> frozenset[str]:
        """Ids of those of which something is remembered."""
        return frozenset(found.service_id for found in self._found.values())

    def forget_but(self, service_ids: Collection[str]) -> None:
        """The others bear no intent any more: another hand took it out."""
        for move, found in list(self._found.items()):
            if found.service_id not in service_ids:
                found.withdrawals.keep_only(())
                del self._found[move]

    def forget(self) -> None:
        for found in self._found.values():
            found.withdrawals.keep_only(())
        self._found.clear()
        self._yielded.clear()

    def step(self, service: Service, swarm: Swarm) -> Progress:
        """Of a service that `begun` names: its own label can be read, that of its previous spec
        perhaps not."""
        try:
            intent = intent_of(service.spec) or intent_of(service.previous_spec)
        except Unreadable:
            intent = None
        if recovery.needs_seal(service):
            return self._seal(service, intent, swarm)
        assert intent is not None
        return self._go_on(service, intent, swarm)

    def _go_on(self, service: Service, intent: MoveIntent, swarm: Swarm) -> Progress:
        scene = self._desk.scene(intent, service, swarm)
        found = self._found.get(intent.id)
        if found is None:
            found = _Found(service.id, Withdrawals(self._withdrawal, self._desk.clock))
            self._found[intent.id] = found
        seen = found.seen = look(found.seen, scene)
        is_ours = holds_our_write(service.spec, intent)
        if not is_ours and (first := self._yield(service, intent.id)) is not None:
            return first
        decision = recovery.recover(scene, seen) if is_ours else strip(scene, seen)
        return self._act(found, service, intent, decision, swarm)

    def _act(
        self,
        found: _Found,
        service: Service,
        intent: MoveIntent,
        decision: Decision,
        swarm: Swarm,
    ) -> Progress:
        if isinstance(decision, Withdraw):
            answer = found.withdrawals.ask(decision, found.seen)
            found.seen = answer.seen
            return Progress((_report(service, answer.why, intent.id),), answer.due_s)
        report = _report(service, decision.why, intent.id)
        if isinstance(decision, Wait):
            found.withdrawals.keep_only(())
            return Progress((report,), decision.seconds)
        found.withdrawals.keep_only({decision.stops})
        found.stops = decision.stops
        found.until = self._desk.clock.monotonic() + TRIMMED_WITHIN_S
        wrote = self._desk.put(service, decision.spec, swarm)
        return Progress((report,), 0.0, wrote=wrote)

    def _seal(self, service: Service, intent: MoveIntent | None, swarm: Swarm) -> Progress:
        """The end of a recovery: with the seal it is over, and its outcome is told."""
        slots = self._desk.slots(service, swarm)
        live = frozenset(task.id for tasks in slots.live.values() for task in tasks)
        move = intent.id if intent is not None else ""
        found = self._found.get(move)
        if found is not None and found.stops in live and self._desk.clock.monotonic() < found.until:
            # Else it would be published again on its way out.
            report = _report(service, "Swarm is carrying it out", move)
            return Progress((report,), LOOK_AGAIN_S)
        if not recovery.is_restored(service) and (first := self._yield(service, move)) is not None:
            return first
        decision = recovery.seal(service, slots, self._desk.clock.utc())
        if isinstance(decision, Wait):
            return Progress((_report(service, decision.why, move),), decision.seconds)
        wrote = self._desk.put(service, decision.spec, swarm)
        outcome = self._outcome(service, intent, swarm) if wrote else None
        if wrote and found is not None:
            found.withdrawals.end(live)
            del self._found[move]
        if wrote:
            self._yielded.discard((service.id, move))
        report = Report(service.name, "an unfinished move was ended", outcome, move, True)
        return Progress((report,), 0.0, wrote=wrote)

    def _yield(self, service: Service, move: str) -> Progress | None:
        """Said once, before anything is written: should this process die then, it is known."""
        if (service.id, move) in self._yielded:
            return None
        self._yielded.add((service.id, move))
        report = Report(service.name, CHANGED, None, move, is_recovery=True, yields=True)
        return Progress((report,), 0.0)

    def _outcome(self, service: Service, intent: MoveIntent | None, swarm: Swarm) -> Outcome:
        if intent is None or not recovery.is_restored(service):
            return Outcome.YIELDED
        return recovery.outcome(self._desk.scene(intent, service, swarm))


def _report(service: Service, why: str, move: str) -> Report:
    return Report(service.name, why, None, move, is_recovery=True)
