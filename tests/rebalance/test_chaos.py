"""Random worlds, moves and faults: whatever happens, nothing is lost by a move, and nothing is left."""

import random
from typing import Final

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.simulation.docker_faults import Answer, Broken, Lost, OutOfSequence, Slow
from swarm_operator.simulation.engine.images import Behaviour
from tests.rebalance.stage import LIMITS, NEW_TASKS, Stage, spec_of

WORKERS: Final = ("w1", "w2", "w3", "w4")
FAULTS: Final = (
    Lost(),
    Broken(),
    OutOfSequence(),
    Slow(0.4),
    Slow(30.0),
    Answer(500, "rpc error: code = Unknown desc = raft: no leader"),
)


class Day:
    """One seed's service, and moves of it while things go wrong."""

    def __init__(self, seed: int, new: str = "") -> None:
        self.chance = random.Random(seed)
        self.stage = Stage(managers=3, seed=seed)
        self.hosts = {name: self.chance.randint(0, 3) for name in WORKERS}
        self.hosts["w1"] = max(1, self.hosts["w1"])
        self.wished = sum(self.hosts.values())
        config: JsonObject | None = self.chance.choice(
            [
                None,
                {
                    "Parallelism": self.chance.randint(0, 2),
                    "FailureAction": self.chance.choice(["pause", "continue", "rollback"]),
                    "MaxFailureRatio": 0,
                    "Order": self.chance.choice(["start-first", "stop-first"]),
                },
            ]
        )
        placement = self.chance.choice([{}, None, {"Constraints": ["node.role==worker"]}])
        self.original = self.stage.create(spec_of(update=config, Placement=placement), self.hosts)
        self.new = new or self.chance.choice(list(NEW_TASKS))
        self.stage.images.scripted["web:1"] = NEW_TASKS[self.new]

    def begin(self) -> None:
        """Any move that is not refused."""
        pairs = [(a, b) for a in WORKERS for b in WORKERS if a != b]
        self.chance.shuffle(pairs)
        hosts = self.stage.hosts()
        for source, target in pairs:
            if hosts.get(target, 0) >= hosts.get(source, 0):
                continue
            if self.stage.mover.begin(self.move(source, target), self.stage.read(), LIMITS) is None:
                return

    def move(self, source: str, target: str) -> Move:
        hosts = self.stage.hosts()
        equal = tuple(h for h in WORKERS if hosts.get(h, 0) == hosts.get(target, 0) and h != source)
        return self.stage.move(source, target, How.DIRECTED, equal)

    def something(self) -> None:
        """What may happen without anybody's task being lost by it."""
        what = self.chance.randrange(7)
        if what == 0:
            self.stage.new_mover()
        elif what == 1 and self.stage.engine.leadership == "led":
            self.stage.engine.change_leader(self.chance.choice(["m1", "m2", "m3"]))
        elif what == 2:
            self.stage.wire.once(self.chance.choice(FAULTS), method="POST")
        elif what == 3:
            self.stage.wire.once(self.chance.choice(FAULTS), method="GET")
        elif what == 4 and self.stage.mover.in_flight:
            self.stage.mover.give_up(self.stage.record.id, "the document changed")
        elif what == 5 and self.stage.engine.leadership == "led":
            name = self.chance.choice(WORKERS)
            if self.is_marked_alone(name):
                self.stage.availability(name, "active", rack=str(self.chance.randrange(9)))

    def is_marked_alone(self, name: str) -> bool:
        """An update of a node makes Swarm reject what a mark shuts out there: harmless for the one
        that is marked, and no mark shuts out others."""
        return self.stage.hosts().get(name, 0) <= 1

    def run(self) -> None:
        stage, chance = self.stage, self.chance
        stage.watch()
        self.begin()
        for _ in range(chance.randint(5, 120)):
            stage.step()
            if chance.random() < 0.1:
                self.something()
            stage.engine.advance(chance.choice([0.02, 0.1, 0.4, 1.0]))

    def end(self) -> None:
        """Faults stop."""
        self.stage.wire.choosers.clear()
        self.stage.images.scripted["web:1"] = Behaviour()
        self.stage.go(limit_s=2000)
        self.stage.engine.advance(60)


def is_as_before(day: Day) -> bool:
    template = {"Placement": {}, **day.original["TaskTemplate"]}
    wished = [day.original, {**day.original, "TaskTemplate": template}]
    return day.stage.spec in wished and LABEL not in str(day.stage.service.previous_spec)


@pytest.mark.parametrize("seed", range(150))
def test_nothing_is_lost_and_nothing_is_left(seed: int) -> None:
    day = Day(seed)
    day.run()
    day.end()
    told = f"{day.hosts} {day.new}\n{day.stage.described()}"
    assert is_as_before(day), told
    assert len(day.stage.serving()) == day.wished, told
    flapping = day.new == "crashing"  # it ran as long as the settle time asks, and ended then
    assert day.stage.lowest >= day.wished - flapping, told


@pytest.mark.parametrize("seed", [*range(40), 2130, 2790, 3156, 3567, 5154, 20928])
def test_with_machines_that_die(seed: int) -> None:
    """Then fewer may serve for a while; but it ends as it was, and nothing is left."""
    day = Day(1000 + seed, "good" if seed % 2 else "slow")
    dead: set[str] = set()
    day.begin()
    for _ in range(60):
        day.stage.step()
        name = day.chance.choice(WORKERS)
        if day.chance.random() < 0.1:
            (day.stage.engine.return_node if name in dead else day.stage.engine.kill_node)(name)
            dead ^= {name}
        if day.chance.random() < 0.1:
            day.something()
        day.stage.engine.advance(day.chance.choice([0.1, 1.0, 6.0]))
    for name in sorted(dead):
        day.stage.engine.return_node(name)
    day.stage.engine.advance(30)
    day.end()
    assert is_as_before(day), day.stage.described()
    assert len(day.stage.serving()) == day.wished, day.stage.described()
