"""One arm of one scenario: what it measured, and the bars that it misses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.bench.rebalance.clients import Answers

OPERATOR: Final = "swarm-operator"
GAP_SLACK: Final = 1
"""The planner makes moves that each lower something by themselves. Where only a chain of two would
bring the nodes' totals nearer, or Swarm would take another task than is meant, it stops."""
REQUESTS: Final = 1000
"""The fewest that "0 failed" may rest on."""


@dataclass(slots=True)
class Row:
    """What happened between the moment before a node's return and balance, or the remedy's end."""

    scenario: str
    arm: str
    fewest: int
    """Moves that would have been enough for an end as good as this one, by `optimum.best`."""
    if_free: int
    """The same if any task of a node could be taken: with several copies there Swarm takes one."""
    restarts: int
    others: int
    """Tasks of before that ended and whose move nobody had planned."""
    answers: Answers
    below: Mapping[str, str]
    """Services of which fewer ran than are wished, with how few."""
    uneven: tuple[str, ...]
    """Services that are not as even as they can be in the end."""
    spread: int
    """Of the service whose copies differ most between two nodes that it may run on."""
    gap: int
    """Between the fullest and the emptiest node in the end, in tasks."""
    least_gap: int
    """What the gap could be with any number of moves."""
    changed_specs: tuple[str, ...]
    took_s: float
    """From node ready to balance, in seconds; for the control, to its end."""
    moving_s: float = 0.0
    """Of these, from the first move's beginning: without what the gates waited."""
    slack: int = 0
    """Restarts beside the fewest that the scenario itself costs."""
    ends: Mapping[str, int] = field(default_factory=dict)
    """How the operator's moves ended."""
    moves: tuple[str, ...] = ()
    """The operator's, in order."""
    world: str = ""
    """Where the tasks were at first."""
    machine_load: float = 0.0
    """Of the machine in the end, over a minute: what else it did."""
    note: str = ""
    broken: tuple[str, ...] = ()
    """What the scenario itself saw go wrong."""

    def missed(self) -> list[str]:
        """Bars that this arm does not reach; all of them are the operator's to reach."""
        bars = {
            f"{self.restarts} restarts, {self.fewest} are enough": (
                self.fewest <= self.restarts <= self.fewest + self.slack
            ),
            f"{self.others} other tasks restarted": self.others == 0,
            f"{self.answers.failed} requests failed": self.answers.failed == 0,
            f"only {self.answers.requests} requests": self.answers.requests >= REQUESTS,
            f"below their replicas: {dict(self.below)}": not self.below,
            f"uneven: {', '.join(self.uneven)}": not self.uneven,
            f"a service's copies differ by {self.spread}": self.spread <= 1,
            f"nodes differ by {self.gap} tasks": self.gap <= self.least_gap + GAP_SLACK,
            f"specs not as before: {', '.join(self.changed_specs)}": not self.changed_specs,
            f"{self.ends.get('lost', 0)} moves lost": not self.ends.get("lost"),
        }
        return [*(text for text, holds in bars.items() if not holds), *self.broken]

    def why_no_control(self) -> list[str]:
        """What the control should have done worse and did not."""
        bars = {
            "the loop restarted no more than the fewest": self.restarts > self.fewest,
            "the loop cost no request and no replica": self.answers.failed > 0 or bool(self.below),
        }
        return [text for text, holds in bars.items() if not holds]
