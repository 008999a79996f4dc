"""Transactions in Consul's own JSON (`PUT /v1/txn`), and their limits."""

import base64
import json
from collections.abc import Sequence
from typing import Final, assert_never

from swarm_operator.observed.errors import TooLarge
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import Delete, DeleteTree, Fence, KvOperation, Put, Unchanged

MAX_OPERATIONS: Final = 64
"""Of one transaction, the fence's included (Consul < 1.14; 128 since)."""

MAX_BODY_BYTES: Final = 512 * 1024
"""Of one transaction's JSON, where values are base64: about 390 kB of them (Consul's
`txn_max_req_len`)."""


def encoded(
    operations: Sequence[KvOperation], root: str, fence: Fence | None, fence_root: str | None = None
) -> bytes:
    """The body of a transaction. Raises TooLarge before Consul would.

    The fence's key is below `fence_root`; None: below `root` like the others.
    """
    count = len(operations) + (fence is not None)
    if count > MAX_OPERATIONS:
        raise TooLarge(f"{count} operations in one transaction; Consul takes {MAX_OPERATIONS}")
    head = [_fence(fence, root if fence_root is None else fence_root)] if fence else []
    body = json.dumps([*head, *(_operation(each, root) for each in operations)]).encode()
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(
            f"a transaction of {len(body)} bytes; Consul takes {MAX_BODY_BYTES}, which is about "
            "390 kB of values"
        )
    return body


def keys_of(operations: Sequence[KvOperation], fence: Fence | None) -> list[str]:
    """The key of each operation of `encoded`, in its order."""
    head = [fence.key] if fence else []
    return head + [each.prefix if isinstance(each, DeleteTree) else each.key for each in operations]


def _fence(fence: Fence, root: str) -> JsonObject:
    return {
        "KV": {"Verb": "check-session", "Key": root + fence.key, "Session": fence.session},
    }


def _operation(operation: KvOperation, root: str) -> JsonObject:
    match operation:
        case Put(key, value, None, flags):
            return _kv("set", root + key, value=value, flags=flags)
        case Put(key, value, index, flags):
            return _kv("cas", root + key, value=value, index=index, flags=flags)
        case Delete(key, None):
            return _kv("delete", root + key)
        case Delete(key, index):
            return _kv("delete-cas", root + key, index=index)
        case DeleteTree(prefix):
            if not prefix:
                raise ValueError("DeleteTree of everything")
            return _kv("delete-tree", root + prefix)
        case Unchanged(key, 0):
            return _kv("check-not-exists", root + key)
        case Unchanged(key, index):
            return _kv("check-index", root + key, index=index)
        case _:
            assert_never(operation)


def _kv(
    verb: str, key: str, *, value: bytes | None = None, index: int | None = None, flags: int = 0
) -> JsonObject:
    fields: JsonObject = {"Verb": verb, "Key": key}
    if value is not None:
        fields["Value"] = base64.b64encode(value).decode("ascii")
    if index is not None:
        fields["Index"] = index
    if flags:
        fields["Flags"] = flags
    return {"KV": fields}
