"""Two thousand schedules: in each, no invariant breaks on the way, and the end is as wished."""

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from tests.laws.schedules.run import MACHINES, run_same


@pytest.mark.timeout(
    900
)  # a machine that does many things at once; alone each takes under a minute
@pytest.mark.parametrize("machine", MACHINES)
def test_every_schedule_ends_well(machine: type[RuleBasedStateMachine]) -> None:
    run_same(machine)
