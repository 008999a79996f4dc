"""The machine's own clock (implements `swarm_operator.runtime.ports.Clock`)."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Two readings of time: one to measure with, one to show to people."""

    def monotonic(self) -> float:
        """Seconds that never jump: for leases, back-off and ages."""
        return time.monotonic()

    def utc(self) -> datetime:
        """The time of day, aware, in UTC: for records and logs only, it may jump."""
        return datetime.now(UTC)
