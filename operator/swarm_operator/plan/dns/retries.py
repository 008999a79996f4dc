"""When to try again after which kind of failure."""

from enum import StrEnum
from typing import Final

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 60.0
_NEEDS_A_PERSON_S: Final = 300.0


class Failure(StrEnum):
    """What a failure means for the next attempt."""

    TRANSIENT = "transient"
    """The other side is busy, broken or away."""
    CONFLICT = "conflict"
    """What was expected is not there any more: read again, plan again."""
    AUTH = "auth"
    """Credentials or rights: a person must act; tried again when they change, or rarely."""
    PERMANENT = "permanent"
    """It will never be taken as it stands."""


def wait_s(
    failure: Failure, attempts: int, jitter: float, retry_after_s: float | None = None
) -> float:
    """Seconds to wait after the `attempts`-th failure in a row (from 1 on); never "no more".

    Full jitter, `jitter` in [0, 1), doubling up to a minute, but never less than a tenth of a second;
    what the server asks for goes before.
    """
    if failure is Failure.CONFLICT and attempts <= 3:
        return 0.0
    if failure in {Failure.AUTH, Failure.PERMANENT}:
        return _NEEDS_A_PERSON_S
    if retry_after_s is not None:
        return retry_after_s
    ceiling = min(_LONGEST_S, _FIRST_S * 2.0 ** min(attempts - 1, 16))
    return max(0.1, ceiling * jitter)
