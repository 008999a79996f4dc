"""`swarm-operator rollback`: the documents of a kept revision back into the KV."""

from datetime import UTC, datetime

import click

from desired_state.records import Revision
from swarm_operator.cli import kv_folder, output, revisions, rollout, stack_names, transactions
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation, who
from swarm_operator.cli.kv_folder import KvFolder
from swarm_operator.cli.push import listed
from swarm_operator.cli.remove import is_terminal
from swarm_operator.cli.restore import Restored, restored
from swarm_operator.cli.rollout import EXIT_CODES
from swarm_operator.cli.upload import Refused, Upload, came_by_push, refuse_beside_a_push, upload
from swarm_operator.cli.waiting import wait_options
from swarm_operator.observed.errors import Conflict
from swarm_operator.runtime.history import read_history

__all__ = ["EXIT_CODES", "command"]


@click.command("rollback", short_help="Go back to a kept revision of a stack.")
@click.argument("stack", shell_complete=complete_stack)
@click.option("--to", "number", type=click.IntRange(min=1), metavar="N", help="Its number.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_options(timeout="10m", what=rollout.HELP)
@pass_invocation
def command(
    invocation: Invocation,
    /,
    stack: str,
    number: int | None,
    yes: bool,
    wait: bool,
    timeout_s: float,
) -> None:
    """Write the documents of a kept revision back into the KV, in place of those of now.

    Without --to: the newest one that differs from them. The operator then acts as on a push.
    Secret files are not kept in the history: those that lie in the KV stay and are used.
    Exit codes with --wait as of `push --wait`.
    """
    kv = invocation.kv
    folder = kv_folder.read(kv, stack)
    revision = _chosen(kv, folder, number)
    name = f"revision {revision.number} of {revision.when:%Y-%m-%d %H:%M:%S} UTC"
    if revision.who:
        name += f", pushed by {revision.who}"
    kept = revisions.files_of(kv, stack, revision)
    target = _whole(folder, kept, name)
    try:
        planned = _upload(folder, target, kept)
        if planned.transactions:
            _confirm(stack, name, planned, yes=yes)
            transactions.commit(kv, planned.transactions, f"`rollback {stack}` again")
    except (Refused, Conflict) as problem:
        raise click.ClickException(f"{stack}: {problem}") from None
    did = _did(planned) if planned.transactions else "the KV holds just that already"
    click.echo(f"{stack}: back to {name}; {did}")
    if wait:
        code = rollout.follow(kv, [rollout.goal(kv, stack, planned)], timeout_s)
        raise click.exceptions.Exit(code)


def _chosen(kv: WatchedKv, folder: KvFolder, number: int | None) -> Revision:
    kept = read_history(kv, folder.stack)
    if not kept.revisions:
        stack_names.require(kv, folder.stack)
    if number is not None:
        return revisions.numbered(kept, folder.stack, number)
    # Of refused documents it is not known what they name: then every kept revision is another one.
    return revisions.newest_other(kv, kept, folder.stack, folder.parsed.kept)


def _whole(folder: KvFolder, kept: dict[str, bytes], name: str) -> Restored:
    """Ends the command where the folder would be refused, as for want of a secret file."""
    target = restored(folder.stack, folder.files, folder.parsed.kept, kept)
    if target.parsed.specs is None:
        output.problems(target.parsed.problems, folder.stack)
        raise click.ClickException(
            f"{folder.stack}: {name} cannot stand as it was (secret files are not in the history); "
            "nothing was written. Push the stack from your folder"
        )
    return target


def _upload(folder: KvFolder, target: Restored, kept: dict[str, bytes]) -> Upload:
    person, now = who(), datetime.now(UTC)
    refuse_beside_a_push(folder.stack, folder.tree, person, now)
    pushed = came_by_push(folder.stack, folder.tree) | kept.keys()
    files = {path: data for path, data in target.files.items() if path in pushed}
    return upload(
        folder.stack, folder.tree, files, who=person, now=now, force=True, gone=target.gone
    )


def _confirm(stack: str, name: str, planned: Upload, *, yes: bool) -> None:
    if yes or not is_terminal():
        return
    lines = [f"write {listed(planned.written)}"] if planned.written else []
    lines += [f"delete {listed(planned.deleted)}"] if planned.deleted else []
    click.confirm(f"{stack} back to {name} ({'; '.join(lines) or 'mark it'})?", abort=True)


def _did(planned: Upload) -> str:
    parts = [f"wrote {listed(planned.written)}"] if planned.written else []
    parts += [f"deleted {listed(planned.deleted)}"] if planned.deleted else []
    return "; ".join(parts) or "marked as pushed"
