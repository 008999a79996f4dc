"""Watches the swarm and loads it while a scenario goes on, and says what that cost."""

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self

from tests.bench.rebalance import optimum
from tests.bench.rebalance.clients import Answers
from tests.bench.rebalance.floor import WORKERS, Floor
from tests.bench.rebalance.row import OPERATOR, Row
from tests.bench.rebalance.watch import Watch

WARM_UP_S: Final = 2.0
TAIL_S: Final = 10.0
"""After balance: what ignores SIGTERM is killed after 10 s, and clients may notice still."""
RESTS_S: Final = 6.0
BALANCED_WITHIN_S: Final = 600.0


class Measuring:
    """A context: the load and the watch end with it, where no `row` ended them before."""

    def __init__(self, floor: Floor, scenario: str, arm: str) -> None:
        self.floor = floor
        self.scenario, self.arm = scenario, arm
        self.specs: dict[str, Any] = floor.eye.specs()
        """As they have to be in the end; a scenario that changes them says so here."""
        self.ready_at = 0.0
        self.balanced_at: float | None = None
        self.done = 0
        """Restarts that were needed before `world`."""
        self.slack = 0
        self.slack_of_others = 0
        """Tasks of before that the scenario itself replaces."""
        self.notes: list[str] = []
        self.broken: list[str] = []
        self.left_out: tuple[str, ...] = ()
        """Services that stay where they are, for a reason of the scenario's."""
        floor.stage.forget()
        floor.mark_events()

    def __enter__(self) -> Self:
        self.load = self.floor.clients.begin()
        look, active = self.floor.look(), self.floor.active()
        back = look.with_global_tasks_on(
            self.floor.kinds, [name for name in WORKERS if name not in active]
        )
        # Before they are back, for then the first move may be made at any moment.
        self.world = self.floor.world(back, self.left_out, WORKERS)
        self.watch = Watch(self.floor.lab, self.floor.kinds, self.load.list_ports).begin()
        time.sleep(WARM_UP_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def enough(self) -> int:
        """Moves to the best that there is; the operator's greedy planner may stop before it."""
        return optimum.best(*self.world).moves

    def wait_until_balanced(self) -> None:
        """Until every service is even, and the operator has rested for a while."""

        def balanced() -> bool:
            now = time.monotonic()
            if not self.floor.is_balanced(self.left_out):
                self.balanced_at = None
                return False
            self.balanced_at = self.balanced_at or now
            return now - self.balanced_at > RESTS_S

        self.floor.wait(balanced, BALANCED_WITHIN_S, "balance")

    def row(self) -> Row:
        """Ends the watch and the load."""
        if self.balanced_at is None:
            self.balanced_at = time.monotonic()
        time.sleep(TAIL_S)
        answers = self._end()
        ends = Counter(self.floor.ends())
        look, workers = self.floor.look(), sorted(self.floor.active())
        totals = look.totals(workers)
        gap = max(totals) - min(totals)
        best = optimum.best(*self.world, gap=gap)
        planned = ends["moved"] + ends["lost"] if self.arm == OPERATOR else best.moves
        after = self.floor.eye.specs()
        spreads = {
            kind.name: look.spread(kind, workers)
            for kind in self.floor.kinds
            if kind.movable and kind.name not in self.left_out
        }
        return Row(
            scenario=self.scenario,
            arm=self.arm,
            fewest=self.done + best.moves,
            if_free=self.done + self._if_free(gap),
            restarts=self.watch.restarts,
            others=max(0, self.watch.stopped - planned - self.slack_of_others),
            answers=answers,
            below=self.watch.below,
            uneven=tuple(name for name, spread in spreads.items() if not optimum.is_even(spread)),
            spread=max(map(optimum.difference, spreads.values())),
            gap=gap,
            least_gap=best.gap,
            changed_specs=tuple(name for name in self.specs if after.get(name) != self.specs[name]),
            took_s=self.balanced_at - self.ready_at,
            moving_s=self._moving_s(),
            slack=self.slack,
            ends=dict(ends),
            moves=tuple(
                f"{event['name']} {event['message']}"
                for event in self.floor.events()
                if event["result"] == "planned"
            ),
            world=self._world(),
            machine_load=os.getloadavg()[0],
            note="; ".join(self.notes),
            broken=(*self.broken, *([self.watch.died] if self.watch.died else [])),
        )

    def _if_free(self, gap: int) -> int:
        services, others = self.world
        return optimum.best([replace(s, slots={}) for s in services], others, gap=gap).moves

    def _world(self) -> str:
        """Where the tasks were, node by node."""
        movable = [k for k in self.floor.kinds if k.movable and k.name not in self.left_out]
        services, others = self.world
        copies = [
            f"{kind.name} {'/'.join(str(spread.copies.get(node, 0)) for node in WORKERS)}"
            for kind, spread in zip(movable, services, strict=True)
        ]
        return ", ".join([*copies, "others " + "/".join(str(others[node]) for node in WORKERS)])

    def _moving_s(self) -> float:
        """From the first move's beginning to the last one's end, as the operator noted them."""
        if self.arm != OPERATOR:
            return (self.balanced_at or self.ready_at) - self.ready_at
        moments = [datetime.fromisoformat(event["when"]) for event in self.floor.events()]
        return (max(moments) - min(moments)).total_seconds() if moments else 0.0

    def _end(self) -> Answers:
        """What was answered; once more is allowed."""
        self.watch.end()
        return self.load.end()


def with_env(spec: Mapping[str, Any], *words: str) -> dict[str, Any]:
    """The spec with these variables, as it has to stand after a user's update."""
    template = spec["TaskTemplate"]
    container = {**template["ContainerSpec"], "Env": list(words)}
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}
