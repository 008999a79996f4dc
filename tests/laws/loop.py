"""The reconcile loop in its smallest form: plan, apply, let tasks follow, plan again."""

from dataclasses import dataclass, field, replace

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Action, Kind, StackPlan
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Memories, Planned, plan_desired
from swarm_operator.plan.desired import DesiredStack, DesiredTree
from swarm_operator.plan.drift import ServiceMemory
from swarm_operator.plan.service_spec import comparable
from swarm_operator.plan.stack import plan_stack
from swarm_operator.plan.world import Mode, World, incompleteness
from swarm_operator.runtime.executor import Executor, Result
from tests.laws.worlds import INSTALLATION, OWNER, STACK
from tests.simulated_swarm import SimulatedSwarm

PASSES = 8
"""More than any convergence needs; a loop that is still busy then is one that never ends."""


def raw_plan(specs: StackSpecs, snapshot: Swarm) -> StackPlan:
    """What would make the swarm equal to the document, unguarded."""
    return plan_stack(specs, snapshot, OWNER)


def apply(swarm: SimulatedSwarm, plan: StackPlan, *, actions: int | None = None) -> None:
    """Carry out the plan's actions, or the first few: then the operator was killed. All must
    succeed."""
    executor = Executor(swarm, swarm.snapshot)
    for action in plan.actions[:actions]:
        outcome = executor.execute(action)
        assert outcome.result is Result.DONE, outcome


def converged(swarm: SimulatedSwarm, specs: StackSpecs) -> SimulatedSwarm:
    """The swarm when nothing is left to do."""
    for _ in range(PASSES):
        plan = raw_plan(specs, swarm.snapshot)
        if not plan.actions:
            return swarm
        apply(swarm, plan)
        swarm.settle()
    raise AssertionError(f"still busy after {PASSES} passes: {plan.actions}")


def shown(swarm: SimulatedSwarm, stack: str = STACK) -> dict[str, object]:
    """What people have of a stack: each service's spec, and the contents that it uses."""
    snapshot = swarm.snapshot
    contents = {config.id: config.data for config in snapshot.configs} | dict(swarm.contents)
    result: dict[str, object] = {}
    for service in snapshot.services:
        if service.stack != stack:
            continue
        spec = comparable(service.spec, snapshot.network_names)
        container = dig(service.spec, "TaskTemplate", "ContainerSpec") or {}
        files = {
            item["File"]["Name"]: contents[item[f"{kind}ID"]]
            for kind in ("Config", "Secret")
            for item in container.get(f"{kind}s") or []
        }
        task = dict(spec["TaskTemplate"])
        task["ContainerSpec"] = {
            key: value
            for key, value in task["ContainerSpec"].items()
            if key not in {"Configs", "Secrets"}  # their names differ by history, contents do not
        }
        labels = {
            key: value
            for key, value in spec["Labels"].items()
            if not key.startswith("io.swarm-operator.assumed")
        }
        result[service.name] = {**spec, "TaskTemplate": task, "Labels": labels, "files": files}
    return result


@dataclass(frozen=True)
class Desk:
    """The guarded loop with its memory: one stack, as the daemon would treat it.

    Desks that follow each other share one swarm, and its time.
    """

    swarm: SimulatedSwarm
    specs: StackSpecs
    memories: Memories = field(default_factory=dict)
    mode: Mode = "act"
    desired: DesiredTree = field(default_factory=lambda: DesiredTree(installation=INSTALLATION))

    @property
    def now(self) -> float:
        """Seconds of the swarm's time."""
        return self.swarm.timeline.now

    def world(self) -> World:
        snapshot = self.swarm.snapshot
        incomplete = incompleteness(self.desired, snapshot)
        utc = self.swarm.utc()
        return World(self.desired, snapshot, OWNER, self.mode, self.now, utc, incomplete)

    def planned(self) -> Planned:
        return plan_desired(DesiredStack(STACK, self.specs), self.world(), self.memories)

    def step(self) -> "Desk":
        """One pass: what is allowed is done, what was judged is remembered."""
        planned = self.planned()
        memories = {**self._in_step(planned), **planned.memories}
        self._carry_out(planned.plan.actions)
        self.swarm.settle()
        return replace(self, memories=memories)

    def _carry_out(self, actions: tuple[Action, ...]) -> None:
        executor = Executor(self.swarm, self.swarm.snapshot)
        for action in actions:
            if executor.execute(action).result is not Result.DONE:
                return

    def _in_step(self, planned: Planned) -> Memories:
        """Of services that are as wished: like `runtime.memory.Memory.in_step`."""
        busy = {a.name for a in planned.plan.everything() if a.kind is Kind.SERVICE}
        services = self.swarm.snapshot.services_by_name
        result = dict(self.memories)
        for name, wish in planned.plan.wishes.items():
            if name not in busy and name in services:
                known = result.get(name, ServiceMemory())
                result[name] = replace(known, sent=wish, rejected="", reason="")
        return result

    def until_still(self) -> "Desk":
        desk = self
        for _ in range(PASSES):
            if not desk.planned().plan.actions:
                return desk.step()
            desk = desk.step()
        raise AssertionError("never still")
