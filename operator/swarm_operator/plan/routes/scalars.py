"""Scalars as Traefik's label decoder reads them (traefik/paerser, `parser/element_fill.go`)."""

import re
from typing import Final

from desired_state import go_values

_WHOLE: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_LONGEST: Final = 100
"""Characters of a duration: beyond it nobody means what is written, and reading it takes its time."""


def truth(text: str) -> bool:
    """`strconv.ParseBool`. Raises ValueError with a message for people, without the value."""
    try:
        return go_values.boolean(text)
    except ValueError:
        raise ValueError("must be true or false") from None


def whole(text: str) -> int:
    """`strconv.ParseInt` to the base 10. Raises ValueError with a message for people."""
    try:
        return go_values.whole_number(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def duration(text: str) -> str:
    """A duration, as it is written: a number of seconds, or with units. Raises ValueError."""
    if len(text) > _LONGEST:
        raise ValueError(f"must be a duration of at most {_LONGEST} characters, such as 10s")
    try:
        duration_s(text)
    except ValueError:
        raise ValueError("must be a duration such as 10s, 500ms or 1m30s") from None
    return text


def duration_s(text: str) -> float:
    """Seconds; a plain number is seconds too (paerser's `types.Duration`).

    Raises ValueError, also beyond 64 bits of nanoseconds, or of seconds where it is a plain number.
    """
    if _WHOLE.fullmatch(text):
        return float(go_values.whole_number(text))
    return go_values.duration(text) / go_values.NANO


def texts(text: str) -> tuple[str, ...]:
    """A list with commas; blanks around each are dropped."""
    return tuple(part.strip() for part in text.split(",")) if text else ()
