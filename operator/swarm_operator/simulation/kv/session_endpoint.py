"""`/v1/session/…` (Consul's agent/session_endpoint.go)."""

import json
import math
from collections.abc import Callable
from typing import Any, Final

from swarm_operator.simulation.kv import durations
from swarm_operator.simulation.kv.answers import read_answer, read_headers, true_or_false
from swarm_operator.simulation.kv.http import (
    JSON_HEADERS,
    MAX_DEPTH,
    Outcome,
    Rejected,
    Request,
    Response,
    whole_text,
)
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv.options import Options
from swarm_operator.simulation.kv.sessions import (
    MAX_TTL_S,
    MIN_TTL_S,
    Session,
    SessionRefused,
)

SERF: Final = "serfHealth"
NANOSECOND: Final = 1e-9
SECONDS_BELOW: Final = 1000
"""A lock delay below this many nanoseconds was meant in seconds (lockDelayMinThreshold)."""


class SessionEndpoint:
    """Serves sessions."""

    def __init__(self, kv: Kv) -> None:
        self._kv = kv

    def create(self, request: Request, _options: Options) -> Response:
        wanted = self._wanted(request.body)
        session = self._kv.sessions.create(wanted)
        return Response(200, JSON_HEADERS, {"ID": session.id})

    def destroy(self, request: Request, _options: Options) -> Response:
        session_id = _last_part(request, "Missing session")
        try:
            self._kv.sessions.checked(session_id)
        except SessionRefused as error:
            self._kv.store.next_index()
            raise Rejected(500, str(error)) from None
        self._kv.sessions.destroy(session_id)
        return true_or_false(True)

    def renew(self, request: Request, _options: Options) -> Response:
        session_id = _last_part(request, "Missing session")
        try:
            self._kv.sessions.checked(session_id)
        except SessionRefused as error:
            raise Rejected(500, str(error)) from None
        session = self._kv.sessions.renew(session_id)
        if session is None:
            raise Rejected(404, f"Session id '{session_id}' not found")
        return Response(200, JSON_HEADERS, [self._shown(session)])

    def info(self, request: Request, options: Options) -> Outcome:
        session_id = _last_part(request, "Missing session")
        try:
            self._kv.sessions.checked(session_id)
        except SessionRefused as error:
            raise Rejected(500, str(error), read_headers(1, has_leader=False)) from None
        return self._read(options, lambda each: each.id == session_id.lower())

    def all(self, _request: Request, options: Options) -> Outcome:
        return self._read(options, lambda _: True)

    def of_node(self, request: Request, options: Options) -> Outcome:
        node = _last_part(request, "Missing node name")
        return self._read(options, lambda _: node == self._kv.server.node)

    def _read(self, options: Options, is_wanted: Callable[[Session], bool]) -> Outcome:
        sessions = self._kv.sessions

        def read() -> Response:
            shown = [self._shown(each) for each in sessions.all() if is_wanted(each)]
            return Response(200, read_headers(sessions.index) | JSON_HEADERS, shown)

        return read_answer(self._kv, options, lambda: max(sessions.index, 1), sessions.wait, read)

    def _shown(self, session: Session) -> dict[str, object]:
        return {
            "ID": session.id,
            "Name": session.name,
            "Node": self._kv.server.node,
            "LockDelay": round(session.lock_delay_s / NANOSECOND),
            "Behavior": session.behaviour,
            "TTL": session.ttl,
            "NodeChecks": None if session.node_checks is None else list(session.node_checks),
            "ServiceChecks": None if session.service_checks is None else [],
            "CreateIndex": session.create_index,
            "ModifyIndex": session.create_index,
        }

    def _wanted(self, body: bytes) -> Session:
        fields = _fields(body)
        behaviour = _text(fields, "Behavior") or "release"
        if behaviour not in ("release", "delete"):
            raise Rejected(500, f"Invalid Behavior setting '{behaviour}'")
        if (fields.get("node") or self._kv.server.node) != self._kv.server.node:
            raise Rejected(500, "Missing node registration")
        ttl = _text(fields, "TTL")
        lock_delay_s = _lock_delay_s(fields.get("lockdelay"))
        return Session(
            id="",
            name=_text(fields, "Name"),
            ttl=ttl,
            ttl_s=_ttl_s(ttl),
            lock_delay_s=lock_delay_s,
            behaviour="delete" if behaviour == "delete" else "release",
            node_checks=_node_checks(fields),
            service_checks=_service_checks(fields),
        )


def _last_part(request: Request, otherwise: str) -> str:
    part = request.path.split("/", 4)[-1]
    if not part:
        raise Rejected(400, otherwise)
    return part


def _fields(body: bytes) -> dict[str, Any]:
    """The request's JSON with names in lower case: Go does not mind their case."""
    if not body:
        return {}
    try:
        fields = json.loads(body)
    except ValueError:
        raise Rejected(400, "Request decode failed: unexpected EOF") from None
    except RecursionError:
        raise Rejected(400, f"Request decode failed: {MAX_DEPTH}") from None
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise Rejected(
            400,
            f"Request decode failed: json: cannot unmarshal {go_kind(fields)} into Go value of "
            "type struct { LockDelay interface {}; *structs.Alias }",
        )
    return {name.lower(): value for name, value in fields.items()}


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name.lower())
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Rejected(
            400,
            f"Request decode failed: json: cannot unmarshal {go_kind(value)} into Go struct "
            f"field .{name} of type string",
        )
    return whole_text(value)


def _lock_delay_s(value: Any) -> float:
    if isinstance(value, str):
        try:
            nanoseconds = durations.parse(value)
        except ValueError as error:
            raise Rejected(400, f"Request decode failed: {error}") from None
    elif isinstance(value, int | float) and math.isfinite(value):
        nanoseconds = int(value)
    else:
        return 15.0
    return float(nanoseconds) if nanoseconds < SECONDS_BELOW else nanoseconds * NANOSECOND


def _ttl_s(ttl: str) -> float:
    if not ttl:
        return 0.0
    try:
        nanoseconds = durations.parse(ttl)
    except ValueError as error:
        raise Rejected(500, f"Session TTL '{ttl}' invalid: {error}") from None
    seconds = nanoseconds * NANOSECOND
    if nanoseconds and not MIN_TTL_S <= seconds <= MAX_TTL_S:
        raise Rejected(500, f"Invalid Session TTL '{nanoseconds}', must be between [10s=24h0m0s]")
    return seconds


def _node_checks(fields: dict[str, Any]) -> tuple[str, ...] | None:
    if "checks" in fields:
        given: Any = fields["checks"] or []
    elif "nodechecks" in fields:
        given = fields["nodechecks"]
    else:
        given = [SERF]
    if given is None:
        return None
    for check in given:
        if check != SERF:
            raise _missing_check(check)
    return tuple(given)


def _service_checks(fields: dict[str, Any]) -> tuple[()] | None:
    given = fields.get("servicechecks")
    for check in given or ():
        raise _missing_check(check.get("ID", "") if isinstance(check, dict) else check)
    return None if given is None else ()


def _missing_check(check: Any) -> Rejected:
    return Rejected(500, f"Missing check '{check}' registration")


def go_kind(value: Any) -> str:
    """How Go's encoding/json calls what it found."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
