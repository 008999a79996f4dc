"""What became of moves: into the memory that the next process reads, into events and metrics."""

from dataclasses import dataclass

from desired_state import keys
from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.observed.kv import Fence
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.rebalance import memory as remembered
from swarm_operator.plan.rebalance.intent import digest
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.plan.world import World
from swarm_operator.runtime.move_reports import Report
from swarm_operator.runtime.rebalance_view import RebalanceView
from swarm_operator.runtime.record import StatusWriter


@dataclass(frozen=True, slots=True)
class BegunMove:
    """What this process has to know of its move at the end."""

    move: Move
    spec: str
    """Digest of the service's spec before."""
    wished: str
    """Digest of what its document wished then."""


@dataclass(slots=True)
class MoveNotes:
    """Of the move that this process began, and of those that others left."""

    statuses: StatusWriter
    view: RebalanceView
    begun: BegunMove | None = None

    @property
    def move(self) -> Move | None:
        return self.begun.move if self.begun is not None else None

    def begin(self, move: Move, service: Service, wished: str, world: World) -> None:
        """`service` as it was planned with, `wished` the digest of its document's wish."""
        self.begun = BegunMove(move, digest(service.spec), wished)
        self.view.planned(move, world.swarm)

    def learn(
        self, report: Report, memory: RebalanceStatus, world: World, fence: Fence
    ) -> RebalanceStatus:
        """The memory with what a report says. Raises what the KV raises."""
        if report.yields:
            memory = self._yielded(report, memory, world, fence)
        self.view.step(report, self.move, world.swarm)
        if report.outcome is not None:
            memory = self._ended(report, report.outcome, memory, world)
        return memory

    def _yielded(
        self, report: Report, memory: RebalanceStatus, world: World, fence: Fence
    ) -> RebalanceStatus:
        """Into the KV at once: the mover writes nothing before, and a next process leaves the service
        alone for as long."""
        outcome = Outcome.YIELDED
        memory = remembered.ended(memory, report.service, "", "", outcome, report.why, world.utc)
        self.statuses.want(keys.REBALANCE_STATUS, memory)
        self.statuses.flush(fence, world.now, only=keys.REBALANCE_STATUS)
        return memory

    def _ended(
        self, report: Report, outcome: Outcome, memory: RebalanceStatus, world: World
    ) -> RebalanceStatus:
        begun = None if report.is_recovery else self.begun
        target, spec, reason = "", "", "recovery"
        if begun is not None:
            target, spec = begun.move.target, begun.spec
            reason = "spread" if begun.move.change.lowers_spread else "load"
            self.begun = None
        if outcome is Outcome.ABORTED and not report.blames_target:
            target = ""  # the node is as good as before
        move = begun.move if begun is not None else None
        self.view.ended(report, outcome, reason, world.swarm, move)
        return remembered.ended(
            memory, report.service, target, spec, outcome, report.why, world.utc
        )
