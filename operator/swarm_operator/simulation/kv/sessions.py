"""Sessions with their TTL, and the locks that they hold.

After Consul's agent/consul/session_ttl.go, session_endpoint.go and state/session.go.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from swarm_operator.simulation.kv.store import Entry, KvStore
from swarm_operator.simulation.timeline import Timeline, Timer

TTL_MULTIPLIER: Final = 2
"""A session ends this many TTLs after its last renewal: the TTL is a lower bound."""

MIN_TTL_S: Final = 10.0
MAX_TTL_S: Final = 24 * 3600.0
MAX_LOCK_DELAY_S: Final = 60.0
UUID_LENGTH: Final = 36
UUID_DASHES: Final = 4

Behaviour = Literal["release", "delete"]


class SessionRefused(Exception):
    """Consul's own text."""


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    name: str = ""
    ttl: str = ""
    """As it was given: a Go duration, or nothing."""
    ttl_s: float = 0.0
    """0: it ends only when it is destroyed."""
    lock_delay_s: float = 15.0
    behaviour: Behaviour = "release"
    node_checks: tuple[str, ...] | None = ("serfHealth",)
    """Kept to be shown: nothing here ever fails a check."""
    service_checks: tuple[()] | None = None
    create_index: int = 0


class Sessions:
    """All sessions, and the lock delays of keys whose sessions ended."""

    def __init__(self, store: KvStore, timeline: Timeline, new_id: Callable[[], str]) -> None:
        self.index = 0
        """The raft index of the last creation or end of a session."""
        self._store = store
        self._timeline = timeline
        self._new_id = new_id
        self._by_id: dict[str, Session] = {}
        self._timers: dict[str, Timer] = {}
        self._delays: dict[str, float] = {}
        self._is_suspended = False
        self._overdue: list[str] = []
        self._waiting: dict[Callable[[], None], None] = {}

    def get(self, session_id: str) -> Session | None:
        return self._by_id.get(session_id.lower())

    def all(self) -> list[Session]:
        """Sorted by id."""
        return [self._by_id[session_id] for session_id in sorted(self._by_id)]

    def create(self, wanted: Session) -> Session:
        """A session like `wanted`, with an id and index of its own."""
        index = self._store.next_index()
        session = replace(wanted, id=self._new_id(), create_index=index)
        self._by_id[session.id] = session
        self._start_timer(session)
        self._changed(index)
        return session

    def renew(self, session_id: str) -> Session | None:
        """Begin its TTL anew; None where there is no such session. Writes nothing."""
        session = self.get(session_id)
        if session is not None:
            self._start_timer(session)
        return session

    def destroy(self, session_id: str) -> None:
        """End it: its keys are released or deleted, and cannot be locked for its lock delay."""
        index = self._store.next_index()
        session = self._by_id.pop(session_id.lower(), None)
        if session is None:
            return
        timer = self._timers.pop(session.id, None)
        if timer is not None:
            timer.cancel()
        for entry in self._store.tree(""):
            if entry.session.lower() == session.id:
                self._invalidate(index, session, entry)
        self._changed(index)
        self._store.committed()

    def forget(self, session_id: str) -> None:
        """Drop it without a trace, as with the disk that it was on: its locks stay as they are."""
        self._by_id.pop(session_id, None)
        timer = self._timers.pop(session_id, None)
        if timer is not None:
            timer.cancel()

    def suspend(self) -> None:
        """Nobody looks at the time: no session ends by itself until `resume` or
        `restart_timers`."""
        self._is_suspended = True

    def resume(self) -> None:
        """End the sessions whose time came meanwhile."""
        self._is_suspended = False
        overdue, self._overdue = self._overdue, []
        for session_id in overdue:
            self.destroy(session_id)

    def restart_timers(self) -> None:
        """A new leader knows no times: every session gets its full TTL anew, lock delays end."""
        self._is_suspended = False
        self._overdue.clear()
        self._delays.clear()
        for session in self.all():
            self._start_timer(session)

    def is_delayed(self, key: str) -> bool:
        """Whether the lock delay of a key is still running."""
        return self._delays.get(key, 0.0) > self._timeline.now

    def lock(self, index: int, entry: Entry) -> Entry | None:
        """Write a key and hold it for `entry.session`; None where another session holds it.

        Raises SessionRefused where that session does not exist. `is_delayed` is the caller's.
        """
        if not entry.session:
            raise SessionRefused("missing session")
        if self.checked(entry.session) is None:
            raise SessionRefused(f'invalid session "{entry.session}"')
        old = self._store.get(entry.key)
        if old is None:
            locked = replace(entry, lock_index=1)
        elif old.session == entry.session:
            locked = replace(entry, lock_index=old.lock_index)
        elif old.session:
            return None
        else:
            locked = replace(entry, lock_index=old.lock_index + 1)
        return self._store.set(index, locked, keep_session=False)

    def unlock(self, index: int, entry: Entry) -> Entry | None:
        """Write a key and let it go; None where `entry.session` does not hold it."""
        if not entry.session:
            raise SessionRefused("missing session")
        old = self._store.get(entry.key)
        if old is None or old.session != entry.session:
            return None
        free = replace(entry, session="", lock_index=old.lock_index)
        return self._store.set(index, free, keep_session=False)

    def checked(self, session_id: str) -> Session | None:
        """Look one up as Consul does. Raises SessionRefused for what cannot be an id."""
        problem = _id_problem(session_id)
        if problem:
            raise SessionRefused(f"failed session lookup: index error: {problem}")
        return self.get(session_id)

    def wait(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Be called at every creation or end of a session, until the function returned is.

        Consul spares those who look at one session some of these; none is missed here.
        """
        self._waiting[wake] = None
        return lambda: self._waiting.pop(wake, None)

    def _invalidate(self, index: int, session: Session, entry: Entry) -> None:
        if session.behaviour == "delete":
            self._store.delete(index, entry.key)
        else:
            self._store.set(index, replace(entry, session=""), keep_session=False)
        delay = min(session.lock_delay_s, MAX_LOCK_DELAY_S)
        if delay > 0:
            self._delays[entry.key] = self._timeline.now + delay

    def _start_timer(self, session: Session) -> None:
        old = self._timers.pop(session.id, None)
        if old is not None:
            old.cancel()
        if session.ttl_s:
            delay = session.ttl_s * TTL_MULTIPLIER
            self._timers[session.id] = self._timeline.after(
                delay, lambda: self._expired(session.id)
            )

    def _expired(self, session_id: str) -> None:
        if self._is_suspended:
            self._overdue.append(session_id)
        else:
            self.destroy(session_id)

    def _changed(self, index: int) -> None:
        self.index = index
        for wake in list(self._waiting):
            wake()


def _id_problem(text: str) -> str:
    """What go-memdb's UUIDFieldIndex says of it; "" for what can be an id."""
    if len(text) != UUID_LENGTH:
        return f"UUID must be {UUID_LENGTH} characters"
    dashes = text.count("-")
    if dashes > UUID_DASHES:
        return f'UUID should have maximum of {UUID_DASHES} "-"; got {dashes}'
    wrong = next((c for c in text if c not in "-0123456789abcdefABCDEF"), None)
    if wrong is not None:
        return f"Invalid UUID: encoding/hex: invalid byte: U+{ord(wrong):04X} '{wrong}'"
    return ""
