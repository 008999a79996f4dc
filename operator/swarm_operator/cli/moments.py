"""Moments in the operator's texts, told as people would: how long it takes still."""

import re
from datetime import UTC, datetime
from typing import Final

_UNTIL: Final = re.compile(r" until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_MINUTE, _HOUR, _LONG = 60, 3600, 24 * 3600


def told(text: str, now: datetime) -> str:
    """The text with each ` until <moment>` as ` for another 40 s`; it is written so, with moments, that
    nothing in the KV counts by itself."""
    return _UNTIL.sub(lambda match: _left(match[1], now), text)


def _left(moment: str, now: datetime) -> str:
    until = datetime.fromisoformat(moment).astimezone(UTC)
    seconds = (until - now).total_seconds()
    if seconds <= 0:
        return " for a moment yet"
    if seconds < 2 * _MINUTE:
        return f" for another {seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f" for another {seconds / _MINUTE:.0f} min"
    if seconds < _LONG:
        return f" until {until:%H:%M} UTC"
    return f" until {until:%Y-%m-%d %H:%M} UTC"


def age(since: datetime, now: datetime) -> str:
    """`5s`, `3m`, `2h`, `4d`: the largest unit is enough."""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
