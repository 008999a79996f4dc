"""One move from its first write to its end, by the process that began it."""

from dataclasses import dataclass, field, replace
from typing import Final

from swarm_operator.observed.errors import Conflict, OutsideError
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.rebalance import paused, recovery, specs
from swarm_operator.plan.rebalance.decisions import LOOK_AGAIN_S, Decision, Wait, Withdraw
from swarm_operator.plan.rebalance.intent import (
    MoveIntent,
    Step,
    Unreadable,
    holds_our_write,
    intent_of,
)
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.scene import Scene, Seen, look
from swarm_operator.plan.rebalance.slots import Slots
from swarm_operator.plan.rebalance.start import Limits, new_intent, why_not_begun
from swarm_operator.plan.rebalance.steps import Outcome, decide
from swarm_operator.plan.rebalance.strip import strip
from swarm_operator.runtime.move_reports import Progress, Report
from swarm_operator.runtime.service_desk import ServiceDesk
from swarm_operator.runtime.withdrawal import Withdrawals

CHANGED: Final = "somebody else changed the service"
RESTS: Final = f"{CHANGED}, and their update is paused: it rests until that is ended"
HANGS: Final = f"{CHANGED}, and their update does not end: what is left of the move waits for it"
TRIMMED_WITHIN_S: Final = 20.0
"""After the last write, where Swarm has no update to carry out."""


