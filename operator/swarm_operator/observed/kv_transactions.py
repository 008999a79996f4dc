"""How much fits into one transaction of Consul, and cutting into pieces what needs several."""

from collections.abc import Iterable, Sequence
from typing import Final

from swarm_operator.observed.kv import DeleteTree, KvOperation, Put

MAX_OPERATIONS: Final = 64
"""Consul before 1.14; later ones take 128."""

MAX_BODY_B: Final = 520_000
"""Below Consul's 524,288 bytes (`txn_max_req_len`) for the request as a whole."""

_ENVELOPE_B: Final = 256
"""JSON around one operation, the root of the KV included."""


def size_b(operation: KvOperation) -> int:
    """Bytes of the request's body: values travel as base64."""
    key = operation.prefix if isinstance(operation, DeleteTree) else operation.key
    value = operation.value if isinstance(operation, Put) else b""
    return _ENVELOPE_B + len(key.encode()) + (len(value) + 2) // 3 * 4


def fits(operations: Sequence[KvOperation]) -> bool:
    """Whether one transaction takes them all."""
    return len(operations) <= MAX_OPERATIONS and sum(map(size_b, operations)) <= MAX_BODY_B


def filled_up(
    operations: Sequence[KvOperation], more: Iterable[KvOperation]
) -> tuple[KvOperation, ...]:
    """The operations, and as many of the others as fit beside them."""
    result = list(operations)
    body = sum(map(size_b, operations))
    for operation in more:
        body += size_b(operation)
        if len(result) >= MAX_OPERATIONS or body > MAX_BODY_B:
            break
        result.append(operation)
    return tuple(result)


def batches(
    operations: Iterable[KvOperation], *, operations_at_most: int = MAX_OPERATIONS
) -> tuple[tuple[KvOperation, ...], ...]:
    """The operations in their order, in as few transactions as they need.

    One that fits into none is alone in its own.
    """
    result: list[list[KvOperation]] = []
    body = 0
    for operation in operations:
        size = size_b(operation)
        if not result or len(result[-1]) >= operations_at_most or body + size > MAX_BODY_B:
            result.append([])
            body = 0
        result[-1].append(operation)
        body += size
    return tuple(map(tuple, result))
