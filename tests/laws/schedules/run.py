"""Runs a state machine: as a test, always the same; or with a seed of its own, for a while."""

import os
from collections import Counter
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.laws.schedules.machines_of_state import (
    AnySchedule,
    Comings,
    Everything,
    Machinery,
    People,
    Routes,
    TwoOperators,
)
from tests.laws.schedules.schedule import LawBroken
from tests.laws.schedules.shrink import smallest

MACHINES: Final[tuple[type[AnySchedule], ...]] = (
    People,
    Machinery,
    TwoOperators,
    Everything,
    Comings,
    Routes,
)
PLAYED: Final = "played to its end"
STEPS: Final = 7
"""Of one schedule, at most; a scene is one."""
SCHEDULES: Final = {"default": 500, "mutants": 120, "soak": 500}
"""Of each machine, by hypothesis profile."""
SHARE: Final[dict[type[AnySchedule], float]] = {Comings: 0.5}
"""Of that number where mutants are to die soon, for machines whose schedules are long: many minutes
of virtual time."""

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


def schedules(machine: type[AnySchedule]) -> int:
    """How many of a machine, in this profile."""
    profile = os.environ.get("HYPOTHESIS_PROFILE", "default")
    share = SHARE.get(machine, 1.0) if profile == "mutants" else 1.0
    return round(SCHEDULES[profile] * share)


def run_same(machine: type[AnySchedule]) -> Counter[str]:
    """The same schedules each time: how many reached what, `PLAYED` counts them all.

    Raises LawBroken with a small one that fails.
    """
    is_shrunk = os.environ.get("HYPOTHESIS_PROFILE") != "mutants"
    reached: Counter[str] = Counter()

    def count(words: frozenset[str]) -> None:
        reached.update((PLAYED, *words))

    counted = type(machine.__name__, (machine,), {"on_end": staticmethod(count)})
    _run(counted, settings(max_examples=schedules(machine), derandomize=True, **_ALWAYS), is_shrunk)
    return reached


def run_new(machine: type[AnySchedule], seed: int, schedules: int) -> None:
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
