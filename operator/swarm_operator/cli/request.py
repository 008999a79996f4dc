"""Wishes to the lease holder: written below `desired/requests/`, taken away by the operator."""

import difflib
import time
from datetime import UTC, datetime
from typing import Final

import click

from desired_state import keys
from desired_state.records import Request, StackStatus
from swarm_operator.cli.invocation import WatchedKv, who
from swarm_operator.observed.kv import Put

ONE_WAIT_S: Final = 30.0


def stack_status(kv: WatchedKv, stack: str) -> StackStatus:
    """What the operator says of a stack. Raises click.ClickException where it says nothing."""
    entry = kv.get(keys.stack_status_key(stack))
    status = StackStatus.parse(entry.value) if entry else None
    if status is not None:
        return status
    prefix = keys.stack_status_key("")
    near = difflib.get_close_matches(stack, list(kv.read(prefix).entries), 1)
    hint = f"did you mean {near[0]}?" if near else "`swarm-operator status` lists those it knows"
    raise click.ClickException(f"the operator knows no stack {stack}; {hint}")


def checked_target(kv: WatchedKv, target: str) -> None:
    """Raises click.UsageError or click.ClickException where STACK[/SERVICE] names nothing that the
    operator knows."""
    stack, slash, service = target.partition("/")
    if not stack or (slash and not service) or "/" in service:
        raise click.UsageError("write STACK or STACK/SERVICE")
    status = stack_status(kv, stack)
    full_name = f"{stack}_{service.removeprefix(f'{stack}_')}"
    if service and full_name not in status.services:
        known = ", ".join(name.removeprefix(f"{stack}_") for name in sorted(status.services))
        raise click.ClickException(f"{stack} has no service {service}; it has: {known or 'none'}")


def write(
    kv: WatchedKv,
    verb: str,
    target: str,
    *,
    digest: str = "",
    names: tuple[str, ...] = (),
    reason: str = "",
    until: datetime | None = None,
) -> int:
    """Write a wish; returns its ModifyIndex."""
    key = keys.DESIRED + keys.request_key(verb, target)
    request = Request(
        who=who(),
        when=datetime.now(UTC),
        digest=digest,
        names=names,
        reason=reason,
        until=until,
    )
    kv.commit([Put(key, request.encode())])
    entry = kv.get(key)
    return entry.modify_index if entry else 0


def wait_until_taken(kv: WatchedKv, verb: str, target: str, index: int, timeout_s: float) -> None:
    """Return once the operator took the wish away (or another took its place).

    Raises click.ClickException when `timeout_s` have passed.
    """
    key = keys.DESIRED + keys.request_key(verb, target)
    end = time.monotonic() + timeout_s
    seen = 0
    while (remaining := end - time.monotonic()) > 0:
        entry = kv.get(key)
        if entry is None or (index and entry.modify_index != index):
            return
        # All requests are watched, not this key: a missing key is woken by any write.
        tree = kv.watch(keys.DESIRED + keys.REQUESTS, seen, min(ONE_WAIT_S, remaining))
        seen = tree.index
    raise click.ClickException(
        f"the operator did not take the request within {timeout_s:g} s; it stays written. Does an "
        "operator hold the lease? `swarm-operator status` says so"
    )
