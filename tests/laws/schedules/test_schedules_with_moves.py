"""Schedules in which workers go and come back: see `test_schedules.py`."""

import pytest

from tests.laws.schedules.floors import TIMEOUT_S, assert_every_schedule_ends_well
from tests.laws.schedules.machines_of_state import (
    AnySchedule,
    Comings,
)


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("machine", [Comings])
def test_every_schedule_ends_well(machine: type[AnySchedule]) -> None:
    assert_every_schedule_ends_well(machine)
