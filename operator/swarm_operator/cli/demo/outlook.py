"""What an operator would do to a swarm where none is to be started: planned, and written nowhere."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from desired_state.records import StackStatus
from swarm_operator.cli.stacks_view import View
from swarm_operator.observed.errors import OutsideError
from swarm_operator.plan.actions import StackPlan
from swarm_operator.plan.world import World
from swarm_operator.runtime.planner import PlanReport, noted_memory, plan_world, read_world
from swarm_operator.runtime.ports import KvPort, SwarmPort
from swarm_operator.runtime.sentinel import has_our_labels

EVERY_S: Final = 5.0
"""A plan reads everything; people do not look more often."""
IN_STEP, PLANNED, INVALID, MISSING = "InStep", "Planned", "Invalid", "Missing"


@dataclass(frozen=True, slots=True)
class Outlook:
    """A line for each stack, as if of its status; and what could not be read."""

    stacks: Mapping[str, StackStatus] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def with_outlook(shown: View, outlook: Outlook) -> View:
    """What an operator that leads wrote goes before the plan, and the plan before what is old."""
    if not outlook.stacks:
        return shown
    both = (
        {**outlook.stacks, **shown.stacks} if shown.is_led else {**shown.stacks, **outlook.stacks}
    )
    return dataclasses.replace(
        shown,
        is_led=True,
        stacks=dict(sorted(both.items())),
        unseen=tuple(name for name in shown.unseen if name not in outlook.stacks),
    )


class Forecast:
    """Plans anew now and then; in between it says what it said."""

    def __init__(
        self, kv: KvPort, swarm: SwarmPort, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives seconds."""
        self._kv, self._swarm, self._clock = kv, swarm, clock
        self._due = clock()
        self._last = Outlook()

    def read(self) -> Outlook:
        """The present outlook. Raises nothing that a swarm or a KV raises."""
        if self._clock() >= self._due:
            self._last = self._planned()
            self._due = self._clock() + EVERY_S
        return self._last

    def _planned(self) -> Outlook:
        now = datetime.now(UTC)
        try:
            world = read_world(self._kv, self._swarm, mode="act", utc=now)
            report = plan_world(world, noted_memory(self._kv))
        except OutsideError as error:
            return Outlook(self._last.stacks, (f"no plan can be made: {error}",))
        return Outlook(_stacks(report, self._last.stacks, now), _unproven(world, report))


def _unproven(world: World, report: PlanReport) -> tuple[str, ...]:
    if world.desired.installation is None and not has_our_labels(world.swarm):
        # Where no operator ever was nothing is lost, and nothing to be recovered.
        return (
            "no installation is seen here yet: an operator makes one at its first start, as "
            "`swarm-operator init` does",
        )
    return tuple(f"held back is what rests on a whole: {why}" for why in report.incomplete)


def _stacks(
    report: PlanReport, before: Mapping[str, StackStatus], now: datetime
) -> dict[str, StackStatus]:
    said = {plan.stack: _of_plan(plan) for plan in report.plans}
    said |= {each.stack: (MISSING, each.message) for each in report.missing}
    said |= {
        stack: (INVALID, "; ".join(problem.message for problem in found))
        for stack, found in report.problems
    }
    made = {}
    for stack, (state, message) in said.items():
        last = before.get(stack)
        is_same = last is not None and (last.state, last.message) == (state, message)
        since = last.since if last is not None and is_same else now
        made[stack] = StackStatus(stack=stack, state=state, message=message, since=since)
    return made


def _of_plan(plan: StackPlan) -> tuple[str, str]:
    actions = [*plan.everything()]
    if not actions:
        return IN_STEP, "an operator would do nothing"
    told = ", ".join(f"{each.verb} {each.kind} {each.name}" for each in actions)
    held = f"; {len(plan.held)} held back" if plan.held else ""
    return PLANNED, f"an operator would {told}{held}"
