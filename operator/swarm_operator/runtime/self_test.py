"""Tries a directed move on a tiny service of the operator's own, before the first real one."""

from dataclasses import dataclass, field
from typing import Any, Final

from desired_state.rebalance_records import SelfTest
from swarm_operator.observed.errors import Gone, OutsideError
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.rebalance import trial
from swarm_operator.plan.rebalance.start import Limits
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime.move_reports import Report
from swarm_operator.runtime.mover import Mover
from swarm_operator.runtime.ports import Clock, SwarmPort

STARTS_WITHIN_S: Final = 60.0
_LIMITS: Final = Limits(settle_s=2.0, start_s=60.0)


@dataclass(slots=True)
class SelfTester:
    """One test at a time. A service that a dead operator left behind is taken away first."""

    port: SwarmPort
    mover: Mover
    clock: Clock
    log: Any
    _began_at: float | None = None
    _original: JsonObject | None = None
    _tasks: frozenset[str] = frozenset()
    _nodes: frozenset[str] = frozenset()
    """Those it could be tried on when the move began."""
    _ended: Report | None = None
    result: SelfTest | None = field(default=None)
    """Of the test that is done; whoever takes it sets it to None."""

    @property
    def is_under_way(self) -> bool:
        return self._began_at is not None

    def begin(self) -> None:
        """The next step makes the service."""
        self._began_at = self.clock.monotonic()
        self._original, self._ended, self.result = None, None, None

    def forget(self) -> None:
        """The lease was lost: whoever has it takes the service away."""
        self._began_at = None

    def ended(self, report: Report) -> None:
        """The move of the test came to its end."""
        self._ended = report

    def step(self, swarm: Swarm, owner: Owner) -> bool:
        """Do what is due; at most one write. Returns whether there was anything to do, be it to wait.
        Raises what the port raises."""
        live = swarm.services_by_name.get(trial.NAME)
        if live is not None and not owner.owns(live.labels):
            live = None  # a stranger of that name: creating ours will say so
        if self._began_at is None:
            if live is None:
                return False
            self._remove(live)
            return True
        try:
            self._go_on(live, swarm, owner)
        except OutsideError as error:
            self._done("untried", str(error))
        return True

    def _go_on(self, live: Service | None, swarm: Swarm, owner: Owner) -> None:
        assert self._began_at is not None
        if self._ended is not None:
            self._judge(self._ended, live, swarm)
        elif live is None and self._original is None:
            self._create(swarm, owner)
        elif live is not None and self.mover.in_flight is None:
            self._move(live, swarm)
        if self.is_under_way and self.clock.monotonic() - self._began_at > STARTS_WITHIN_S * 3:
            self._done("untried", "it took too long")

    def _create(self, swarm: Swarm, owner: Owner) -> None:
        image = trial.image(swarm)
        if image is None:
            self._done(
                "untried", "the operator does not run as a service, whose image would be used"
            )
        elif len(trial.candidates(swarm)) < 2:
            self._done("untried", "there are no two nodes to try it on")
        else:
            self.port.create_service(trial.spec(swarm, owner, image))
            self._original = {}

    def _move(self, live: Service, swarm: Swarm) -> None:
        move = trial.move(live, swarm)
        if move is not None:
            self._original = live.spec
            self._tasks = frozenset(task.id for task in trial.running(live, swarm))
            self._nodes = frozenset(node.id for node in trial.candidates(swarm))
            if self.mover.begin(move, swarm, _LIMITS) is None:
                return
        assert self._began_at is not None
        if self.clock.monotonic() - self._began_at > STARTS_WITHIN_S:
            self._done("untried", "its tasks did not come to run")

    def _judge(self, report: Report, live: Service | None, swarm: Swarm) -> None:
        if report.outcome is Outcome.YIELDED or live is None:
            self._done("untried", f"another hand changed its service: {report.why}")
            return
        wrong = self._what_is_wrong(report, live, swarm)
        if wrong is None:
            self._done("passed", "")
            return
        excuse = trial.why_inconclusive(live, swarm, self._nodes, report.why)
        if excuse is None:
            self._done("failed", wrong)
        else:
            self._done("untried", f"{excuse}: {wrong}")

    def _what_is_wrong(self, report: Report, live: Service, swarm: Swarm) -> str | None:
        if report.outcome is not Outcome.MOVED:
            return f"{report.outcome}: {report.why}"
        if live.spec != self._original:
            return "the spec is not as it was"
        left = self._tasks & {task.id for task in trial.running(live, swarm)}
        if len(left) != len(self._tasks) - 1:
            return "another number of tasks was restarted than one"
        return None

    def _done(self, result: str, message: str) -> None:
        fields: dict[str, Any] = {"result": result, "message": message}
        self.result = SelfTest(when=self.clock.utc(), **fields)
        self._began_at = None
        self.log.info("self-test of moves", result=result, message=message)

    def _remove(self, live: Service) -> None:
        try:
            self.port.remove_service(live.id)
        except Gone:
            return
