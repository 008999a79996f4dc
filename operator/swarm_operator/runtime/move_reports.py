"""What the mover says of a step."""

from dataclasses import dataclass

from swarm_operator.plan.rebalance.steps import Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a move in one step, for people."""

    service: str
    why: str
    outcome: Outcome | None = None
    """None while it goes on."""
    move: str = ""
    """The intent's id."""
    is_recovery: bool = False
    """Whether this process did not begin it."""
    yields: bool = False
    """Whether somebody else's change was just seen: said once, before anything is written of it."""
    blames_target: bool = True
    """Of a move that failed: False where it was not begun, or not wanted any more."""


@dataclass(frozen=True, slots=True)
class Progress:
    reports: tuple[Report, ...] = ()
    due_s: float | None = None
    """Seconds until the next step is worth it; None: when something changed."""
    wrote: bool = False
    saw: bool = True
    """False where the snapshot was not complete: nothing is known then."""

    @property
    def is_idle(self) -> bool:
        """Whether no move is under way, and none has to be ended."""
        return self.saw and all(report.outcome is not None for report in self.reports)
