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

    def __str__(self) -> str:
        if self.until is None:
            return self.reason
        # Rounded up, so that the text does not change while the gate stays closed.
        until = self.until.astimezone(UTC)
        whole = until.replace(microsecond=0)
        whole += timedelta(seconds=int(whole < until))
        return f"{self.reason} until {whole:%Y-%m-%dT%H:%M:%SZ}"


def last_to_open(*found: Closed | None) -> Closed | None:
    """Of several gates in a row the one that decides: one that time does not open, else the one that
    opens last. So what is said does not change before something can happen."""
    closed = [gate for gate in found if gate is not None]
    endless = [gate for gate in closed if gate.until is None]
    if endless:
        return endless[0]
    return max(closed, key=lambda gate: gate.until or _NEVER, default=None)
