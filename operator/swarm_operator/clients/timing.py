"""Every call to the world outside is timed under one name."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

API_REQUEST: Final = "api_request_duration_seconds"
NO_ANSWER: Final = "error"
"""The label `code` of a call that was never answered."""


class DurationMetric(Protocol):
    """The part of the runtime's metrics that clients need."""

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None: ...


class NoMetrics:
    """Counts nothing: for the command line."""

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None: ...


@dataclass(slots=True)
class Call:
    """A call under way; whoever reads the answer notes its status."""

    code: str = NO_ANSWER


@dataclass(frozen=True, slots=True)
class CallTimer:
    """Times the calls to one API. `clock` gives monotonic seconds."""

    api: str
    metrics: DurationMetric
    clock: Callable[[], float] = time.monotonic

    @contextmanager
    def timed(self, verb: str) -> Iterator[Call]:
        """Observe the duration of the block, whether it ends well or not."""
        call = Call()
        start = self.clock()
        try:
            yield call
        finally:
            labels = {"api": self.api, "verb": verb, "code": call.code}
            self.metrics.observe(API_REQUEST, labels, self.clock() - start)
