"""Thousands of schedules: in each, no invariant breaks on the way, and the end is as wished.

Schedules that never reach what they are made for hold for ever and show nothing: so what they reach is
counted, and must not become less. Those with moves and with routes have modules of their own, so that
they can be played side by side.
"""

import pytest

from tests.laws.schedules.floors import TIMEOUT_S, assert_every_schedule_ends_well
from tests.laws.schedules.machines_of_state import (
    AnySchedule,
    Everything,
    Machinery,
    People,
    TwoOperators,
)


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("machine", [People, Machinery, TwoOperators, Everything])
def test_every_schedule_ends_well(machine: type[AnySchedule]) -> None:
    assert_every_schedule_ends_well(machine)
