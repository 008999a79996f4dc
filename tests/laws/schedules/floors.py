"""What the schedules of each machine must reach at least, so that they do not hold by doing nothing.

See `monitors/coverage.py` for the words.
"""

from typing import Final

from tests.laws.schedules.machines_of_state import (
    AnySchedule,
    Comings,
    Everything,
    Machinery,
    People,
    Routes,
    TwoOperators,
)
from tests.laws.schedules.monitors.coverage import (
    ADOPTED,
    CARRIED_OUT,
    CUT_SHORT,
    ENDED_BY_ANOTHER,
    FENCED_OFF,
    FROZE,
    GIVEN_UP,
    HELD,
    IN_PARTS,
    LATE,
    MEDDLED_WITH,
    MOVED,
    PUSHED_AGAIN,
    ROLLED_BACK,
    TWO_LEAD,
    UNDONE,
    WITHDRAWN,
)
from tests.laws.schedules.run import PLAYED, run_same, schedules

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
    People: dict.fromkeys((ROLLED_BACK, ADOPTED, MOVED), 5) | {PUSHED_AGAIN: 3},
    Machinery: dict.fromkeys((ROLLED_BACK, PUSHED_AGAIN, MOVED), 5) | dict.fromkeys(_TROUBLES, 2),
    TwoOperators: dict.fromkeys((TWO_LEAD, LATE, FENCED_OFF, MOVED, *_CRASHES), 5),
    Everything: dict.fromkeys(
        (ROLLED_BACK, ADOPTED, TWO_LEAD, LATE, FENCED_OFF, *_TROUBLES, *_CRASHES), 0
    ),
    Comings: {CARRIED_OUT: 40, UNDONE: 10, ENDED_BY_ANOTHER: 10, MEDDLED_WITH: 1},
    Routes: {IN_PARTS: 20, CUT_SHORT: 2, WITHDRAWN: 10, GIVEN_UP: 0, HELD: 2, FROZE: 2},
}
"""In percent of a machine's schedules, once at least. They are the same ones each time, until a
strategy changes, or hypothesis itself: the floors leave room for that."""
FEWEST: Final = 150
"""Percentages of fewer schedules say little."""


TIMEOUT_S: Final = 1800
"""Alone each machine takes one to four minutes; where many things are done at once far longer."""


def assert_every_schedule_ends_well(machine: type[AnySchedule]) -> None:
    """Plays the machine's schedules, and holds what they reached against its floors."""
    reached = run_same(machine)
    if schedules(machine) < FEWEST:
        return
    for word, percent in FLOORS[machine].items():
        assert reached[word] >= max(1, percent / 100 * reached[PLAYED]), (word, reached)
