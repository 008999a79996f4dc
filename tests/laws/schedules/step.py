"""What all steps have in common: a line of data that does one thing to a lab."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab


class Step(Protocol):
    """A frozen dataclass: its `repr` is the line that does it again."""

    def do(self, lab: "Lab") -> None:
        """A step whose object is not there (any more) does nothing: so any part of a schedule is one."""
        ...
