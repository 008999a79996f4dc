"""Hypothesis's state machines: they think up schedules, step by step, and shrink those that fail."""

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.laws.schedules import strategies
from tests.laws.schedules.lab import Lab
from tests.laws.schedules.operators import Start
from tests.laws.schedules.schedule import Schedule, finish, take
from tests.laws.schedules.step import Step


class AnySchedule(RuleBasedStateMachine):
    """One operator on a swarm, and what people do; subclasses add what goes wrong."""

    operators: ClassVar[tuple[str, ...]] = ("alpha",)

    def __init__(self) -> None:
        super().__init__()
        self._schedule = Schedule([])
        self._lab = Lab(0)
        self._failed = False

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self._schedule = Schedule([], seed)
        self._lab = Lab(seed)
        for operator in self.operators:
            self.take(Start(operator))

    def take(self, step: Step) -> None:
        """One more step of the schedule, done."""
        self._schedule.steps = [*self._schedule.steps, step]
        self._failed = True
        take(self._lab, step, self._schedule)
        self._failed = False

    def teardown(self) -> None:
        if not self._failed:
            finish(self._lab, self._schedule)


def _rule(steps: st.SearchStrategy[Step]) -> Any:
    @rule(step=steps)
    def do(self: AnySchedule, step: Step) -> None:
        self.take(step)

    return do


class People(AnySchedule):
    """Only people, and other hands beside the operator: nothing fails."""

    push = _rule(strategies.pushes())
    push_again = _rule(strategies.pushes())
    edit = _rule(strategies.edits())
    push_half = _rule(strategies.half_pushes())
    deploy = _rule(strategies.deployments())
    remove = _rule(strategies.removals)
    ask = _rule(strategies.requests)
    interfere = _rule(strategies.other_hands)
    interfere_again = _rule(strategies.other_hands)
    wait = _rule(strategies.waits)
    wait_again = _rule(strategies.waits)


class Machinery(AnySchedule):
    """Nodes, images, and the ways to Docker and Consul fail."""

    push = _rule(strategies.pushes())
    push_again = _rule(strategies.pushes())
    remove = _rule(strategies.removals)
    interfere = _rule(strategies.other_hands)
    fail = _rule(strategies.node_faults)
    spoil = _rule(strategies.broken_images)
    trouble = _rule(strategies.troubles)
    trouble_kv = _rule(strategies.kv_faults)
    wait = _rule(strategies.waits)
    wait_again = _rule(strategies.waits)


class TwoOperators(AnySchedule):
    """Two processes: they crash, freeze and begin anew, between any two writes."""

    operators = ("alpha", "beta")

    push = _rule(strategies.pushes())
    push_again = _rule(strategies.pushes())
    edit = _rule(strategies.edits())
    remove = _rule(strategies.removals)
    interfere = _rule(strategies.other_hands)
    crash = _rule(strategies.crashes)
    crash_again = _rule(strategies.crashes)
    live = _rule(strategies.lives)
    live_again = _rule(strategies.lives)
    trouble_kv = _rule(strategies.kv_faults)
    wait = _rule(strategies.waits)
    wait_again = _rule(strategies.waits)


class Everything(AnySchedule):
    """All of it at once, and a KV that loses its content."""

    operators = ("alpha", "beta")

    push = _rule(strategies.pushes())
    push_again = _rule(strategies.pushes())
    edit = _rule(strategies.edits())
    push_half = _rule(strategies.half_pushes())
    deploy = _rule(strategies.deployments())
    remove = _rule(strategies.removals)
    ask = _rule(strategies.requests)
    lose = _rule(strategies.losses)
    interfere = _rule(strategies.other_hands)
    fail = _rule(strategies.node_faults)
    spoil = _rule(strategies.broken_images)
    trouble = _rule(strategies.troubles)
    trouble_kv = _rule(strategies.kv_faults)
    crash = _rule(strategies.crashes)
    live = _rule(strategies.lives)
    wait = _rule(strategies.waits)
    wait_again = _rule(strategies.waits)
