"""Carries moves out, one write a step, and ends those that somebody else left behind.

All decisions are `plan.rebalance`'s; what this keeps between two steps may be lost at any time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from swarm_operator.observed.errors import Conflict
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.rebalance import recovery, specs
from swarm_operator.plan.rebalance.intent import (
    MoveIntent,
    Unreadable,
    has_label,
    holds_our_write,
    intent_of,
)
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.planner import Move
from swarm_operator.plan.rebalance.slots import Slots, slots_of
from swarm_operator.plan.rebalance.start import Limits, new_intent, why_not_begun
from swarm_operator.plan.rebalance.steps import (
    LOOK_AGAIN_S,
    POLL_S,
    Outcome,
    Scene,
    Seen,
    Wait,
    Withdraw,
    Write,
    decide,
    look,
)
from swarm_operator.plan.rebalance.strip import strip
from swarm_operator.runtime.ports import Clock, SwarmPort
from swarm_operator.runtime.withdrawal import Withdrawal, Withdrawn

ATTEMPTS: Final = 5
"""Of one write: the version also moves by itself, when an update begins or ends."""
TRIMMED_WITHIN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a move in one step, for people."""

    service: str
    why: str
    outcome: Outcome | None = None
    """None while it goes on."""
    move: str = ""
    """The intent's id."""
    is_recovery: bool = False
    """Whether this process did not begin it."""


@dataclass(frozen=True, slots=True)
class Progress:
    reports: tuple[Report, ...] = ()
    due_s: float | None = None
    """Seconds until the next step is worth it; None: when something changed."""
    wrote: bool = False
    saw: bool = True
    """False where the snapshot was not complete: nothing is known then."""

    @property
    def is_idle(self) -> bool:
        """Whether no move is under way, and none has to be ended."""
        return self.saw and all(report.outcome is not None for report in self.reports)


@dataclass(slots=True)
class _Flight:
    """The move that this process began."""

    move: Move
    intent: MoveIntent
    limits: Limits
    seen: Seen = field(default_factory=Seen)
    begun: bool = False
    """Whether the intent was seen in the service."""
    original: JsonObject | None = None
    """The spec as it will be again."""
    failed: bool = False
    """Whether it is given up."""
    yielded: bool = False
    asked: str = ""
    """The task that was asked to be withdrawn."""
    why: str = ""
    """Of the last write."""
    ended_at: float | None = None


