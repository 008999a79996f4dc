"""Consul's KV below one root, and its sessions (implements `KvPort` and `LockPort`)."""

import base64
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from swarm_operator.clients import consul_check, consul_errors, consul_transaction
from swarm_operator.clients.consul_transport import (
    Address,
    Answer,
    ConsulTransport,
    Token,
    Transport,
)
from swarm_operator.clients.timing import CallTimer, DurationMetric, NoMetrics
from swarm_operator.observed.errors import LeaseLost, Unavailable
from swarm_operator.observed.kv import Fence, KvEntry, KvOperation, KvTree

MAX_WAIT_S: Final = 55.0
"""Of one blocking read: a stop, a new token or a frozen agent is noticed in that time."""


class ConsulKv:
    """Reads, writes and locks below `root`. Safe to share between threads, but for `interrupt`.

    Every method may raise Unavailable and Denied. Nothing is repeated here: watches and leases
    have their own pace.
    """

    def __init__(
        self,
        address: str,
        token: Token = None,
        root: str = "swarm-operator",
        *,
        ca_cert: Path | None = None,
        client_cert: tuple[Path, Path] | None = None,
        datacenter: str | None = None,
        timeout_s: float = 10,
        metrics: DurationMetric | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`address` as in CONSUL_HTTP_ADDR. `timeout_s` is for connecting and for one answer;
        a blocking read gets its wait on top. Raises ValueError for an address or root that
        cannot be one. Nothing is sent before the first call."""
        self._root = self._fence_root = _checked_root(root)
        self._transport: Transport = ConsulTransport(
            Address.parse(address),
            token,
            timer=CallTimer("consul", metrics or NoMetrics(), clock),
            timeout_s=timeout_s,
            ca_cert=ca_cert,
            client_cert=client_cert,
            datacenter=datacenter,
        )

    @classmethod
    def over(cls, transport: Transport, root: str = "swarm-operator") -> Self:
        """The same client on another transport: a simulation's, without an address."""
        made = cls.__new__(cls)
        made._root = made._fence_root = _checked_root(root)  # noqa: SLF001 - our own
        made._transport = transport  # noqa: SLF001
        return made

    def beside(self, root: str) -> Self:
        """The same Consul below another root. Its writes are fenced by the lock below this one.

        Raises ValueError for a root that cannot be one.
        """
        other = self.over(self._transport, root)
        other._fence_root = self._fence_root  # noqa: SLF001 - our own
        return other

    def read(self, prefix: str) -> KvTree:
        """All keys below `prefix`, as the leader of a majority has them (`consistent`).

        Where an ACL hides keys, Consul leaves them out without a word.
        """
        return self._tree(prefix, [("recurse", "1"), ("consistent", "1")])

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        """Like `read`, but waits up to `wait_s` (at most 55) for an index beyond `index`.

        0 does not wait. May return early, or without a change.
        """
        params = [("recurse", "1")]
        if index > 0:
            params += [("index", str(index)), ("wait", f"{min(wait_s, MAX_WAIT_S):.3f}s")]
        return self._tree(prefix, params)

    def get(self, key: str) -> KvEntry | None:
        """One key; unlike a prefix it raises Denied where the token may not read it."""
        answer = self._transport.get(self._path(key), [("consistent", "1")])
        entries = _entries(answer, f"reading `{key}`")
        return _entry(entries[0]) if entries else None

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        """All or nothing. Raises LeaseLost, Conflict with the failing key, TooLarge."""
        if not operations:
            return
        body = consul_transaction.encoded(operations, self._root, fence, self._fence_root)
        answer = self._transport.put("/v1/txn", body=body)
        if answer.status == 409:
            keys = consul_transaction.keys_of(operations, fence)
            raise consul_errors.transaction_error(answer.body, keys, fenced=fence is not None)
        _require_success(answer, "committing a transaction")

    def create_session(self, name: str, ttl_s: float, lock_delay_s: float) -> str:
        """A session that ends `ttl_s` to twice that after its last renewal (Consul takes 10 s …
        24 h), bound to no health check. What it locked is then free after `lock_delay_s`."""
        body = {
            "Name": name,
            "TTL": _duration(ttl_s),
            "LockDelay": _duration(lock_delay_s),
            "Behavior": "release",
            # Without these Consul binds the session to the agent's own health.
            "Checks": [],
            "NodeChecks": [],
        }
        answer = self._transport.put("/v1/session/create", body=json.dumps(body))
        _require_success(answer, "creating a session")
        session = _json(answer)
        if not isinstance(session, dict) or not isinstance(session.get("ID"), str):
            raise Unavailable("creating a session: Consul answered without an id")
        return str(session["ID"])

    def renew_session(self, session: str) -> bool:
        """False where the session is gone."""
        answer = self._transport.put(f"/v1/session/renew/{session}")
        if answer.status == 404:
            return False
        _require_success(answer, "renewing the session")
        return True

    def destroy_session(self, session: str) -> None:
        """Its locks are free after its lock delay. Nothing where it is gone already."""
        _require_success(
            self._transport.put(f"/v1/session/destroy/{session}"), "ending the session"
        )

    def acquire(self, key: str, session: str, value: bytes) -> bool:
        """Lock a key; False while another session holds it or its lock delay runs.

        True too where the session holds it already. Raises LeaseLost where the session is gone.
        """
        answer = self._transport.put(self._path(key), [("acquire", session)], value)
        if answer.status == 500 and "invalid session" in answer.body:
            raise LeaseLost(f"the session that was to lock `{key}` is gone")
        _require_success(answer, f"locking `{key}`")
        return answer.body.strip() == "true"

    def release(self, key: str, session: str) -> None:
        """Unlock a key and leave its value; the next one may lock it at once. Nothing where the
        session does not hold it."""
        entry = self.get(key)
        if entry is None or entry.session != session:
            return
        answer = self._transport.put(self._path(key), [("release", session)], entry.value)
        _require_success(answer, f"unlocking `{key}`")

    def holder(self, key: str) -> KvEntry | None:
        """The lock's key; its `session` is None where nobody holds it."""
        return self.get(key)

    def capabilities(self, writable: Sequence[str] = consul_check.WRITABLE) -> list[str]:
        """What this Consul or this token cannot do that the operator needs; [] where all is well.

        `writable` are the prefixes that must be writable, for `mode: observe` fewer. Leaves
        nothing behind, even where it is killed half-way (but for a session, which ends by
        itself). Raises Unavailable where Consul cannot be asked.
        """
        return consul_check.problems(self._transport, self._root, writable)

    def interrupt(self) -> None:
        """Make all calls that wait for Consul fail now, those of other threads too: a watch that
        is to be stopped has a client of its own."""
        self._transport.interrupt()

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self._transport.close()

    def _path(self, key: str) -> str:
        return f"/v1/kv/{self._root}{key}"

    def _tree(self, prefix: str, params: Sequence[tuple[str, str]]) -> KvTree:
        answer = self._transport.get(self._path(prefix), params)
        full = self._root + prefix
        entries = {
            raw["Key"].removeprefix(full): _entry(raw)
            for raw in _entries(answer, f"reading `{prefix}`")
        }
        return KvTree(index=answer.index, entries=entries)


def _entries(answer: Answer, operation: str) -> list[Any]:
    """The keys of an answer. A 404 is an empty tree only where Consul itself says so."""
    if answer.status != 404:
        _require_success(answer, operation)
    if "X-Consul-Index" not in answer.headers:
        raise Unavailable(f"{operation}: what answers is not Consul (no X-Consul-Index)")
    if answer.headers.get("X-Consul-KnownLeader") == "false":
        raise Unavailable(f"{operation}: Consul has no leader")
    if answer.status == 404:
        return []
    entries = _json(answer)
    if not isinstance(entries, list) or not all(
        isinstance(raw, dict) and isinstance(raw.get("Key"), str) for raw in entries
    ):
        raise Unavailable(f"{operation}: Consul's answer is not a list of keys")
    return entries


def _entry(raw: dict[str, Any]) -> KvEntry:
    return KvEntry(
        value=base64.b64decode(raw.get("Value") or ""),
        modify_index=int(raw.get("ModifyIndex") or 0),
        create_index=int(raw.get("CreateIndex") or 0),
        flags=int(raw.get("Flags") or 0),
        session=raw.get("Session") or None,
    )


def _require_success(answer: Answer, operation: str) -> None:
    if not 200 <= answer.status < 300:
        raise consul_errors.outside_error(answer.status, answer.body, operation)


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise Unavailable("Consul's answer is not JSON: it was cut off") from None


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _checked_root(root: str) -> str:
    path = root.strip("/")
    if not path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"{root!r} cannot be the root of the operator's keys")
    return f"{path}/"
