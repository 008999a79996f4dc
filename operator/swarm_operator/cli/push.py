"""`swarm-operator push`: folders from disk into the KV."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from desired_state import keys
from desired_state.folder import VARIABLES_FILE, StackFolder
from desired_state.load import load_stack
from desired_state.loaded import LoadedStack
from desired_state.problems import DocumentRefused
from swarm_operator.cli import output, rollout, route_input, stack_input, transactions
from swarm_operator.cli.invocation import Invocation, pass_invocation, who
from swarm_operator.cli.rollout import EXIT_CODES, Goal
from swarm_operator.cli.stack_input import StackInput
from swarm_operator.cli.upload import Refused, Upload, upload
from swarm_operator.cli.waiting import wait_options
from swarm_operator.observed.errors import Conflict
from swarm_operator.plan.routes.offline import Readings
from swarm_operator.runtime.ports import KvPort

__all__ = ["EXIT_CODES", "command", "files_of", "listed"]

SHOWN: Final = 10
"""Paths of a folder that are named; of the others only their number."""


@click.command("push", short_help="Write stacks from disk into the KV.")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    metavar="FOLDER…",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--force", is_flag=True, help="Write over what somebody else changed in the KV.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@wait_options(timeout="10m", what=rollout.HELP)
@pass_invocation
def command(
    invocation: Invocation,
    /,
    folders: tuple[Path, ...],
    force: bool,
    dry_run: bool,
    wait: bool,
    timeout_s: float,
) -> None:
    """Write stacks from disk into the KV; the operator acts on them at once.

    A FOLDER's name is its stack's name. Its Compose document and the files that the document names
    are written, and those that an earlier push wrote and the document names no more are deleted.
    All folders are checked before the first write. A push that would undo what somebody changed in
    the KV since the last one is refused. So is a fault in `x-operator.routes`; of Traefik's labels
    that would not be published it warns only, for they hold no task up.

    With --wait the rollout is followed on standard error. Exit code 0: all are Ready with what was
    pushed; 1: one was refused, rolled back or cannot be; 3: not decided within the timeout.
    """
    if wait and dry_run:
        raise click.UsageError("--dry-run writes nothing to wait for")
    routes = route_input.with_documents(route_input.readings(invocation), invocation)
    stacks = _checked(folders, routes)
    kv = invocation.kv
    failed = False
    goals: list[Goal] = []
    for stack in stacks:
        name = stack.files.folder.name
        try:
            done = _push(kv, name, files_of(stack), force=force, dry_run=dry_run)
            click.echo(f"{name}: {_summary(done, dry_run)}")
            if wait:
                goals.append(rollout.goal(kv, name, done))
        except (Refused, Conflict) as problem:
            failed = True
            output.error(f"{name}: {problem}")
    if kv.get(keys.DESIRED + keys.INSTALLATION) is None:
        output.warn(
            "this KV has no desired/.installation: no operator acts on it until it, or "
            "`swarm-operator init`, has made one (is --root right?)"
        )
    code = rollout.follow(kv, goals, timeout_s) if wait and goals else 0
    if failed or code:
        raise click.exceptions.Exit(1 if failed else code)


def files_of(stack: StackInput) -> dict[str, bytes]:
    """What of a folder belongs into the KV: the documents and the files that they name, and the
    `.env` where it makes a difference."""
    read = dict(stack.files.disk.read)
    if VARIABLES_FILE in read and VARIABLES_FILE not in stack.loaded.files:
        without = {path: content for path, content in read.items() if path != VARIABLES_FILE}
        if _loads_the_same(stack.loaded, without):
            return without
    return read


def _loads_the_same(loaded: LoadedStack, files: dict[str, bytes]) -> bool:
    try:
        return load_stack(StackFolder(loaded.name, files)).document == loaded.document
    except DocumentRefused:
        return False


def _checked(folders: tuple[Path, ...], routes: Readings | None) -> list[StackInput]:
    """All folders, read; every problem of every one is said before the command ends."""
    stacks, failed = [], False
    for folder in dict.fromkeys(folders):
        try:
            stacks.append(stack_input.read((str(folder),), None, None, routes))
        except click.exceptions.Exit:
            failed = True
    names = [stack.files.folder.name for stack in stacks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.UsageError(f"two folders have the name {twice[0]}: they are one stack")
    if failed:
        output.note("nothing was pushed")
        raise click.exceptions.Exit(1)
    return stacks


def _push(kv: KvPort, stack: str, files: dict[str, bytes], *, force: bool, dry_run: bool) -> Upload:
    tree = kv.read(keys.DESIRED + keys.stack_folder(stack))
    planned = upload(stack, tree, files, who=who(), now=datetime.now(UTC), force=force)
    if not dry_run:
        transactions.commit(kv, planned.transactions)
    return planned


def _summary(done: Upload, dry_run: bool) -> str:
    if not done.transactions:
        return "unchanged"
    if not done.written and not done.deleted:
        return "would only be marked as pushed" if dry_run else "unchanged, marked as pushed"
    parts = []
    if done.written:
        parts.append(f"{'would write' if dry_run else 'wrote'} {listed(done.written)}")
    if done.deleted:
        parts.append(f"{'would delete' if dry_run else 'deleted'} {listed(done.deleted)}")
    count = len(done.transactions)
    return "; ".join(parts) + (f" (in {count} transactions)" if count > 1 else "")


def listed(paths: tuple[str, ...]) -> str:
    """Paths for people: the first ones, and how many more."""
    more = len(paths) - SHOWN
    return ", ".join(paths[:SHOWN]) + (f" and {more} more" if more > 0 else "")
