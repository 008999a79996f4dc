"""Makes a schedule that breaks a law smaller: fewer steps, fewer services, fewer words in them."""

import dataclasses
import time
from collections.abc import Iterator
from typing import Any, Final

from desired_state.problems import DocumentRefused
from tests.laws.schedules.schedule import LawBroken, Schedule
from tests.laws.schedules.step import Step

PATIENCE_S: Final = 60.0


def smallest(broken: LawBroken) -> LawBroken:
    """The smallest schedule found in a minute that breaks the same law."""
    end = time.monotonic() + PATIENCE_S
    best = broken
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _smaller(best.schedule):
            if time.monotonic() > end:
                return best
            found = _plays(candidate)
            if found is not None and found.law == best.law:
                best, is_smaller = found, True
                break
    return best


def _plays(schedule: Schedule) -> LawBroken | None:
    try:
        schedule.play()
    except LawBroken as broken:
        return broken
    except DocumentRefused:
        pass  # `docker stack deploy` would not have taken it either
    return None


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    steps = list(schedule.steps)
    half = len(steps) // 2
    if half > 2:
        yield dataclasses.replace(schedule, steps=steps[half:])
    for number in reversed(range(len(steps))):
        yield dataclasses.replace(schedule, steps=steps[:number] + steps[number + 1 :])
    for number, step in enumerate(steps):
        for simpler in _simpler(step):
            yield dataclasses.replace(
                schedule, steps=[*steps[:number], simpler, *steps[number + 1 :]]
            )


def _simpler(step: Step) -> Iterator[Step]:
    for name in ("document", "half"):
        document = getattr(step, name, None)
        if document:
            for simpler in _without_one(document, depth=4):
                if simpler.get("services"):
                    yield dataclasses.replace(step, **{name: simpler})  # type: ignore[type-var]


def _without_one(value: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """The document without one of its members, large ones first."""
    for key in value:
        yield {other: member for other, member in value.items() if other != key}
    if depth:
        for key, member in value.items():
            if isinstance(member, dict):
                for simpler in _without_one(member, depth - 1):
                    yield {**value, key: simpler}
