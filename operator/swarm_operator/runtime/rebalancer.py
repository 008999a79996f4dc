"""The controller of where tasks run: what somebody left half done first, then one move at a time.

Level-triggered: each step looks at the swarm as it is, and at what `status/rebalance` remembers. What
is kept here besides may be lost at any time.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from desired_state import keys
from desired_state.rebalance_policy import RebalancePolicy
from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import Fence
from swarm_operator.plan.rebalance import memory as remembered
from swarm_operator.plan.rebalance import trial
from swarm_operator.plan.rebalance.arrivals import arrived
from swarm_operator.plan.rebalance.begun import begun, hanging
from swarm_operator.plan.rebalance.gates import Gates
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.recommendation import Recommendation, described, recommend
from swarm_operator.plan.rebalance.start import Limits
from swarm_operator.plan.world import World
from swarm_operator.runtime.move_notes import MoveNotes
from swarm_operator.runtime.move_reports import Progress
from swarm_operator.runtime.mover import Mover
from swarm_operator.runtime.outlook import Outlook
from swarm_operator.runtime.rebalance_requests import finish_requests
from swarm_operator.runtime.rebalance_view import RebalanceView
from swarm_operator.runtime.self_test import SelfTester
from swarm_operator.runtime.toolbox import Toolbox

_AGAIN_S: Final = 60.0
"""Between two looks at the gates while nothing is seen to change, and time opens none."""
_BEGIN_AGAIN_S: Final = 5.0
"""After a move that may not be begun after all."""
RECOVERY_POLL_S: Final = 1.0


@dataclass(slots=True)
class Rebalancer:
    """Called from the loop's step before stacks are compared."""

    tools: Toolbox
    mover: Mover
    memory: RebalanceStatus = field(default_factory=RebalanceStatus)
    moving: frozenset[str] = frozenset()
    """Ids of the services with a move of whatever origin, after the last step."""
    _watching_since: datetime | None = None
    _not_before: float = 0.0
    """When a move may be begun again after one was not."""
    _look_at: float | None = None
    """When the moving services are to be read anew."""
    _view: RebalanceView = field(init=False)
    _notes: MoveNotes = field(init=False)
    _outlook: Outlook = field(init=False)
    _self_test: SelfTester = field(init=False)
    _considered: tuple[tuple[Any, ...], float] = ((), 0.0)
    """What was looked at last, and until when looking again is of no use."""
    _unfinished: tuple[Any, frozenset[str]] = (None, frozenset())

    def __post_init__(self) -> None:
        around = self.tools.around
        self._view = RebalanceView(
            self.tools.statuses, self.tools.events, around.clock, around.log, around.metrics
        )
        self._notes = MoveNotes(self.tools.statuses, self._view)
        self._self_test = SelfTester(around.swarm, self.mover, around.clock, around.log)
        self._outlook = Outlook(self.tools)

    def take_over(self) -> None:
        """The lease is ours anew: what an earlier holder noted holds, what we thought does not."""
        self.mover.forget()
        self._self_test.forget()
        self._notes.begun = None
        self._watching_since = None
        self._outlook.forget()
        self._considered = (), 0.0
        self._look_at = None
        self.moving = frozenset()
        value = self.tools.statuses.latest(keys.REBALANCE_STATUS)
        noted = RebalanceStatus.parse(value) if value is not None else None
        self.memory = noted if noted is not None else RebalanceStatus()

    def looked_away(self) -> None:
        """The swarm could not be seen: nodes may have gone and come back unnoticed."""
        self._watching_since = None

    def look_ahead(self, now: float) -> None:
        """Before the swarm is observed: what moves is read anew when that is due."""
        if self._look_at is not None and now >= self._look_at:
            self._look_at = None
            if self.moving:
                self.tools.observer.mark_changed(self.moving, at_once=True)

    def step(self, world: World, fence: Fence) -> float:
        """Do what is due. Returns the monotonic time of the next step. Raises what the KV raises."""
        now = world.now
        if world.incomplete:
            self.looked_away()
            return now + _AGAIN_S
        if self._watching_since is None:
            self._watching_since = world.utc
        self.memory = remembered.looked(self.memory, world.swarm, world.utc)
        due = now + _AGAIN_S
        if world.mode == "act":
            self.moving = self._with_moves(world)
            if self.moving:
                self._notice_changed_wishes(world)
                progress = self._carry_on(world, fence)
                self.moving = self._with_moves(world)
                if self.moving or progress.wrote or not progress.is_idle:
                    wait_s = RECOVERY_POLL_S if progress.due_s is None else progress.due_s
                    self._look_at = due = now + wait_s
                    if progress.wrote or not self._all_hang(world):
                        self._view.moving(self, progress, self._notes.move, world.swarm)
                        return due
            if self._try(world, fence):
                return now + RECOVERY_POLL_S
        return min(due, self._consider(world, fence, now))

    def _all_hang(self, world: World) -> bool:
        """Whether all that is left of moves waits for updates of somebody else that do not end: for
        these nobody else has to wait."""
        by_id, owns = world.swarm.services_by_id, world.owner.owns
        left = [by_id.get(service_id) for service_id in self.moving]
        is_free = self.mover.in_flight is None
        return is_free and all(s is not None and hanging(s, owns, world.utc) for s in left)

    def _try(self, world: World, fence: Fence) -> bool:
        """Whether the self-test, or what is left of one, is all that is done now."""
        if not self._leads(fence):
            return False
        try:
            busy = self._self_test.step(world.swarm, world.owner)
        except OutsideError as error:
            self.tools.around.log.warning("the self-test cannot go on for now", why=str(error))
            busy = True
        result = self._self_test.result
        if result is not None:
            self._self_test.result = None
            version = trial.engine_version(world.swarm)
            tests = {**self.memory.self_tests, version: result}
            self.memory = self.memory.model_copy(update={"self_tests": tests})
            self._considered = (), 0.0
        if busy:
            self.tools.observer.mark_dirty()
            self._view.testing(self)
        return busy

    # --- the move under way -----------------------------------------------------------------------

    def _with_moves(self, world: World) -> frozenset[str]:
        """Ids of our services with a move, of whatever origin."""
        swarm = world.swarm
        if self._unfinished[0] is not swarm.services:
            found = frozenset(service.id for service in begun(swarm, world.owner.owns))
            self._unfinished = swarm.services, found
        return self._unfinished[1] | self.mover.busy_with

    def _carry_on(self, world: World, fence: Fence) -> Progress:
        if not self._leads(fence):
            return Progress((), RECOVERY_POLL_S)  # another hand may be at it
        try:
            progress = self.mover.step(world.swarm, world.owner.owns)
        except OutsideError as error:
            self.tools.around.log.warning("a move cannot go on for now", why=str(error))
            self.tools.observer.mark_dirty()
            return Progress((), RECOVERY_POLL_S, wrote=True)
        self._learn(progress, world, fence)
        return progress

    def _leads(self, fence: Fence) -> bool:
        """Whether the lease still is the one that the step began with: a look may take long."""
        around = self.tools.around
        return around.lease.fence(around.clock.monotonic()) == fence

    def _notice_changed_wishes(self, world: World) -> None:
        """Where the desired spec changes, the move is ended first, and written is after it."""
        begun = self._notes.begun
        if begun is None:
            return
        wished = self._outlook.wished_digest(begun.move.service, world)
        if wished != begun.wished:
            self.mover.give_up(begun.move.service_id, "its document changed")

    def _learn(self, progress: Progress, world: World, fence: Fence) -> None:
        for report in progress.reports:
            if report.service == trial.NAME:
                if report.outcome is not None:
                    self._self_test.ended(report)
                continue
            self.memory = self._notes.learn(report, self.memory, world, fence)
            if report.outcome is not None:
                self._outlook.forget()

    # --- the next one -----------------------------------------------------------------------------

    def _consider(self, world: World, fence: Fence, now: float) -> float:
        policy = world.desired.policy.rebalance
        if policy.mode == "off":
            finish_requests(self.tools, world, fence, None)
            self._view.off(self, world.desired.policy)
            return now + _AGAIN_S
        key = (world.swarm.services, world.swarm.tasks, world.swarm.nodes, world.desired)
        seen, until = self._considered
        if now < until and seen and all(a is b for a, b in zip(seen, key, strict=True)):
            return until
        gates = self._outlook.gates(world, self.memory, self._watching_since or world.utc)
        plan = self._outlook.planned(world, self.memory, gates, self._view.measure)
        found = recommend(world.swarm, world.utc, plan.question, plan.wished, gates)
        self._note_balanced(found, gates)
        begun = (
            found.next is not None
            and now >= self._not_before
            and self._begin(found.next, world, policy, fence)
        )
        finish_requests(self.tools, world, fence, None if begun else found)
        self.memory = described(self.memory, found, world.swarm)
        self._view.considered(self, found, gates, world.swarm)
        due = max(now, self._not_before)
        if found.next is None:
            due = self._due(found, world, now)
        self._considered = key, due
        return due

    def _due(self, found: Recommendation, world: World, now: float) -> float:
        if found.due is None:
            return now + _AGAIN_S
        return now + min(_AGAIN_S, max(0.05, (found.due - world.utc).total_seconds()))

    def _begin(self, move: Move, world: World, policy: RebalancePolicy, fence: Fence) -> bool:
        """Only on what was read this very moment; else that is asked for."""
        now = world.now
        if not self.tools.observer.is_fresh(now):
            self.tools.observer.mark_dirty(at_once=True)
            return False
        if trial.is_wanted(self.memory, policy, world.swarm, world.utc):
            self._self_test.begin()
            return True
        service = world.swarm.services_by_id[move.service_id]
        limits = Limits(policy.settle_s, policy.start_deadline_s)
        why = self.mover.begin(move, world.swarm, limits)
        if why is not None:
            self.tools.around.log.info("a move is not begun", service=move.service, why=why)
            self._outlook.forget()
            self._not_before = now + _BEGIN_AGAIN_S
            return False
        self.memory = remembered.token_taken(self.memory, policy.moves_per_hour, world.utc)
        self.memory = remembered.began(self.memory, service)
        wished = self._outlook.wished_digest(service.name, world)
        self._notes.begin(move, service, wished, world)
        self.moving = frozenset({service.id})
        self._carry_on(world, fence)
        self._look_at = now
        return True

    def _note_balanced(self, found: Recommendation, gates: Gates) -> None:
        arrivals = arrived(found.wished, gates)
        for hostname, seconds in arrivals.values():
            if seconds is not None:
                self._view.balanced(hostname, seconds)
        self.memory = remembered.balanced(self.memory, arrivals)


def rebalancer(tools: Toolbox) -> Rebalancer:
    """Wired up, nothing remembered yet."""
    around = tools.around
    mover = Mover(
        around.swarm,
        around.clock,
        around.withdrawal,
        who=around.identity.holder,
        new_id=lambda: f"{around.rng.getrandbits(64):016x}",
        leads=lambda: around.lease.fence(around.clock.monotonic()) is not None,
    )
    return Rebalancer(tools, mover)
