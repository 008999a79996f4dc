"""The last look before a stack is removed: is its document really not there?

A recursive read leaves out what the token may not see, without a word (Consul's ACLs, unless the agent
has `enable_key_list_policy`). A single key that may not be read is refused instead.
"""

from desired_state import keys
from desired_state.folder import DOCUMENT_NAMES
from swarm_operator.observed.errors import Denied
from swarm_operator.runtime.ports import KvPort


def why_not_gone(kv: KvPort, stack: str, *, outlived_at: int = 0) -> str | None:
    """Why the removal has no evidence; None where it has.

    `outlived_at` is the raft index of a tombstone: a document older than that is no objection; 0
    stands for no tombstone. Raises what the KV raises, but Denied.
    """
    for name in DOCUMENT_NAMES:
        key = f"{keys.DESIRED}{keys.stack_key(stack, name)}"
        try:
            entry = kv.get(key)
        except Denied:
            return f"whether {key} exists cannot be known: the operator's token may not read it"
        if entry is not None and entry.modify_index > outlived_at:
            return f"{key} exists, though the listing of {keys.DESIRED} did not show it"
    return None
