"""The reconcile loop in its smallest form: plan, apply, let tasks follow, plan again."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from swarm_operator.observed.errors import InUse, OutsideError
from swarm_operator.observed.json import dig
from swarm_operator.plan.actions import Kind, Remove, StackPlan
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Memories, Planned, plan_desired
from swarm_operator.plan.desired import DesiredStack, DesiredTree
from swarm_operator.plan.drift import ServiceMemory
from swarm_operator.plan.service_spec import comparable
from swarm_operator.plan.stack import plan_stack
from swarm_operator.plan.world import Mode, World, incompleteness
from tests.laws.engine import Engine
from tests.laws.worlds import INSTALLATION, OWNER, STACK

UTC_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PASSES = 8
"""More than any convergence needs; a loop that is still busy then is one that never ends."""


def raw_plan(specs: StackSpecs, engine: Engine) -> StackPlan:
    """What would make the swarm equal to the document, unguarded."""
    return plan_stack(specs, engine.swarm, OWNER)


def applied(engine: Engine, plan: StackPlan, *, actions: int | None = None) -> Engine:
    """The swarm after the plan's actions, or after the first few: then the operator was killed."""
    for action in plan.actions[:actions]:
        try:
            engine = engine.apply(action)
        except InUse:
            if not isinstance(action, Remove):
                raise
    return engine


def converged(engine: Engine, specs: StackSpecs) -> Engine:
    """The swarm when nothing is left to do."""
    for _ in range(PASSES):
        plan = raw_plan(specs, engine)
        if not plan.actions:
            return engine
        engine = applied(engine, plan).settled()
    raise AssertionError(f"still busy after {PASSES} passes: {plan.actions}")


def shown(engine: Engine, stack: str = STACK) -> dict[str, object]:
    """What people have of a stack: each service's spec, and the contents that it uses."""
    contents = {config.id: config.data for config in engine.swarm.configs} | dict(engine.contents)
    result: dict[str, object] = {}
    for service in engine.swarm.services:
        if service.stack != stack:
            continue
        spec = comparable(service.spec, engine.swarm.network_names)
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
    """The guarded loop with its memory and its clock: one stack, as the daemon would treat it."""

    engine: Engine
    specs: StackSpecs
    now: float = 1000.0
    memories: Memories = field(default_factory=dict)
    mode: Mode = "act"
    desired: DesiredTree = field(default_factory=lambda: DesiredTree(installation=INSTALLATION))

    def world(self) -> World:
        incomplete = incompleteness(self.desired, self.engine.swarm)
        return World(
            self.desired, self.engine.swarm, OWNER, self.mode, self.now, UTC_NOW, incomplete
        )

    def planned(self) -> Planned:
        return plan_desired(DesiredStack(STACK, self.specs), self.world(), self.memories)

    def step(self) -> "Desk":
        """One pass: what is allowed is done, what was judged is remembered."""
        planned = self.planned()
        engine = self.engine
        for action in planned.plan.actions:
            try:
                engine = engine.apply(action)
            except OutsideError:
                break
        return replace(
            self,
            engine=engine.settled(),
            memories={**self._in_step(planned), **planned.memories},
        )

    def _in_step(self, planned: Planned) -> Memories:
        """Of services that are as wished: like `runtime.memory.Memory.in_step`."""
        busy = {a.name for a in planned.plan.everything() if a.kind is Kind.SERVICE}
        result = dict(self.memories)
        for name, wish in planned.plan.wishes.items():
            if name not in busy and name in self.engine.swarm.services_by_name:
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
