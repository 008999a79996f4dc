"""`/v1/txn` (Consul's agent/txn_endpoint.go)."""

import base64
import binascii
import json
from typing import Any, Final

from swarm_operator.simulation.kv.answers import read_headers
from swarm_operator.simulation.kv.http import (
    JSON_HEADERS,
    MAX_DEPTH,
    Rejected,
    Request,
    Response,
    whole_text,
)
from swarm_operator.simulation.kv.kv_endpoint import MAX_VALUE_BYTES, too_large
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv.options import UINT64, Options
from swarm_operator.simulation.kv.session_endpoint import go_kind
from swarm_operator.simulation.kv.transactions import (
    MAX_OPERATIONS,
    WRITES,
    Operation,
    Outcome,
)

MAX_BODY_BYTES: Final = 512 * 1024
KINDS: Final = {"kv": "KV", "node": "Node", "service": "Service", "check": "Check"}
FIELDS: Final = {
    "verb": "Verb",
    "key": "Key",
    "value": "Value",
    "flags": "Flags",
    "index": "Index",
    "session": "Session",
    "namespace": "Namespace",
}


class TxnEndpoint:
    """Serves transactions of keys."""

    def __init__(self, kv: Kv) -> None:
        self._kv = kv

    def handle(self, request: Request, _options: Options) -> Response:
        if len(request.body) > MAX_BODY_BYTES:
            raise too_large(len(request.body), MAX_BODY_BYTES, "txn_max_req_len")
        operations = _operations(request.body)
        outcome = self._kv.transactions.apply(operations)
        shown = _shown(outcome)
        headers = dict(JSON_HEADERS)
        if not any(each.verb in WRITES for each in operations):
            # Such a transaction is answered without raft, like a read.
            shown |= {"Index": 0, "LastContact": 0, "KnownLeader": True, "ConsistencyLevel": ""}
            headers |= read_headers(0)
            del headers["X-Consul-Index"]
        return Response(409 if outcome.failures else 200, headers, shown)


def _shown(outcome: Outcome) -> dict[str, object]:
    if outcome.failures:
        errors = [{"OpIndex": each.index, "What": each.what} for each in outcome.failures]
        return {"Results": None, "Errors": errors}
    return {"Results": list(outcome.results), "Errors": None}


def _operations(body: bytes) -> list[Operation]:
    operations = _decoded(body)
    if operations is None:
        return []
    if not isinstance(operations, list):
        raise _unparsed(_mismatch(operations, "Go value of type api.TxnOps"))
    found = [each for each in map(_operation, operations) if each is not None]
    if len(operations) > MAX_OPERATIONS:
        raise Rejected(
            413,
            f"Transaction contains too many operations ({len(operations)} > {MAX_OPERATIONS})",
        )
    for each in found:
        if len(each.value) > MAX_VALUE_BYTES:
            raise Rejected(
                413,
                f'Value for key "{each.key}" is too large '
                f"({len(each.value)} > {MAX_VALUE_BYTES} bytes)",
            )
    return found


def _decoded(body: bytes) -> Any:
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise _unparsed("EOF")
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        raise _unparsed("unexpected EOF") from None
    except RecursionError:
        raise _unparsed(MAX_DEPTH) from None


def _operation(raw: Any) -> Operation | None:
    """None where it holds nothing at all: Consul does not mind."""
    if not isinstance(raw, dict):
        raise _unparsed(_mismatch(raw, "Go value of type api.TxnOp"))
    operation = None
    for name, value in raw.items():
        if name.lower() not in KINDS:
            raise _unparsed(f'json: unknown field "{name}"')
        if value is None:
            continue
        if name.lower() != "kv":
            raise Rejected(
                501, f"the simulated Consul has no {KINDS[name.lower()]} in transactions"
            )
        operation = _kv_operation(value)
    return operation


def _kv_operation(raw: Any) -> Operation:
    if not isinstance(raw, dict):
        raise _unparsed(_mismatch(raw, "Go struct field TxnOp.KV of type api.KVTxnOp"))
    fields: dict[str, Any] = {}
    for name, value in raw.items():
        if name.lower() not in FIELDS:
            raise _unparsed(f'json: unknown field "{name}"')
        fields[name.lower()] = value
    return Operation(
        verb=_text(fields, "verb", "api.KVOp"),
        key=_text(fields, "key", "string"),
        value=_bytes(_text(fields, "value", "[]uint8")),
        flags=_number(fields, "flags"),
        index=_number(fields, "index"),
        session=_text(fields, "session", "string"),
    )


def _text(fields: dict[str, Any], name: str, kind: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unparsed(
            _mismatch(value, f"Go struct field KVTxnOp.KV.{FIELDS[name]} of type {kind}")
        )
    return whole_text(value)


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if value is None:
        return 0
    if type(value) is int and 0 <= value < UINT64:
        return value
    what = f"number {value}" if go_kind(value) == "number" else go_kind(value)
    raise _unparsed(
        f"json: cannot unmarshal {what} into Go struct field KVTxnOp.KV.{FIELDS[name]} "
        "of type uint64"
    )


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        at = next((n for n, char in enumerate(text) if char not in alphabet), len(text))
        raise _unparsed(f"illegal base64 data at input byte {at}") from None


def _mismatch(value: Any, target: str) -> str:
    return f"json: cannot unmarshal {go_kind(value)} into {target}"


def _unparsed(why: str) -> Rejected:
    return Rejected(400, f"Failed to parse body: {why}")
