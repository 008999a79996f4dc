"""When to try again: exponential with full jitter, per key, reset by success or new input."""

import random
from dataclasses import dataclass, field
from typing import Final

FIRST_S: Final = 1.0
LONGEST_S: Final = 300.0


_DOUBLINGS: Final = 30


@dataclass(slots=True)
class Backoff:
    """Failures in a row and the time of the next try, by key."""

    rng: random.Random
    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    _failures: dict[str, int] = field(default_factory=dict)
    _next_at: dict[str, float] = field(default_factory=dict)

    def failed(self, key: str, now: float) -> float:
        """Count a failure; returns the time of the next try."""
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        # Bounded before the power: a fault that lasts for days must not overflow.
        ceiling = min(self.longest_s, self.first_s * 2 ** min(failures - 1, _DOUBLINGS))
        self._next_at[key] = now + ceiling * self.rng.uniform(0.5, 1.0)
        return self._next_at[key]

    def reset(self, key: str) -> None:
        self._failures.pop(key, None)
        self._next_at.pop(key, None)

    def is_due(self, key: str, now: float) -> bool:
        return now >= self._next_at.get(key, 0.0)

    def next_at(self, key: str) -> float | None:
        """When the key is tried again; None where nothing failed."""
        return self._next_at.get(key)
