"""The start-up check: can this Consul, with this token, do what the operator needs?

The probes are transactions that set and delete a key in one: nobody ever sees the key.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from swarm_operator.clients import consul_errors
from swarm_operator.clients.consul_transport import Answer, Transport
from swarm_operator.observed.errors import Unavailable

PROBE: Final = ".check"
READABLE: Final = "desired/"
LOCK: Final = "lock/"
WRITABLE: Final = ("status/", LOCK)
SESSION_TTL: Final = "10s"


def problems(transport: Transport, root: str, writable: Sequence[str]) -> list[str]:
    """What is missing, in clear sentences. Raises Unavailable where Consul gives no answer."""
    found = _read_problems(transport, root)
    for prefix in writable:
        key = f"{root}{prefix}{PROBE}"
        answer = _transaction(transport, [_set(key), _delete(key)])
        found += _write_problems(answer, f"{root}{prefix}")
    if LOCK in writable:
        found += _session_problems(transport, root)
    return list(dict.fromkeys(found))


def _read_problems(transport: Transport, root: str) -> list[str]:
    # A single key is denied aloud; a denied prefix just looks empty.
    prefix = f"{root}{READABLE}"
    one = _answered(transport.get(f"/v1/kv/{prefix}{PROBE}"))
    if one.status == 403:
        return [_denied(f"read `{prefix}`", one)]
    many = _answered(transport.get(f"/v1/kv/{prefix}", [("keys", "1"), ("separator", "/")]))
    if many.status == 403:
        return [_denied(f'list `{prefix}` (policy "list" is needed)', many)]
    return [_unexpected("reads", each) for each in (one, many) if each.status not in (200, 404)][:1]


def _write_problems(answer: Answer, prefix: str) -> list[str]:
    if answer.status == 200:
        return []
    if answer.status == 403 or "denied" in answer.body.lower():
        return [_denied(f"write `{prefix}`", answer)]
    return [_unexpected("transactions", answer)]


def _session_problems(transport: Transport, root: str) -> list[str]:
    body = {"Name": "swarm-operator check", "TTL": SESSION_TTL, "LockDelay": "0s"}
    body |= {"Checks": [], "NodeChecks": []}  # type: ignore[dict-item]
    created = _answered(transport.put("/v1/session/create", body=json.dumps(body)))
    if created.status == 403:
        return [_denied("create sessions (session:write is needed)", created)]
    if created.status != 200:
        return [_unexpected("sessions", created)]
    session = created.json()["ID"]
    try:
        return _fence_problems(transport, f"{root}{LOCK}{PROBE}", session)
    finally:
        transport.put(f"/v1/session/destroy/{session}")


def _fence_problems(transport: Transport, key: str, session: str) -> list[str]:
    """Whether a transaction can lock, see that it holds, and is refused where it does not."""
    lock = _verb("lock", key, Session=session, Value="")
    check = _verb("check-session", key, Session=session)
    held = _transaction(transport, [lock, check, _delete(key)])
    if held.status != 200:
        if "denied" in held.body.lower():
            return []  # said already by the probe of the prefix
        return [_unexpected("locks in transactions", held)]
    free = _transaction(transport, [check])
    return [] if free.status == 409 else [_unexpected("`check-session` in transactions", free)]


def _transaction(transport: Transport, operations: list[dict[str, Any]]) -> Answer:
    return _answered(transport.put("/v1/txn", body=json.dumps(operations)))


def _answered(answer: Answer) -> Answer:
    if answer.status >= 500 or answer.status == 429:
        error = consul_errors.outside_error(answer.status, answer.body, "checking Consul")
        raise error if isinstance(error, Unavailable) else Unavailable(str(error))
    return answer


def _set(key: str) -> dict[str, Any]:
    return _verb("set", key, Value=base64.b64encode(b"check").decode("ascii"))


def _delete(key: str) -> dict[str, Any]:
    return _verb("delete", key)


def _verb(verb: str, key: str, **fields: str) -> dict[str, Any]:
    return {"KV": {"Verb": verb, "Key": key, **fields}}


def _denied(what: str, answer: Answer) -> str:
    if "acl not found" in answer.body.lower():
        return "Consul does not know the token (it was deleted, or belongs to another Consul)"
    return f"the token may not {what}"


def _unexpected(what: str, answer: Answer) -> str:
    return f"this Consul does not support {what} as needed: {_what(answer)}"


def _what(answer: Answer) -> str:
    return str(consul_errors.outside_error(answer.status, answer.body, str(answer.status)))
