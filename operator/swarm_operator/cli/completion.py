"""Completion of names in the shell: what the operator knows, asked for quickly, or nothing."""

import logging
from collections.abc import Iterable, Mapping

import click
from click.shell_completion import CompletionItem

from desired_state import keys
from desired_state.records import StackStatus
from swarm_operator.cli.invocation import Invocation
from swarm_operator.observed.errors import OutsideError
from swarm_operator.settings import SettingsError

_NOT_FLAGS = frozenset({"config"})


def complete_stack(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of stacks; of several each once."""
    given = ctx.params.get(param.name or "") if param.nargs == -1 else None
    return _beginning(_statuses(ctx).keys() - set(given or ()), incomplete)


def complete_stack_or_folder(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of stacks; where a path begins, the shell's own folders."""
    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="dir")]
    return [CompletionItem(name) for name in complete_stack(ctx, param, incomplete)]


def complete_target(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """STACK, and STACK/SERVICE once there is a slash."""
    statuses = _statuses(ctx)
    stack, slash, _ = incomplete.partition("/")
    if not slash:
        return _beginning(statuses, incomplete)
    services = statuses[stack].services if stack in statuses else {}
    return _beginning(
        (f"{stack}/{name.removeprefix(f'{stack}_')}" for name in services), incomplete
    )


def complete_service(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Full names of services."""
    services = (name for status in _statuses(ctx).values() for name in status.services)
    return _beginning(services, incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in set(names) if name.startswith(incomplete))


def _statuses(ctx: click.Context) -> Mapping[str, StackStatus]:
    """What the operator wrote of the stacks: small, where the documents may be megabytes.

    Nobody wants to read an error while typing: without an answer there is nothing to complete.
    """
    logging.getLogger().addHandler(logging.NullHandler())
    root = ctx.find_root()
    flags = {name: value for name, value in root.params.items() if name not in _NOT_FLAGS}
    try:
        invocation = Invocation(root.params.get("config"), flags, root.obj, is_hasty=True)
        entries = invocation.kv.read(keys.stack_status_key("")).entries
    except (OutsideError, SettingsError, OSError, ValueError):
        return {}
    parsed = {name: StackStatus.parse(entry.value) for name, entry in entries.items()}
    return {name: status for name, status in parsed.items() if status is not None}
