"""Scalars as Traefik's label decoder reads them (traefik/paerser, `parser/element_fill.go`)."""

import re
from typing import Final

from desired_state import go_values

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_LONGEST: Final = 100
"""Characters of a duration: beyond it nobody means what is written, and reading it takes its time."""


def truth(text: str) -> bool:
    """`strconv.ParseBool`. Raises ValueError with a message for people, without the value."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("must be true or false")


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
    if re.fullmatch(r"[-+]?[0-9]+", text, re.ASCII):
        return text
    try:
        go_values.duration(text)
    except ValueError:
        raise ValueError("must be a duration such as 10s, 500ms or 1m30s") from None
    return text


def texts(text: str) -> tuple[str, ...]:
    """A list with commas; blanks around each are dropped."""
    return tuple(part.strip() for part in text.split(",")) if text else ()
