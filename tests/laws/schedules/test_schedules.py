"""Many hundreds of schedules: in each, no invariant breaks on the way, and the end is as wished.

Schedules that never reach what they are made for hold for ever and show nothing. So what they reach
is counted, and must not become less: see `monitors/coverage.py` for the words.
"""

from typing import Final

import pytest

from tests.laws.schedules.machines_of_state import (
    AnySchedule,
    Comings,
    Everything,
    Machinery,
    People,
    TwoOperators,
)
from tests.laws.schedules.monitors.coverage import (
    ADOPTED,
    CARRIED_OUT,
    ENDED_BY_ANOTHER,
    FENCED_OFF,
    LATE,
    MEDDLED_WITH,
    MOVED,
    PUSHED_AGAIN,
    ROLLED_BACK,
    TWO_LEAD,
    UNDONE,
)
from tests.laws.schedules.run import MACHINES, PLAYED, run_same, schedules

_TROUBLES: Final = (
    "lost docker write",
    "stuck docker write",
    "slow docker write",
    "moved docker write",
    "lost consul write",
    "stuck consul write",
    "slow consul write",
)
_CRASHES: Final = tuple(
    f"crash {when} a {api} write" for when in ("before", "after") for api in ("docker", "consul")
)
FLOORS: Final[dict[type[AnySchedule], dict[str, int]]] = {
    People: dict.fromkeys((ROLLED_BACK, PUSHED_AGAIN, ADOPTED, MOVED), 5),
    Machinery: dict.fromkeys((ROLLED_BACK, PUSHED_AGAIN, MOVED), 5) | dict.fromkeys(_TROUBLES, 2),
    TwoOperators: dict.fromkeys((TWO_LEAD, LATE, FENCED_OFF, MOVED, *_CRASHES), 5),
    Everything: dict.fromkeys(
        (ROLLED_BACK, ADOPTED, TWO_LEAD, LATE, FENCED_OFF, *_TROUBLES, *_CRASHES), 0
    ),
    Comings: {CARRIED_OUT: 40, UNDONE: 10, ENDED_BY_ANOTHER: 10, MEDDLED_WITH: 1},
}
"""In percent of a machine's schedules, once at least. They are the same ones each time, until a
strategy changes, or hypothesis itself: the floors leave room for that."""
FEWEST: Final = 150
"""Percentages of fewer schedules say little."""


@pytest.mark.timeout(
    900
)  # a machine that does many things at once; alone each takes under a minute
@pytest.mark.parametrize("machine", MACHINES)
def test_every_schedule_ends_well(machine: type[AnySchedule]) -> None:
    reached = run_same(machine)
    if schedules(machine) < FEWEST:
        return
    for word, percent in FLOORS[machine].items():
        assert reached[word] >= max(1, percent / 100 * reached[PLAYED]), (word, reached)
