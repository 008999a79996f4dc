"""An engine and a lock behind the runtime's ports, and a clock that stands still until it is told."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import Fence, KvEntry
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Kind
from tests.cli.fake_kv import FakeKv
from tests.laws.engine import Engine

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class FakeClock:
    """Both times go on together."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return START + timedelta(seconds=self.now - 1000.0)


@dataclass
class FakeSwarm:
    """`SwarmPort` over the engine of the laws. `before` is called with each write's name and target:
    it may raise what an engine raises, or let another hand act first."""

    engine: Engine = field(default_factory=Engine)
    before: Callable[[str, str], None] = lambda _verb, _name: None
    after: Callable[[str, str], None] = lambda _verb, _name: None
    reads: int = 0
    progress_reads: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)
    read_error: Exception | None = None
    incomplete: tuple[str, ...] = ()

    def read(self) -> Swarm:
        self.reads += 1
        return self._answer()

    def read_progress(self, last: Swarm) -> Swarm:
        self.progress_reads += 1
        now = self._answer()
        return dataclasses.replace(last, services=now.services, tasks=now.tasks, nodes=now.nodes)

    def _answer(self) -> Swarm:
        if self.read_error is not None:
            raise self.read_error
        self.engine = self.engine.settled()
        return dataclasses.replace(self.engine.swarm, incomplete=self.incomplete)

    def _write(self, verb: str, name: str, change: Callable[[Engine], Engine]) -> str:
        self.before(verb, name)
        made = self.engine.next_id
        self.engine = change(self.engine)
        self.calls.append((verb, name))
        self.after(verb, name)
        return made

    def create_service(self, spec: JsonObject, *, registry_auth: str | None = None) -> str:
        del registry_auth
        return self._write("create", spec["Name"], lambda e: e.service_created(spec))

    def update_service(
        self, service_id: str, version: int, spec: JsonObject, *, registry_auth: str | None = None
    ) -> None:
        del registry_auth
        self._write("update", spec["Name"], lambda e: e.service_updated(service_id, version, spec))

    def remove_service(self, service_id: str) -> None:
        self._remove(Kind.SERVICE, service_id)

    def create_network(self, body: JsonObject) -> str:
        return self._write("create", body["Name"], lambda e: e.network_created(body))

    def remove_network(self, network_id: str) -> None:
        self._remove(Kind.NETWORK, network_id)

    def create_config(self, spec: JsonObject) -> str:
        return self._write("create", spec["Name"], lambda e: e.config_created(spec))

    def remove_config(self, config_id: str) -> None:
        self._remove(Kind.CONFIG, config_id)

    def create_secret(self, spec: JsonObject) -> str:
        return self._write("create", spec["Name"], lambda e: e.secret_created(spec))

    def remove_secret(self, secret_id: str) -> None:
        self._remove(Kind.SECRET, secret_id)

    def _remove(self, kind: Kind, object_id: str) -> None:
        names = {item.id: item.name for item in self.engine.swarm.labelled}
        self._write("remove", names.get(object_id, object_id), lambda e: e.removed(kind, object_id))


@dataclass
class FakeLock:
    """`LockPort` over the same KV: sessions that live until they are ended."""

    kv: FakeKv
    sessions: set[str] = field(default_factory=set)
    made: int = 0
    error: Exception | None = None

    def create_session(self, name: str, ttl_s: float, lock_delay_s: float) -> str:
        del name, ttl_s, lock_delay_s
        self._fail()
        self.made += 1
        session = f"session{self.made}"
        self.sessions.add(session)
        return session

    def renew_session(self, session: str) -> bool:
        self._fail()
        return session in self.sessions

    def destroy_session(self, session: str) -> None:
        self._fail()
        self.sessions.discard(session)
        for key, entry in list(self.kv.entries.items()):
            if entry.session == session:
                self.kv.put(key, entry.value)

    def acquire(self, key: str, session: str, value: bytes) -> bool:
        self._fail()
        held = self.kv.get(key)
        if held is not None and held.session is not None:
            return held.session == session
        self.kv.put(key, value, session=session)
        return True

    def release(self, key: str, session: str) -> None:
        self._fail()
        entry = self.kv.get(key)
        if entry is not None and entry.session == session:
            self.kv.put(key, entry.value)

    def holder(self, key: str) -> KvEntry | None:
        self._fail()
        return self.kv.get(key)

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


class FakeMetrics:
    """Counts nothing; keeps the names, so that a typo is seen."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, Mapping[str, str]]] = []

    def count(self, name: str, labels: Mapping[str, str], amount: float = 1.0) -> None:
        del amount
        self.counted.append((name, dict(labels)))

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        del name, labels, seconds

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        del name, labels, value

    def forget(self, name: str, labels: Mapping[str, str]) -> None:
        del name, labels
