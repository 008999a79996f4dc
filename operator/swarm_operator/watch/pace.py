"""How fast a watch may ask again: after failures, and when everything wakes it."""

from collections.abc import Callable


class Backoff:
    """Full jitter: a random part of a limit that doubles with every failure."""

    def __init__(
        self, rng: Callable[[], float], *, base_s: float = 0.2, cap_s: float = 10.0
    ) -> None:
        """`rng` gives numbers in [0, 1)."""
        self._rng = rng
        self._base_s = base_s
        self._cap_s = cap_s
        self._failures = 0

    def next_delay_s(self) -> float:
        """How long to wait after one more failure; never quite zero."""
        # The exponent is bounded: a float overflows after a thousand failures.
        limit = min(self._cap_s, self._base_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return max(self._base_s / 4, self._rng() * limit)

    def reset(self) -> None:
        """It works again."""
        self._failures = 0


class RateLimit:
    """A token bucket: `burst` at once, `per_s` a second in the long run."""

    def __init__(self, clock: Callable[[], float], *, burst: int, per_s: float) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._burst = float(burst)
        self._per_s = per_s
        self._tokens = float(burst)
        self._filled_at = clock()

    def take_delay_s(self) -> float:
        """Take a token; how long to wait before using it."""
        now = self._clock()
        gained = (now - self._filled_at) * self._per_s
        self._tokens = min(self._burst, self._tokens + gained) - 1
        self._filled_at = now
        return max(0.0, -self._tokens / self._per_s)
