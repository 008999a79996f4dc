"""The controller of stacks: one synchronous step from what was read to what was written.

It holds no thread and reads no clock but the one it is given, so that virtual time can drive it.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from desired_state import keys
from desired_state.records import OperatorStatus, SpecMemory
from swarm_operator.observed.errors import LeaseLost, OutsideError
from swarm_operator.observed.kv import Fence, KvTree
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import DesiredTree, read_tree
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.world import World, incompleteness
from swarm_operator.runtime.controller_loop import Steps
from swarm_operator.runtime.inbox import Wake
from swarm_operator.runtime.moment import Moment
from swarm_operator.runtime.rebalancer import Rebalancer, rebalancer
from swarm_operator.runtime.stack_pass import pass_over_stacks
from swarm_operator.runtime.toolbox import Surroundings, Toolbox, toolbox

_WAITING_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Situation:
    """The controller's own state, for the health check and the operator's status."""

    leads: bool = False
    kv_error: str | None = "the KV was not read yet"
    swarm_error: str | None = "the swarm was not read yet"
    incomplete: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    swarm_id: str = ""
    stepped_at: float = 0.0


@dataclass(slots=True)
class StackController:
    """Keeps every stack as its document says."""

    around: Surroundings
    situation: Situation = field(default_factory=Situation)
    _tools: Toolbox = field(init=False)
    _rebalancer: Rebalancer = field(init=False)
    _moving_steps: Steps = field(init=False)
    _desired: DesiredTree | None = None
    _leads_by: Fence | None = None

    def __post_init__(self) -> None:
        self._tools = toolbox(self.around)
        self._rebalancer = rebalancer(self._tools)
        around = self.around
        self._moving_steps = Steps("rebalance", around.clock, around.log, around.metrics)

    def step(self, wake: Wake) -> float:
        """Do what is due. Returns the monotonic time at which the next step is due."""
        now = self.around.clock.monotonic()
        self._absorb(wake, now)
        fence = self.around.lease.fence(now)
        due = self._stand_by(now) if fence is None else self._lead(fence, now)
        self._situate(leads=fence is not None, stepped_at=now)
        return due

    @property
    def snapshot_taken_at(self) -> float | None:
        """Monotonic time of the newest full pass; None before the first."""
        snapshot = self._tools.observer.snapshot
        return snapshot.taken_at if snapshot is not None else None

    def _situate(self, **changes: Any) -> None:
        self.situation = replace(self.situation, **changes)

    def _absorb(self, wake: Wake, now: float) -> None:
        self._situate(kv_error=wake.kv_error)
        if wake.swarm_changed:
            self._tools.observer.mark_dirty()
        if wake.services_changed:
            self._tools.observer.mark_changed(wake.services_changed)
        if wake.tree is not None:
            self._desire(wake.tree, now)

    def _desire(self, tree: KvTree, now: float) -> None:
        self._desired = read_tree(tree)
        for stack in self._tools.folders.note(self._desired.folders, now):
            self._tools.backoff.reset(stack)

    def _stand_by(self, now: float) -> float:
        """Warm: the swarm is looked at now and then, so that it is known that we could take over."""
        self._leads_by = None
        self._tools.observer.set_moving(moving=False)
        try:
            swarm = self._observed(now)
        except OutsideError:
            return now + _WAITING_S
        if self._desired is not None:
            self._situate(incomplete=incompleteness(self._desired, swarm))
        return now + _WAITING_S

    def _lead(self, fence: Fence, now: float) -> float:
        try:
            if self._leads_by != fence:
                self._take_over(fence, now)
            due = self._reconcile(fence, now)
        except LeaseLost as error:
            self._leads_by = None
            self.around.lease.lost(str(error))
            self.around.log.warning("the lease is lost", why=str(error))
            return now + 1.0
        except OutsideError as error:
            self.around.log.warning("cannot go on for now", why=str(error))
            return self._tools.backoff.failed("", now)
        self._tools.backoff.reset("")
        return due

    def _take_over(self, fence: Fence, now: float) -> None:
        """Read what an earlier holder noted, and look at everything anew.

        What is desired too: a wiped KV takes the lock with it, and Consul lets a blocking read of
        an emptied prefix wait to its end (the prefix's index went backwards).
        """
        self._desire(self.around.kv.read(keys.DESIRED), now)
        tree = self.around.kv.read(keys.STATUS)
        entries = {f"{keys.STATUS}{key}": entry.value for key, entry in tree.entries.items()}
        self._tools.statuses.loaded(entries)
        self._tools.memory.clear()
        prefix = keys.spec_memory_key("")
        for key, value in entries.items():
            record = SpecMemory.parse(value) if key.startswith(prefix) else None
            if record is not None:
                self._tools.memory.load(key.removeprefix(prefix), record)
        ring = keys.event_key(0).rpartition("/")[0]
        self._tools.events.continue_after(v for k, v in entries.items() if k.startswith(ring))
        self._tools.history.forget_all()
        self._tools.bindings.forget()
        self._tools.missing_since.clear()
        self._tools.observer.forget()
        self._rebalancer.take_over()
        self._leads_by = fence

    def _observed(self, now: float) -> Swarm:
        try:
            swarm = self._tools.observer.observe(now)
        except OutsideError as error:
            self._situate(swarm_error=str(error))
            self._tools.observer.mark_dirty()
            self._rebalancer.looked_away()
            raise
        self._situate(swarm_error=None, swarm_id=swarm.cluster_id)
        return swarm

    def _reconcile(self, fence: Fence, now: float) -> float:
        if self._desired is None:
            return now + 1.0
        self._rebalancer.look_ahead(now)
        swarm = self._observed(now)
        desired = self._tools.sentinel.ensured(self._desired, swarm, fence)
        incomplete = incompleteness(desired, swarm)
        if self.situation.kv_error is not None:
            incomplete = (*incomplete, f"the KV cannot be read: {self.situation.kv_error}")
        self._say_incomplete(incomplete)
        self._situate(incomplete=incomplete, warnings=desired.warnings)
        self._measure(swarm, desired)
        self._publish_operator()
        due: list[float] = []
        if desired.installation is None:
            self._tools.observer.set_moving(moving=False)  # nothing is done: nothing will move
            self._tools.publisher.hold_all("; ".join(incomplete))
        else:
            mode, utc = self.around.identity.mode, self.around.clock.utc()
            owner = Owner.of(desired.installation)
            world = World(desired, swarm, owner, mode, now, utc, incomplete)
            due.append(self._rebalance(world, fence))
            moment = Moment(self._tools, world, fence)
            pass_over_stacks(moment)
            due += moment.due
        for news in self.around.route_news():
            self._tools.events.note(
                self.around.clock.utc(),
                news.stack,
                news.service,
                "route",
                result=news.state,
                message=news.message,
            )
        for change in self.around.name_news():
            self._tools.events.note(
                self.around.clock.utc(),
                change.stack,
                change.service,
                "point",
                result="done",
                reason=change.reason,
                message=change.message,
            )
        later = self._tools.statuses.flush(fence, now)
        return min([*due, *([] if later is None else [later]), self._tools.observer.next_at()])

    def _rebalance(self, world: World, fence: Fence) -> float:
        """Before stacks are compared: a move that was left half done is ended first."""
        # Its trouble stays its own: a service with a move is not touched by the stacks' pass.
        return self._moving_steps.counted(
            "rebalancing",
            lambda: self._rebalancer.step(world, fence),
            passed_on=(OutsideError,),
        )

    def _say_incomplete(self, incomplete: tuple[str, ...]) -> None:
        if incomplete == self.situation.incomplete:
            return
        if incomplete:
            self.around.log.warning("nothing is acted on", why="; ".join(incomplete))
        else:
            self.around.log.info("everything can be read again")

    def _measure(self, swarm: Swarm, desired: DesiredTree) -> None:
        gauge = self.around.metrics.gauge
        gauge("snapshot_complete", {"source": "docker"}, float(swarm.is_complete))
        gauge("snapshot_complete", {"source": "consul"}, float(not desired.incomplete))

    def _publish_operator(self) -> None:
        incomplete = self.situation.incomplete
        identity = self.around.identity
        state = {"act": "Acting", "observe": "Observing"}[identity.mode]
        self._tools.publisher.publish_operator(
            OperatorStatus(
                state="Waiting" if incomplete else state,
                reason="Incomplete" if incomplete else "",
                message="; ".join(incomplete),
                version=identity.version,
                mode=identity.mode,
                leader=identity.holder,
                swarm=self.situation.swarm_id,
                since=self.around.clock.utc(),
                warnings=self.situation.warnings,
            )
        )
