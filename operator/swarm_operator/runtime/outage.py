"""Says that something is away when it goes, now and then while it stays away, and when it is back."""

from dataclasses import dataclass
from typing import Any, Final

from swarm_operator.runtime.ports import Clock

_AGAIN_S: Final = 60.0


@dataclass(slots=True)
class Outage:
    """One source's outage, for the log: every failed try would drown what matters."""

    clock: Clock
    log: Any
    what: str
    _since: float | None = None
    _said_at: float = 0.0

    def goes_on(self, why: str) -> None:
        """Another try failed."""
        now = self.clock.monotonic()
        if self._since is None:
            self._since = now
        elif now - self._said_at < _AGAIN_S:
            return
        self._said_at = now
        self.log.warning(self.what, why=why, for_s=round(now - self._since))

    def over(self) -> bool:
        """A try succeeded. Returns whether there had been an outage."""
        if self._since is None:
            return False
        away_s = self.clock.monotonic() - self._since
        self._since = None
        self.log.info("an outage is over", what=self.what, after_s=round(away_s, 1))
        return True
