"""Seconds of a timeline → the Engine API's times: RFC 3339 with nanoseconds, as Go writes them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from swarm_operator.simulation.timeline import Timeline

NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time."""

_SECOND_NS: Final = 10**9
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_ns(timeline: Timeline, at: float) -> int:
    """Nanoseconds since 1970. A second of the timeline is a float: good to the nanosecond for
    the first months of a world."""
    start = timeline.utc(0.0) - _UNIX
    return start // timedelta(microseconds=1) * 1000 + round(at * _SECOND_NS)


def rfc3339(timeline: Timeline, at: float) -> str:
    """Go's RFC3339Nano: the fraction without its zeros at the end, and none where it is zero."""
    seconds, nanos = divmod(epoch_ns(timeline, at), _SECOND_NS)
    whole = (_UNIX + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{whole}{fraction}Z"
