"""What one publisher did with one case: a row of the first table."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from tests.load.results import Answer, Result

OPERATOR: Final = "swarm-operator"
WITHOUT: Final = "swarm-operator without withdrawal"
LABELS: Final = "Traefik's Swarm provider"
LABELS_EVERY_SECOND: Final = "Traefik's Swarm provider, 1 s"
BY_HAND: Final = "keys by hand"
CONTROLS: Final = frozenset({WITHOUT, LABELS, LABELS_EVERY_SECOND, BY_HAND})
"""Of these at least one has to fail where the operator must not: else the load sees nothing."""

Goal = Callable[[Answer], bool]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the requests of one load."""

    requests: int
    failed: int
    hung: int
    """Of those that failed: given up, for nobody answered."""
    longest_s: float

    @classmethod
    def of(cls, result: Result, fine: Collection[int] = ()) -> "Tally":
        """`fine`: statuses that are no failure here, beside the good ones."""
        failed = sum(answer.said not in fine for answer in result.failures)
        return cls(result.total, failed, result.hung, result.longest)


@dataclass(frozen=True, slots=True)
class Writes:
    """Of the operator, to Traefik's root."""

    transactions: int
    keys: int


@dataclass(frozen=True, slots=True)
class Row:
    """One publisher in one case."""

    case: str
    by: str
    tally: Tally
    live_s: float | None = None
    """From the change to the first answer that it is to lead to; None where there was none."""
    reloads: int = 0
    """Configurations that Traefik took meanwhile."""
    writes: Writes | None = None
    """None: this publisher writes no keys."""
    note: str = ""


def seconds_to(result: Result, goal: Goal, changed_at: float) -> float | None:
    """From a moment to the end of the first answer of `goal` that ended later; None without one."""
    ends = [a.at + a.took for a in result.answers if goal(a) and a.at + a.took >= changed_at]
    return min(ends) - changed_at if ends else None


def seconds_of_outage(result: Result, changed_at: float) -> float | None:
    """From a moment to the first good answer after the last failed one; None where there is none."""
    failed = [answer.at for answer in result.failures if answer.at >= changed_at]
    if not failed:
        return 0.0
    last = max(failed)
    return seconds_to(result, lambda answer: answer.is_good and answer.at > last, changed_at)


def says(version: str) -> Goal:
    """A good answer by this version of our servers."""
    return lambda answer: answer.is_good and answer.by.rsplit(" ", 1)[-1] == version


def has_status(status: int) -> Goal:
    """An answer with this status."""
    return lambda answer: answer.said == status
