"""What goes into one transaction of Consul, beside the proof of leadership and the stamp."""

from collections.abc import Sequence
from typing import Final

from swarm_operator.observed.kv import KvOperation
from swarm_operator.observed.kv_transactions import MAX_BODY_B, MAX_OPERATIONS, size_b

MAX_KEYS: Final = MAX_OPERATIONS - 2
"""Operations that are left for routes."""

MAX_B: Final = MAX_BODY_B - 1024
"""Bytes that are left for them, as `size_b` counts."""


def holds(count: int) -> bool:
    """Whether so many operations go into one transaction."""
    return count <= MAX_KEYS


def fits(operations: Sequence[KvOperation]) -> bool:
    """Whether they go into one transaction together."""
    return holds(len(operations)) and sum(map(size_b, operations)) <= MAX_B
