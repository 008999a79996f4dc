"""A whole schedule: data that is played, and printed as a script that plays it again."""

import pprint
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.laws.schedules.ending import end
from tests.laws.schedules.lab import Lab
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors import MONITORS
from tests.laws.schedules.step import Step


@dataclass
class Schedule:
    """`play` goes through the steps, ends the faults, and demands what must hold."""

    steps: Sequence[Step] = field(default_factory=tuple)
    seed: int = 0
    also: Sequence[type[Monitor]] = ()
    """Monitors beside the usual ones."""

    def play(self) -> Lab:
        """Raises LawBroken with all that is known and the script."""
        lab = Lab(self.seed, (*MONITORS, *self.also))
        for step in self.steps:
            take(lab, step, self)
        finish(lab, self)
        return lab

    def script(self) -> str:
        """A Python program; `python -m tests.laws.schedules <file>` plays it, and says what happens."""
        lines = [f"    {_line(step)}," for step in self.steps]
        head = ["from tests.laws.schedules.vocabulary import *", ""]
        return "\n".join([*head, f"Schedule(seed={self.seed}, steps=[", *lines, "]).play()"])


class LawBroken(AssertionError):
    """A monitor, or the end, found that a law does not hold."""

    def __init__(self, law: str, said: str, schedule: Schedule) -> None:
        """`law` names it; `said` is all that is known."""
        super().__init__(f"{said}\n\nTo play it again:\n\n{schedule.script()}\n")
        self.law = law
        self.schedule = schedule


def take(lab: Lab, step: Step, schedule: Schedule) -> None:
    """One step. Raises LawBroken where a monitor said so."""
    step.do(lab)
    _demand(lab, schedule)


def finish(lab: Lab, schedule: Schedule) -> None:
    """The end of every schedule."""
    end(lab)
    _demand(lab, schedule)


def _demand(lab: Lab, schedule: Schedule) -> None:
    if lab.broken:
        raise LawBroken(lab.broken[0].law, "\n".join(dict.fromkeys(map(str, lab.broken))), schedule)


def _line(step: Step) -> str:
    return pprint.pformat(step, width=100, sort_dicts=False).replace("\n", "\n    ")
