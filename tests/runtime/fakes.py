"""A lock, a lease, a clock and metrics behind the runtime's ports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from swarm_operator.observed.kv import Fence, KvEntry
from swarm_operator.simulation.timeline import Timeline
from tests.cli.fake_kv import FakeKv


@dataclass
class FakeLock:
    """`LockPort` over the same KV. `made` holds every session; `error` is raised by every call."""

    kv: FakeKv
    made: list[str] = field(default_factory=list)
    error: Exception | None = None

    @property
    def living(self) -> list[str]:
        """The sessions that have not ended."""
        return [each for each in self.made if self.kv.model.sessions.get(each) is not None]

    def create_session(self, name: str, ttl_s: float, lock_delay_s: float) -> str:
        self._fail()
        self.made.append(self.kv.client.create_session(name, ttl_s, lock_delay_s))
        return self.made[-1]

    def renew_session(self, session: str) -> bool:
        self._fail()
        return self.kv.client.renew_session(session)

    def destroy_session(self, session: str) -> None:
        self._fail()
        self.kv.client.destroy_session(session)

    def acquire(self, key: str, session: str, value: bytes) -> bool:
        self._fail()
        return self.kv.client.acquire(key, session, value)

    def release(self, key: str, session: str) -> None:
        self._fail()
        self.kv.client.release(key, session)

    def holder(self, key: str) -> KvEntry | None:
        self._fail()
        return self.kv.client.holder(key)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


@dataclass
class FakeLease:
    """A lease that is ours until `gone` says otherwise."""

    fence_: Fence
    gone: bool = False
    told: list[str] = field(default_factory=list)

    def fence(self, now: float) -> Fence | None:
        del now
        return None if self.gone else self.fence_

    def lost(self, why: str) -> None:
        self.told.append(why)
        self.gone = True


class TimelineClock:
    """The timeline as the runtime's clock."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def monotonic(self) -> float:
        # A machine that has just been switched on is no special case.
        return 1000.0 + self._timeline.now

    def utc(self) -> datetime:
        return self._timeline.utc()


class FakeMetrics:
    """Adds nothing up; keeps what it was told, so that a typo is seen."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, Mapping[str, str]]] = []
        self.observed: list[tuple[str, Mapping[str, str], float]] = []

    def count(self, name: str, labels: Mapping[str, str], amount: float = 1.0) -> None:
        del amount
        self.counted.append((name, dict(labels)))

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        self.observed.append((name, dict(labels), seconds))

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        del name, labels, value

    def forget(self, name: str, labels: Mapping[str, str]) -> None:
        del name, labels
