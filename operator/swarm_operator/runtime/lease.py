"""One hand at a time: the leader's lease on a Consul session lock.

Only its holder acts. Its validity is counted here, from the *start* of the last renewal that
succeeded, and ends one TTL later whatever Consul thinks (it expires a session after up to twice its
TTL). Every KV write is fenced by the session on top of that.
"""

import json
from collections.abc import Callable
from typing import Final

from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import Fence
from swarm_operator.runtime.ports import LockPort

_RETRY_S: Final = 1.0


class Lease:
    """A state machine without a thread: `step` does what is due. `fence` may be asked by others."""

    def __init__(
        self,
        lock: LockPort,
        *,
        key: str,
        holder: str,
        ttl_s: float,
        lock_delay_s: float,
        on_change: Callable[[bool, str], None] = lambda _held, _why: None,
    ) -> None:
        self._lock = lock
        self._key = key
        self._holder = holder
        self._ttl_s = ttl_s
        self._lock_delay_s = lock_delay_s
        self._on_change = on_change
        self._session: str | None = None
        self._renewed_at = 0.0
        self._held = False
        self._term = 0
        self.error: str | None = None
        """Why the last step failed; None where it did not."""

    def fence(self, now: float) -> Fence | None:
        """The proof of leadership, or None where the lease is not ours or ran out."""
        session = self._session
        if not self._held or session is None or now >= self._renewed_at + self._ttl_s:
            return None
        return Fence(self._key, session, self._term)

    def remaining_s(self, now: float) -> float:
        """Seconds until the lease runs out unless it is renewed; 0 where it is not ours."""
        if not self._held:
            return 0.0
        return max(0.0, self._renewed_at + self._ttl_s - now)

    def step(self, now: float) -> float:
        """Create, renew, acquire: what is due. Returns the time of the next step."""
        try:
            self._keep_session(now)
            self._keep_lock()
        except OutsideError as error:
            self.error = str(error)
            if self._held and now >= self._renewed_at + self._ttl_s:
                self._lose(f"not renewed in time: {error}")
            return now + _RETRY_S
        self.error = None
        return now + (self._ttl_s / 3 if self._held else _RETRY_S)

    def _keep_session(self, now: float) -> None:
        if self._session is not None and self._lock.renew_session(self._session):
            if now >= self._renewed_at + self._ttl_s:
                # Whoever looked meanwhile stands by, and waits to be told.
                self._lose("it ran out before it was renewed")
            self._renewed_at = now
            return
        if self._session is not None:
            self._session = None
            self._lose("the session expired")
        self._session = self._lock.create_session(
            f"swarm-operator {self._holder}", self._ttl_s, self._lock_delay_s
        )
        self._renewed_at = now

    def _keep_lock(self) -> None:
        session = self._session
        if session is None:
            return
        holder = self._lock.holder(self._key)
        if holder is not None and holder.session == session:
            self._gain()
            return
        if self._held:
            self._lose("another hand took the lock away")
        if holder is not None and holder.session is not None:
            return
        value = json.dumps({"holder": self._holder}).encode()
        if self._lock.acquire(self._key, session, value):
            self._gain()

    def _gain(self) -> None:
        if not self._held:
            self._term += 1
            self._held = True
            self._on_change(True, "the lock is ours")

    def _lose(self, why: str) -> None:
        if self._held:
            self._held = False
            self._on_change(False, why)

    def lost(self, why: str) -> None:
        """Told by a writer whose fence did not hold: the next step looks again."""
        self._lose(why)

    def release(self) -> None:
        """At the end: another may take over at once. Errors are of no consequence any more."""
        session, self._session = self._session, None
        self._lose("released")
        if session is None:
            return
        try:
            self._lock.release(self._key, session)
            self._lock.destroy_session(session)
        except OutsideError:
            return