@dataclass(slots=True)
class Flight:
    """All of it may be lost at any time: the service's label is enough to end the move."""

    desk: ServiceDesk
    withdrawals: Withdrawals
    move: Move
    limits: Limits
    id: str
    who: str
    outcome: Outcome | None = None
    """Once it is over."""
    _intent: MoveIntent | None = None
    """Of the newest write."""
    _seen: Seen = field(default_factory=Seen)
    _unanswered: str = ""
    """Why the first write got no answer."""
    _begun: bool = False
    """Whether the intent was seen in the service."""
    _original: JsonObject | None = None
    """The spec as it will be again."""
    _failed: bool = False
    """Whether it is given up."""
    _yielded: bool = False
    _why: str = ""
    """Of the last write."""
    _ended_at: float | None = None

    def give_up(self, why: str) -> None:
        """End it first of all, without harm."""
        self._seen = replace(self._seen, given_up=why)

    def forget(self) -> None:
        """Somebody else will end it."""
        self.withdrawals.keep_only(())

    def step(self, swarm: Swarm) -> Progress:
        """At most one write. Raises what the port raises."""
        service = swarm.services_by_id.get(self.move.service_id)
        if service is None:
            return self._land(Outcome.YIELDED, "the service is gone")
        try:
            live = intent_of(service.spec)
        except Unreadable as error:
            return self._land(Outcome.YIELDED, str(error))
        if live is not None and live.id == self.id:
            self._intent = live
            return self._go_on(self.desk.scene(live, service, swarm), swarm)
        if not self._begun or self._intent is None:
            if self._unanswered:
                return self._land(Outcome.ABORTED, f"it was not begun: {self._unanswered}")
            return self._first(service, swarm)
        return self._end(self.desk.scene(self._intent, service, swarm), swarm)

    # --- the first write --------------------------------------------------------------------------

    def _first(self, service: Service, swarm: Swarm) -> Progress:
        """Planned anew on what is read now."""
        slots = self.desk.slots(service, swarm)
        why = self._seen.given_up or why_not_begun(self.move, service, slots, swarm.nodes_by_id)
        if why:
            return self._land(Outcome.ABORTED, why)
        placed = specs.with_placement(service.spec)
        if placed is not service.spec:
            # First of all, and restarting nothing: a rollback from a surge or a pin to a spec
            # without it, by a person or by Swarm itself, would panic the manager.
            return self._begin(service, placed, "the service gets an empty placement")
        if self.move.how is How.STOP_FIRST:
            (task,) = slots.serving.values()
            if task.id not in self._seen.withdrawn:
                return self._withdraw(Withdraw(task.id, insists=True))
        self._seen = replace(self._seen, known=frozenset(task.id for task in slots.tasks))
        self._intent = self._new_intent(service, slots)
        return self._begin(service, self._first_spec(service, slots, swarm), "the move begins")

    def _new_intent(self, service: Service, slots: Slots) -> MoveIntent:
        utc = self.desk.clock.utc()
        return new_intent(
            self.move, service, slots, self.limits, move_id=self.id, who=self.who, utc=utc
        )

    def _first_spec(self, service: Service, slots: Slots, swarm: Swarm) -> JsonObject:
        assert self._intent is not None
        utc = self.desk.clock.utc()
        if self.move.how is How.STOP_FIRST:
            return specs.pin(self._intent, service.spec, utc)
        return specs.surge(self._intent, service.spec, slots.copies, swarm.nodes_by_id, utc)

    def _begin(self, service: Service, spec: JsonObject, why: str) -> Progress:
        """A write on the very version that was planned with. Should its answer be lost, the label
        tells; it is not tried again, for by then it may not be the time for it any more."""
        try:
            self.desk.port.update_service(service.id, service.version, spec)
        except Conflict:
            return self._land(Outcome.YIELDED, "somebody else was quicker")
        except OutsideError as error:
            self._unanswered = str(error)
            raise
        return self._said(why, wrote=True)

    # --- while the intent stands ------------------------------------------------------------------

    def _go_on(self, scene: Scene, swarm: Swarm) -> Progress:
        self._begun = True
        if not holds_our_write(scene.service.spec, scene.intent):
            if not self._yielded:
                return self._yield()
            if paused.is_theirs(scene.service):
                return self._land(Outcome.YIELDED, RESTS, scene)
            if scene.is_late:
                return self._land(Outcome.YIELDED, HANGS, scene)
            return self._act(scene, strip(scene, self._seen), swarm)
        if self._original is None:
            self._original = scene.plain
        self._seen = look(self._seen, scene)
        return self._act(scene, decide(scene, self._seen), swarm)

    def _act(self, scene: Scene, decision: Decision, swarm: Swarm) -> Progress:
        if isinstance(decision, Withdraw):
            return self._withdraw(decision)
        if isinstance(decision, Wait):
            if scene.intent.step is not Step.MARK:
                self.withdrawals.keep_only(())
            return self._said(decision.why, due_s=decision.seconds)
        if not self._failed:
            self._why = decision.why  # of one given up, the first reason is the one to tell
        self._failed = self._failed or decision.failed
        self.withdrawals.keep_only({decision.stops})
        wrote = self.desk.put(scene.service, decision.spec, swarm)
        return self._said(decision.why, due_s=0.0, wrote=wrote)

    def _withdraw(self, what: Withdraw) -> Progress:
        answer = self.withdrawals.ask(what, self._seen)
        self._seen = answer.seen
        return self._said(answer.why, due_s=answer.due_s)

    # --- once it is out of the spec ---------------------------------------------------------------

    def _end(self, scene: Scene, swarm: Swarm) -> Progress:
        """Seal it, and see what became of the move."""
        is_changed = specs.with_placement(scene.service.spec) != self._original
        if is_changed and not self._yielded:
            return self._yield()
        if paused.is_theirs(scene.service):
            return self._land(Outcome.YIELDED, RESTS, scene)
        if recovery.needs_seal(scene.service):
            if self._yielded and scene.is_late:
                return self._land(Outcome.YIELDED, HANGS, scene)
            return self._seal(scene, swarm)
        if self._yielded:
            return self._land(Outcome.YIELDED, CHANGED, scene)
        self._ended_at = scene.now if self._ended_at is None else self._ended_at
        limit_s = TRIMMED_WITHIN_S if scene.service.update_state is None else scene.intent.limit_s
        if not _is_quiet(scene) and scene.now - self._ended_at < limit_s:
            return self._said("Swarm is carrying it out", due_s=LOOK_AGAIN_S)
        outcome = recovery.outcome(scene, failed=self._failed)
        return self._land(outcome, self._why or "Swarm went back by itself", scene)

    def _yield(self) -> Progress:
        """It is said before anything is written: should this process die then, it is known."""
        self._yielded = True
        return Progress((Report(self.move.service, CHANGED, move=self.id, yields=True),), 0.0)

    def _seal(self, scene: Scene, swarm: Swarm) -> Progress:
        decision = recovery.seal(scene.service, scene.slots, scene.utc)
        if isinstance(decision, Wait):
            return self._said(decision.why, due_s=decision.seconds)
        wrote = self.desk.put(scene.service, decision.spec, swarm)
        return self._said(decision.why, due_s=0.0, wrote=wrote)

    def _land(self, outcome: Outcome, why: str, scene: Scene | None = None) -> Progress:
        if scene is None:
            self.withdrawals.keep_only(())
        else:
            self.withdrawals.end({task.id for tasks in scene.slots.live.values() for task in tasks})
        self.outcome = outcome
        blames = self._begun and not self._seen.given_up
        report = Report(self.move.service, why, outcome, self.id, blames_target=blames)
        return Progress((report,), 0.0)

    def _said(self, why: str, *, due_s: float | None = None, wrote: bool = False) -> Progress:
        return Progress((Report(self.move.service, why, move=self.id),), due_s, wrote=wrote)


def _is_quiet(scene: Scene) -> bool:
    """As many slots as are wished, and no update."""
    busy = scene.service.update_state in {"updating", "rollback_started"}
    return len(scene.slots.live) == scene.intent.replicas and not busy
