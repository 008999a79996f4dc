"""`swarm-operator history`: the revisions of a stack that can be gone back to."""

from datetime import UTC, datetime

import click
from rich.table import Table

from desired_state.records import History
from swarm_operator.cli import kv_folder, output, stack_names
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.cli.moments import age
from swarm_operator.runtime.history import read_history


@click.command("history", short_help="List the kept revisions of a stack.")
@click.argument("stack", shell_complete=complete_stack)
@output.format_option("table", "json")
@pass_invocation
def command(invocation: Invocation, /, stack: str, output_format: str) -> None:
    """List the kept revisions of a stack, the newest first.

    The operator keeps the last ten: documents and the files that they name, never secrets. One is
    kept when the stack is first Ready with it; `*` marks the one that the KV holds now.
    """
    kv = invocation.kv
    kept = read_history(kv, stack)
    if not kept.revisions:
        stack_names.require(kv, stack)
    current = kv_folder.read(kv, stack).revision
    if output_format == "json":
        output.json(_as_json(stack, kept, current))
    elif kept.revisions:
        output.table(_table(kept, current))
    else:
        click.echo(f"{stack}: nothing is kept yet; a revision is kept once the stack is Ready")


def _as_json(stack: str, kept: History, current: str) -> dict[str, object]:
    revisions = [
        {**revision.model_dump(mode="json"), "current": revision.revision == current}
        for revision in reversed(kept.revisions)
    ]
    return {"stack": stack, "revision": current, "revisions": revisions}


def _table(kept: History, current: str) -> Table:
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "NUMBER", "READY", "AGE", "PUSHED BY", "REVISION", "FILES"):
        table.add_column(column, no_wrap=column != "FILES", overflow="fold")
    for revision in reversed(kept.revisions):
        table.add_row(
            "*" if revision.revision == current else "",
            str(revision.number),
            f"{revision.when:%Y-%m-%d %H:%M:%S}",
            age(revision.when, now),
            revision.who or "-",
            revision.revision[:12],
            ", ".join(revision.files),
        )
    return table
