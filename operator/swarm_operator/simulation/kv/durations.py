"""Durations as Go reads them, with its texts of what is wrong: `1m30s`, `250ms`."""

import re
from typing import Final

from desired_state import go_values

_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


def parse(text: str) -> int:
    """Nanoseconds. Raises ValueError with the text of Go's time.ParseDuration."""
    try:
        return go_values.duration(text)
    except ValueError:
        raise ValueError(f'time: {_trouble(text)} "{text}"') from None


def _trouble(text: str) -> str:
    """What Go says of the first part that is none."""
    rest = text[1:] if text.startswith(("-", "+")) else text
    while rest:
        found = _PART.match(rest)
        whole, fraction, unit = found.groups() if found else ("", "", "")
        if not whole and not fraction:
            break
        if not unit:
            return "missing unit in duration"
        if unit not in go_values.DURATION_UNITS:
            return f'unknown unit "{unit}" in duration'
        rest = rest[found.end() :] if found else ""
    return "invalid duration"
