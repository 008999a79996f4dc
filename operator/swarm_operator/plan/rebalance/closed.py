"""A gate that is closed: why, and until when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Closed:
    """Why not, for people."""

    reason: str
    until: datetime | None = None
    """When time alone opens the gate; None where something else has to happen."""
    passes: bool = False
    """Whether that something is under way already, and nobody has to do anything for it."""

    @property
    def is_lasting(self) -> bool:
        """Whether one has to plan without what is behind the gate."""
        return self.until is None and not self.passes

    def __str__(self) -> str:
        if self.until is None:
            return self.reason
        # Rounded up, so that the text does not change while the gate stays closed.
        until = self.until.astimezone(UTC)
        whole = until.replace(microsecond=0)
        whole += timedelta(seconds=int(whole < until))
        return f"{self.reason} until {whole:%Y-%m-%dT%H:%M:%SZ}"


def last_to_open(*found: Closed | None) -> Closed | None:
    """Of several gates in a row the one that decides: one that lasts, else one of which nobody knows
    when it opens, else the one that opens last. So what is said does not change before something can
    happen."""
    closed = [gate for gate in found if gate is not None]
    endless = [gate for gate in closed if gate.until is None]
    if endless:
        return next((gate for gate in endless if gate.is_lasting), endless[0])
    return max(closed, key=lambda gate: gate.until or _NEVER, default=None)
