"""Hypothesis's state machines: they think up schedules, step by step, and shrink those that fail."""

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.laws.schedules import scenes, scenes_of_moves, scenes_of_routes, strategies
from tests.laws.schedules.lab import Lab
from tests.laws.schedules.monitors.coverage import Coverage
from tests.laws.schedules.operators import Start
from tests.laws.schedules.scenes import Scene, Scenes
from tests.laws.schedules.schedule import Schedule, finish, take
from tests.laws.schedules.step import Step


class AnySchedule(RuleBasedStateMachine):
    """One operator on a swarm, and what people do; subclasses add what goes wrong."""

    operators: ClassVar[tuple[str, ...]] = ("alpha",)
    on_end: ClassVar[Callable[[frozenset[str]], None]] = staticmethod(lambda _reached: None)
    """Told of each schedule what it reached, in the words of Coverage."""

    def __init__(self) -> None:
        super().__init__()
        self._schedule = Schedule([])
        self._lab = Lab(0)
        self._failed = False

    def begin_with(self, seed: int, scene: Scene = ()) -> None:
        """A world as new, with its operators; then what all of a machine's schedules begin with."""
        self._schedule = Schedule([], seed)
        self._lab = Lab(seed)
        for operator in self.operators:
            self.take(Start(operator))
        self.take_all(scene)

    def take_all(self, scene: Scene) -> None:
        """Several more."""
        for step in scene:
            self.take(step)

    def take(self, step: Step) -> None:
        """One more step of the schedule, done."""
        self._schedule.steps = [*self._schedule.steps, step]
        self._failed = True
        take(self._lab, step, self._schedule)
        self._failed = False

    def teardown(self) -> None:
        if not self._failed:
            reached = frozenset(self._lab.monitor(Coverage).reached)  # before everything is healed
            finish(self._lab, self._schedule)
            type(self).on_end(reached)


def _scene(scenes: Scenes) -> Any:
    @rule(scene=scenes)
    def do(self: AnySchedule, scene: Scene) -> None:
        self.take_all(scene)

    return do


def _rule(steps: st.SearchStrategy[Step]) -> Any:
    @rule(step=steps)
    def do(self: AnySchedule, step: Step) -> None:
        self.take(step)

    return do


class _Calm(AnySchedule):
    """Tasks are not moved. What goes wrong is what people push, and other hands beside the operator."""

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.begin_with(seed)

    push = _rule(strategies.pushes())
    push_again = _rule(strategies.pushes())
    remove = _rule(strategies.removals)
    interfere = _rule(strategies.other_hands)
    wait = _rule(strategies.waits)
    wait_again = _rule(strategies.waits)
    fail_at_push = _scene(scenes.failing_pushes())


class _Edited(_Calm):
    edit = _rule(strategies.edits())


class _Raced(_Calm):
    race = _scene(scenes.races())


class _Locked(_Calm):
    trouble_kv = _rule(strategies.kv_faults)


class People(_Edited, _Raced):
    """Only people, and other hands beside the operator: nothing fails but what they push."""

    push_half = _rule(strategies.half_pushes())
    deploy = _rule(strategies.deployments())
    ask = _rule(strategies.requests)
    interfere_again = _rule(strategies.other_hands)
    adopt = _scene(scenes.adoptions())


class Machinery(_Raced, _Locked):
    """Nodes, images, and the ways to Docker and Consul fail."""

    fail = _rule(strategies.node_faults)
    spoil = _rule(strategies.broken_images)
    trouble = _rule(strategies.troubles)
    lose_writes = _scene(scenes.troubled_writes("docker"))
    lose_writes_again = _scene(scenes.troubled_writes("docker"))
    lose_transactions = _scene(scenes.troubled_writes("consul"))
    lose_transactions_again = _scene(scenes.troubled_writes("consul"))
    outage = _scene(scenes.outages())


class TwoOperators(_Edited, _Locked):
    """Two processes: they crash, freeze and begin anew, between any two writes."""

    operators = ("alpha", "beta")

    crash = _rule(strategies.crashes)
    crash_again = _rule(strategies.crashes)
    live = _rule(strategies.lives)
    live_again = _rule(strategies.lives)
    crash_at_write = _scene(scenes.crashes_at_writes())
    crash_at_write_again = _scene(scenes.crashes_at_writes())
    late_leader = _scene(scenes.late_leaders())
    late_leader_again = _scene(scenes.late_leaders())


class Everything(TwoOperators, Machinery, People):
    """All of it at once, and a KV that loses its content."""

    lose = _rule(strategies.losses)


class Comings(AnySchedule):
    """Tasks are moved to nodes that come, while all else goes on."""

    operators = ("alpha", "beta")

    @initialize(seed=st.integers(0, 3), scene=scenes_of_moves.beginnings())
    def begin(self, seed: int, scene: Scene) -> None:
        self.begin_with(seed, scene)

    come_home = _scene(scenes_of_moves.returns())
    come_home_again = _scene(scenes_of_moves.returns())
    come_home_once_more = _scene(scenes_of_moves.returns())
    come_new = _scene(scenes_of_moves.newcomers())
    push = _rule(scenes_of_moves.pushes())
    interfere = _rule(scenes_of_moves.hand_steps)
    fail = _rule(scenes_of_moves.machine_steps)
    switch = _rule(scenes_of_moves.policies)
    live = _rule(strategies.lives)
    wait = _rule(strategies.waits)


class Routes(AnySchedule):
    """Services with routes, two operators that write them, and what befalls Traefik's keys."""

    operators = ()

    @initialize(seed=st.integers(0, 3), scene=scenes_of_routes.beginnings())
    def begin(self, seed: int, scene: Scene) -> None:
        self.begin_with(seed, scene)

    push = _rule(scenes_of_routes.pushes)
    push_again = _rule(scenes_of_routes.pushes)
    change_in_parts = _scene(scenes_of_routes.changes_in_parts())
    change_in_parts_again = _scene(scenes_of_routes.changes_in_parts())
    withdraw = _scene(scenes_of_routes.withdrawals())
    withdraw_again = _scene(scenes_of_routes.withdrawals())
    interfere = _rule(scenes_of_routes.hands_at_services)
    spoil = _rule(scenes_of_routes.hands_at_keys)
    spoil_again = _rule(scenes_of_routes.hands_at_keys)
    wipe = _rule(scenes_of_routes.wipes)
    trouble_traefik = _rule(scenes_of_routes.instances)
    fail = _rule(scenes_of_routes.machine_steps)
    outage = _scene(scenes_of_routes.outages())
    trouble = _rule(strategies.troubles)
    crash = _rule(strategies.crashes)
    live = _rule(strategies.lives)
    wait = _rule(strategies.waits)