class Mover:
    """One move at a time. The caller holds the lease, and brings a fresh and complete snapshot."""

    def __init__(
        self,
        port: SwarmPort,
        clock: Clock,
        withdrawal: Withdrawal,
        *,
        who: str,
        new_id: Callable[[], str],
    ) -> None:
        self._port = port
        self._clock = clock
        self._withdrawal = withdrawal
        self._who = who
        self._new_id = new_id
        self._flight: _Flight | None = None
        self._found: dict[str, Seen] = {}
        """By intent id, since when tasks run whose move somebody else began."""

    @property
    def in_flight(self) -> str | None:
        """The id of the service whose task is being moved by this process."""
        return self._flight.move.service_id if self._flight is not None else None

    def begin(self, move: Move, swarm: Swarm, limits: Limits) -> str | None:
        """Take the move on; the next step makes its first write. Returns why it may not be."""
        if self._flight is not None:
            return "another move is under way"
        service = swarm.services_by_id.get(move.service_id)
        if service is None:
            return "the service is gone"
        slots = _slots(service, swarm)
        why = why_not_begun(move, service, slots, swarm.nodes_by_id)
        if why is not None:
            return why
        intent = self._new_intent(self._new_id(), move, service, slots, limits)
        self._flight = _Flight(move, intent, limits)
        return None

    def give_up(self, service_id: str, why: str) -> None:
        """The service's desired spec changed: end the move first, without harm."""
        if self._flight is not None and self._flight.move.service_id == service_id:
            self._flight.seen = replace(self._flight.seen, given_up=why)

    def forget(self) -> None:
        """The lease was lost: whoever has it ends the move, from its label."""
        self._flight = None
        self._found.clear()

    def step(self, swarm: Swarm) -> Progress:
        """At most one write. Raises what the port raises; the next step looks again then."""
        if not swarm.is_complete:
            return Progress(due_s=POLL_S, saw=False)
        reports: list[Report] = []
        due_s: float | None = None
        for act in self._acts(swarm):
            progress = act()
            reports += progress.reports
            due_s = _sooner(due_s, progress.due_s)
            if progress.wrote:
                return Progress(tuple(reports), 0.0, wrote=True)
        return Progress(tuple(reports), due_s)

    def _acts(self, swarm: Swarm) -> Iterator[Callable[[], Progress]]:
        flight = self._flight
        if flight is not None:
            yield partial(self._fly, flight, swarm)
        for service in swarm.services:
            own = flight is not None and service.id == flight.move.service_id
            if not own and (has_label(service.spec) or has_label(service.previous_spec)):
                yield partial(self._recover, service, swarm)

    # --- the own move ---------------------------------------------------------------------------------

    def _fly(self, flight: _Flight, swarm: Swarm) -> Progress:
        service = swarm.services_by_id.get(flight.move.service_id)
        if service is None:
            return self._land(flight, Outcome.YIELDED, "the service is gone")
        try:
            live = intent_of(service.spec)
        except Unreadable as error:
            return self._land(flight, Outcome.YIELDED, str(error))
        if live is not None and live.id == flight.intent.id:
            flight.intent = live
            return self._go_on(flight, self._scene(live, service, swarm), swarm)
        if not flight.begun:
            return self._first(flight, service, swarm)
        return self._end(flight, self._scene(flight.intent, service, swarm), swarm)

    def _first(self, flight: _Flight, service: Service, swarm: Swarm) -> Progress:
        """The first write, planned anew on what is read now."""
        slots = _slots(service, swarm)
        why = flight.seen.given_up or why_not_begun(flight.move, service, slots, swarm.nodes_by_id)
        if why:
            return self._land(flight, Outcome.ABORTED, why)
        placed = recovery.with_placement(service.spec)
        if placed is not service.spec:
            # First of all, and restarting nothing: a rollback from a surge or a pin to a spec
            # without it, by a person or by Swarm itself, would panic the manager.
            return self._begun(flight, service, placed, "the service gets an empty placement")
        intent = self._new_intent(flight.intent.id, flight.move, service, slots, flight.limits)
        if flight.move.how is How.STOP_FIRST:
            (task,) = slots.serving.values()
            if flight.seen.withdrawn != task.id:
                return self._withdraw(flight, task.id)
            spec = specs.pin(intent, service.spec, self._clock.utc())
        else:
            spec = specs.surge(
                intent, service.spec, slots.copies, swarm.nodes_by_id, self._clock.utc()
            )
        flight.intent = intent
        flight.seen = replace(flight.seen, known=frozenset(task.id for task in slots.tasks))
        return self._begun(flight, service, spec, "the move begins")

    def _begun(self, flight: _Flight, service: Service, spec: JsonObject, why: str) -> Progress:
        """A write on the very version that was planned with. Should its answer be lost, the label
        tells."""
        try:
            self._port.update_service(service.id, service.version, spec)
        except Conflict:
            return self._land(flight, Outcome.YIELDED, "somebody else was quicker")
        return self._said(flight, why, wrote=True)

    def _go_on(self, flight: _Flight, scene: Scene, swarm: Swarm) -> Progress:
        flight.begun = True
        if not holds_our_write(scene.service.spec, scene.intent):
            flight.yielded = True
            return self._act(flight, scene, strip(scene), swarm)
        if flight.original is None:
            flight.original = scene.plain
        flight.seen = look(flight.seen, scene)
        decision = decide(scene, flight.seen)
        if isinstance(decision, Withdraw):
            return self._withdraw(flight, decision.task_id)
        return self._act(flight, scene, decision, swarm)

    def _act(self, flight: _Flight, scene: Scene, decision: Wait | Write, swarm: Swarm) -> Progress:
        if isinstance(decision, Wait):
            return self._said(flight, decision.why, due_s=decision.seconds)
        if not flight.failed:
            flight.why = decision.why  # of one given up, the first reason is the one to tell
        if decision.failed:
            flight.failed = True
            self._publish_again(flight)
        wrote = self._put(scene.service, decision.spec, swarm)
        return self._said(flight, decision.why, due_s=0.0, wrote=wrote)

    def _end(self, flight: _Flight, scene: Scene, swarm: Swarm) -> Progress:
        """The intent is out of the spec: seal it, and see what became of the move."""
        if recovery.needs_seal(scene.service):
            why = flight.why
            progress = self._act(
                flight, scene, recovery.seal(scene.service, scene.slots, scene.utc), swarm
            )
            flight.why = why
            return progress
        if flight.yielded or recovery.with_placement(scene.service.spec) != flight.original:
            return self._land(flight, Outcome.YIELDED, "somebody else changed the service")
        flight.ended_at = scene.now if flight.ended_at is None else flight.ended_at
        limit_s = TRIMMED_WITHIN_S if scene.service.update_state is None else scene.intent.limit_s
        if not _is_quiet(scene) and scene.now - flight.ended_at < limit_s:
            return self._said(flight, "Swarm is carrying it out", due_s=LOOK_AGAIN_S)
        outcome = recovery.outcome(scene, failed=flight.failed)
        return self._land(flight, outcome, flight.why or "Swarm went back by itself")

    def _withdraw(self, flight: _Flight, task_id: str) -> Progress:
        flight.asked = task_id
        match self._withdrawal.withdraw(task_id):
            case Withdrawn.CONFIRMED:
                flight.seen = replace(flight.seen, withdrawn=task_id)
                return self._said(flight, "the old task is not published any more", due_s=0.0)
            case Withdrawn.PENDING:
                return self._said(flight, "the old task is being withdrawn", due_s=POLL_S)
            case Withdrawn.TIMED_OUT:
                why = "what publishes the old task did not confirm that it is withdrawn"
                flight.seen = replace(flight.seen, given_up=why)
                self._publish_again(flight)
                return self._said(flight, why, due_s=0.0)

    def _publish_again(self, flight: _Flight) -> None:
        if flight.asked:
            self._withdrawal.publish_again(flight.asked)
            flight.asked = ""
            flight.seen = replace(flight.seen, withdrawn="")

    def _land(self, flight: _Flight, outcome: Outcome, why: str) -> Progress:
        if outcome is not Outcome.MOVED:
            self._publish_again(flight)
        self._flight = None
        return Progress((Report(flight.move.service, why, outcome, flight.intent.id),), 0.0)

    def _said(
        self, flight: _Flight, why: str, *, due_s: float | None = None, wrote: bool = False
    ) -> Progress:
        report = Report(flight.move.service, why, move=flight.intent.id)
        return Progress((report,), due_s, wrote=wrote)

    # --- others' ----------------------------------------------------------------------------------------

    def _recover(self, service: Service, swarm: Swarm) -> Progress:
        """End what somebody else began; what cannot be read is left alone, and said."""
        try:
            intent = intent_of(service.spec) or intent_of(service.previous_spec)
        except Unreadable as error:
            if has_label(service.spec):
                return Progress((Report(service.name, str(error), is_recovery=True),))
            intent = None
        if recovery.needs_seal(service):
            return self._seal(service, intent, swarm)
        assert intent is not None
        scene = self._scene(intent, service, swarm)
        is_ours = holds_our_write(service.spec, intent)
        seen = self._found[intent.id] = look(self._found.get(intent.id, Seen()), scene)
        decision = recovery.recover(scene, seen) if is_ours else strip(scene)
        report = Report(service.name, decision.why, None, intent.id, is_recovery=True)
        if isinstance(decision, Wait):
            return Progress((report,), decision.seconds)
        wrote = self._put(service, decision.spec, swarm)
        return Progress((report,), 0.0, wrote=wrote)

    def _seal(self, service: Service, intent: MoveIntent | None, swarm: Swarm) -> Progress:
        """The end of a recovery: with the seal it is over, and its outcome is told."""
        decision = recovery.seal(service, _slots(service, swarm), self._clock.utc())
        move = intent.id if intent is not None else ""
        if isinstance(decision, Wait):
            report = Report(service.name, decision.why, None, move, is_recovery=True)
            return Progress((report,), decision.seconds)
        wrote = self._put(service, decision.spec, swarm)
        outcome = self._recovered(service, intent, swarm) if wrote else None
        self._found.pop(move, None)
        report = Report(service.name, "an unfinished move was ended", outcome, move, True)
        return Progress((report,), 0.0, wrote=wrote)

    def _recovered(self, service: Service, intent: MoveIntent | None, swarm: Swarm) -> Outcome:
        if intent is None or not recovery.is_restored(service):
            return Outcome.YIELDED
        return recovery.outcome(self._scene(intent, service, swarm))

    # --- reading and writing ------------------------------------------------------------------------------

    def _scene(self, intent: MoveIntent, service: Service, swarm: Swarm) -> Scene:
        slots = _slots(service, swarm)
        return Scene(intent, service, slots, self._clock.utc(), self._clock.monotonic())

    def _new_intent(
        self, move_id: str, move: Move, service: Service, slots: Slots, limits: Limits
    ) -> MoveIntent:
        utc = self._clock.utc()
        return new_intent(move, service, slots, limits, move_id=move_id, who=self._who, utc=utc)

    def _put(self, service: Service, spec: JsonObject, swarm: Swarm) -> bool:
        """Write unless somebody edited the service. Registry credentials are never sent: the engine
        keeps those that it has. A version that moved is no proof of an edit, so the spec decides."""
        for _ in range(ATTEMPTS):
            try:
                self._port.update_service(service.id, service.version, spec)
            except Conflict:
                fresh = self._port.read_progress(swarm, frozenset({service.id}))
                again = fresh.services_by_id.get(service.id)
                if again is None or again.spec != service.spec or not fresh.is_complete:
                    return False
                if again.update_state != service.update_state:
                    return False
                service = again
            else:
                return True
        return False


def _is_quiet(scene: Scene) -> bool:
    """As many slots as are wished, and no update."""
    busy = scene.service.update_state in {"updating", "rollback_started"}
    return len(scene.slots.live) == scene.intent.replicas and not busy


def _slots(service: Service, swarm: Swarm) -> Slots:
    return slots_of(swarm.tasks_by_service.get(service.id, ()), swarm.nodes_by_id)


def _sooner(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
