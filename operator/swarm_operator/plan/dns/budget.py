"""How often a provider may be asked and a zone changed.

OVH's maintainers call 60 requests a minute and key fair use; 40 leave room for others who use the key.
Some of them are kept for names that are asked for already and move, so that neither audits nor the first
records of others hold up a failover.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

CALLS_PER_MINUTE: Final = 40
RESERVED: Final = 8
CHANGES_PER_RUN: Final = 10
CHANGES_PER_HOUR: Final = 60
NEXT_RUN_S: Final = 1.0
_HOUR_S: Final = 3600.0
_MASS_OF: Final = 4
"""From so many bindings on, more than half of them at once is a mass change."""


@dataclass(frozen=True, slots=True)
class Calls:
    """A bucket of requests to one account; full at first. Moments in monotonic seconds."""

    tokens: float = float(CALLS_PER_MINUTE)
    at: float = 0.0
    per_minute: int = CALLS_PER_MINUTE

    def filled(self, now: float) -> "Calls":
        """As it is now."""
        grown = self.tokens + max(0.0, now - self.at) * self.per_minute / 60
        return replace(self, tokens=min(float(self.per_minute), grown), at=max(now, self.at))

    def spent(self, calls: int, now: float) -> "Calls":
        """After so many requests, also where they were more than there was room for."""
        filled = self.filled(now)
        return replace(filled, tokens=filled.tokens - calls)

    def wait_s(self, calls: int, now: float, *, is_urgent: bool) -> float:
        """Seconds until so many may be sent; 0: now. Only what is urgent may use what is reserved."""
        needed = calls + (0 if is_urgent else min(RESERVED, self.per_minute - calls))
        missing = needed - self.filled(now).tokens
        return max(0.0, missing * 60 / self.per_minute)


@dataclass(frozen=True, slots=True)
class ZoneChanges:
    """When records of one zone were changed, within the last hour."""

    moments: tuple[float, ...] = ()

    def room_at(
        self, now: float, per_hour: int = CHANGES_PER_HOUR, records: int = 1, in_run: int = 0
    ) -> float:
        """When there is room for so many changes that belong together, beside those that this run
        makes already; `now` where there is.

        Where even an hour has no room for all of them, they wait for one without any change.
        """
        recent = _recent(self.moments, now)
        if in_run and in_run + records > min(CHANGES_PER_RUN, per_hour - len(recent)):
            records = min(records, per_hour)
            return max(now + NEXT_RUN_S, self.room_at(now, per_hour, records))
        over = len(recent) + min(records, per_hour) - per_hour
        return now if over <= 0 else recent[over - 1] + _HOUR_S

    def changed(self, now: float, records: int = 1) -> "ZoneChanges":
        """With so many changes more."""
        return ZoneChanges((*_recent(self.moments, now), *[now] * records))


def is_mass_change(changing: int, bindings: int) -> bool:
    """So much at once is believed only after one more full read."""
    return bindings >= _MASS_OF and 2 * changing > bindings


def _recent(moments: Iterable[float], now: float) -> tuple[float, ...]:
    return tuple(moment for moment in moments if now - moment < _HOUR_S)
