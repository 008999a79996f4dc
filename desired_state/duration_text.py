"""Durations as people write them in the policy and on the command line."""

import re
from typing import Final

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")


def seconds(text: str) -> float:
    """Seconds of a duration such as `90s`, `2m`, `1h30m`, `7d`. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError("is not a duration; write one such as 90s, 2m or 1h30m")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
