"""The acts of the guided tour: each does something, says what it expects, and measures it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from swarm_operator.cli.demo import (
    acts_of_change,
    acts_of_dns,
    acts_of_faults,
    acts_of_moving,
    acts_of_routes,
)
from swarm_operator.cli.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Act:
    """One promise, shown. `play` raises ActFailed where it does not hold."""

    number: int
    title: str
    play: Callable[[Stage], None]


ACTS: Final = (
    Act(1, "A push becomes services", acts_of_change.push),
    Act(2, "A foreign hand is put back", acts_of_change.drift),
    Act(3, "A node dies and returns", acts_of_faults.node_loss),
    Act(4, "Its tasks come home", acts_of_moving.come_home),
    # While all nodes are steady, for it has a move, too.
    Act(5, "A route follows its tasks", acts_of_routes.follows),
    Act(6, "A broken image", acts_of_change.broken_image),
    Act(7, "The KV stands still, and is wiped", acts_of_faults.blind),
    Act(8, "The operator is killed in the middle of a change", acts_of_faults.killed),
    Act(9, "Nothing to do, nothing written", acts_of_change.quiet),
    Act(10, "A stack is removed", acts_of_change.removal),
    Act(11, "A name follows its task", acts_of_dns.follows),
)
