"""Writing what needs several transactions of Consul."""

from collections.abc import Sequence

from swarm_operator.observed.errors import Conflict, OutsideError
from swarm_operator.observed.kv import KvOperation
from swarm_operator.observed.kv_transactions import MAX_BODY_B, batches, filled_up, fits
from swarm_operator.runtime.ports import KvPort

__all__ = ["MAX_BODY_B", "batches", "commit", "filled_up", "fits"]


def commit(
    kv: KvPort, transactions: Sequence[Sequence[KvOperation]], again: str = "push again"
) -> None:
    """Write them one after another.

    Raises Conflict and the KV's other errors, with `again` as advice where a part is written.
    """
    for number, operations in enumerate(transactions):
        begun = f"; its first parts are written: {again}" if number else ""
        try:
            kv.commit(operations)
        except Conflict:
            raise Conflict(f"somebody wrote to the folder at this very moment{begun}") from None
        except OutsideError as error:
            raise type(error)(f"{error}{begun}") from None
