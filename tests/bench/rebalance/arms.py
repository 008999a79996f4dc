"""The two hands that bring tasks home: the operator, and the loop that people use instead."""

import time
from collections.abc import Sequence
from typing import Final

from tests.bench.rebalance.floor import Floor
from tests.bench.rebalance.measuring import Measuring
from tests.bench.rebalance.row import OPERATOR, Row
from tests.bench.rebalance.scenarios import Scenario

LOOPS: Final = {
    "loop of update --force": (),
    "loop, start-first": ("--update-order", "start-first"),
}
"""By name of a control arm, further options of `docker service update --force`."""


def by_operator(floor: Floor, scenario: Scenario) -> Row:
    """Raises AssertionError where it does not come to an end."""
    floor.wait(floor.is_balanced, 600, "balance before the scenario")
    floor.say(f"{scenario.name}: losing")
    # Else it would even out the nodes that are left: moves that are undone when the others are back.
    floor.rebalance("off")
    scenario.lose(floor)
    measuring = Measuring(floor, scenario.name, OPERATOR)
    with measuring:
        floor.say(f"{scenario.name}: {measuring.enough} moves are enough")
        measuring.ready_at = scenario.bring_back(floor, measuring)
        floor.rebalance("act")
        scenario.meddle(floor, measuring)
        measuring.wait_until_balanced()
        row = measuring.row()
    scenario.tidy(floor)
    return row


def by_loop(floor: Floor, scenario: Scenario, arm: str, only: Sequence[str] = ()) -> Row:
    """The operator is away meanwhile; afterwards it balances what the loop left.

    `only` these services are looped over, and from no particular balance; by default all that have
    replicas.
    """
    if not only:
        floor.wait(floor.is_balanced, 600, "balance before the scenario")
    floor.rebalance("off")
    floor.wait_until_all_run()
    floor.stage.operator.stop()
    try:
        floor.say(f"{scenario.name}, {arm}: losing")
        scenario.lose(floor)
        measuring = Measuring(floor, scenario.name, arm)
        with measuring:
            floor.say(f"{scenario.name}, {arm}: {measuring.enough} moves would be enough")
            measuring.ready_at = scenario.bring_back(floor, measuring)
            floor.wait_until_all_run()
            for kind in floor.kinds:
                if kind.replicas and (not only or kind.name in only):
                    _force(floor, kind.full_name, LOOPS[arm])
            measuring.balanced_at = time.monotonic()
            row = measuring.row()
    finally:
        floor.rebalance("act")
        floor.stage.operator.start()
        floor.stage.wait_until_leading(60)
    return row


def _force(floor: Floor, service: str, options: tuple[str, ...]) -> None:
    """One round of the loop, as people write it: it waits until the service has converged."""
    command = ("service", "update", "--force", "--quiet", "--no-resolve-image", *options, service)
    floor.lab.docker_cli(1, *command, timeout=300)
