"""Runs a state machine: as a test, always the same; or with a seed of its own, for a while."""

import os
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.laws.schedules.machines_of_state import Everything, Machinery, People, TwoOperators
from tests.laws.schedules.schedule import LawBroken
from tests.laws.schedules.shrink import smallest

MACHINES: Final = (People, Machinery, TwoOperators, Everything)
STEPS: Final = 14
"""Of one schedule, at most."""
SCHEDULES: Final = {"default": 500, "mutants": 120, "soak": 500}
"""Of each machine, by hypothesis profile."""

_ALWAYS: Final[dict[str, Any]] = {
    # Steps are whole sentences: leaving some out, as `shrink` does, is quicker than what hypothesis
    # does with the bytes that they were drawn from.
    "phases": [Phase.generate],
    "stateful_step_count": STEPS,
    "deadline": None,
    "database": None,
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
}


def run_same(machine: type[RuleBasedStateMachine]) -> None:
    """The same schedules each time. Raises LawBroken with a small one that fails."""
    profile = os.environ.get("HYPOTHESIS_PROFILE", "default")
    count = SCHEDULES[profile]
    _run(machine, settings(max_examples=count, derandomize=True, **_ALWAYS), profile != "mutants")


def run_new(machine: type[RuleBasedStateMachine], seed: int, schedules: int) -> None:
    """Schedules that depend on the seed. Raises LawBroken with a small one that fails."""
    seeded = type(machine.__name__, (machine,), {"_hypothesis_internal_use_seed": seed})
    _run(seeded, settings(max_examples=schedules, **_ALWAYS), is_shrunk=True)


def _run(machine: type[RuleBasedStateMachine], chosen: settings, is_shrunk: bool) -> None:
    try:
        run_state_machine_as_test(machine, settings=chosen)
    except LawBroken as broken:
        if not is_shrunk:
            raise
        raise smallest(broken) from None
