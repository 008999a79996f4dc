"""The names of stacks that anything is known of."""

import difflib

import click

from desired_state import keys
from swarm_operator.runtime.ports import KvPort


def require(kv: KvPort, stack: str) -> None:
    """Raises click.ClickException where the stack has neither a folder nor a status."""
    if kv.get(keys.stack_status_key(stack)) is not None:
        return
    if kv.read(keys.DESIRED + keys.stack_folder(stack)).entries:
        return
    raise click.ClickException(f"there is no stack {stack} in the KV{did_you_mean(kv, stack)}")


def did_you_mean(kv: KvPort, stack: str) -> str:
    """The end of a message about a name that is unknown."""
    parsed = (
        keys.parse_stack_key(f"{keys.STACKS}{key}")
        for key in kv.read(keys.DESIRED + keys.STACKS).entries
    )
    known = {found.stack for found in parsed if found}
    known |= kv.read(keys.stack_status_key("")).entries.keys()
    near = difflib.get_close_matches(stack, sorted(known), 1)
    return f"; did you mean {near[0]}?" if near else ""
