"""`swarm-operator diff`: the KV against the swarm, a folder against the KV, or a kept revision
against now."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from swarm_operator.cli import (
    kv_folder,
    output,
    plan,
    plan_names,
    plan_view,
    revisions,
    stack_input,
    stack_names,
)
from swarm_operator.cli.completion import complete_stack_or_folder
from swarm_operator.cli.folder_diff import FileDiff, folder_diff
from swarm_operator.cli.invocation import Invocation, pass_invocation, who
from swarm_operator.cli.push import files_of
from swarm_operator.cli.restore import restored
from swarm_operator.cli.spec_diff import ObjectDiff, spec_diff
from swarm_operator.cli.upload import upload
from swarm_operator.runtime.history import read_history
from swarm_operator.runtime.planner import PlanReport, plan_once

DIFFERENCES: Final = 2
EXIT_CODES: Final[Mapping[int, str]] = {DIFFERENCES: "there are differences"}


@click.command("diff", short_help="Show what differs, field by field.")
@click.argument(
    "what", required=False, metavar="[STACK|FOLDER]", shell_complete=complete_stack_or_folder
)
@click.option(
    "--from",
    "number",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compare a kept revision of the STACK (see `history`) with its documents of now.",
)
@output.format_option("text", "json")
@pass_invocation
def command(
    invocation: Invocation, /, what: str | None, number: int | None, output_format: str
) -> None:
    """Show what differs; write nothing.

    STACK, or nothing for all: its documents in the KV against the swarm, as `plan`. FOLDER, written
    with a slash (./wiki): what a push of it would change in the KV, and then on the swarm. STACK
    --from N: what the documents of now changed since revision N.

    Exit code 0: nothing; 2: there are differences; 1: an error. Secrets are never shown: of a
    change of theirs only that it is one.
    """
    is_folder = what is not None and _is_folder(what)
    if number is not None:
        if what is None or is_folder:
            raise click.UsageError("--from needs a STACK")
        code = _since(invocation, what, number, output_format)
    elif what is not None and is_folder:
        code = _folder(invocation, Path(what), output_format)
    else:
        code = _stack(invocation, what, output_format)
    raise click.exceptions.Exit(code)


def _is_folder(text: str) -> bool:
    """No stack's name has a slash in it, or is all dots."""
    return "/" in text or text in {".", ".."}


def _stack(invocation: Invocation, stack: str | None, output_format: str) -> int:
    stacks = (stack,) if stack is not None else ()
    report = _plan(invocation, stacks)
    if unknown := plan_view.unknown(stacks, report):
        hint = stack_names.did_you_mean(invocation.kv, unknown[0])
        if not hint and Path(unknown[0]).is_dir():
            hint = f"; the folder is written ./{unknown[0]}"
        raise click.ClickException(f"there is no stack {unknown[0]} in the KV{hint}")
    settings = invocation.settings()
    names = plan_names.names(report, invocation.kv, settings, stacks)
    plan.show(report, output_format, plan_view.routes(report, settings), names)
    return plan.exit_code(report, names)


def _plan(
    invocation: Invocation,
    stacks: tuple[str, ...],
    instead: Mapping[str, Mapping[str, bytes]] | None = None,
) -> PlanReport:
    return plan_once(
        invocation.kv,
        invocation.swarm,
        mode="act",
        utc=datetime.now(UTC),
        stacks=stacks,
        instead=instead or {},
    )


# --- a folder on disk ---------------------------------------------------------------------------


def _folder(invocation: Invocation, folder: Path, output_format: str) -> int:
    if not folder.is_dir():
        raise click.ClickException(f"{folder}: is not a folder")
    read = stack_input.read((str(folder),), None)
    stack = read.files.folder.name
    there = kv_folder.read(invocation.kv, stack)
    # Whoever pushes may need --force: what would be written is shown all the same.
    pushed = upload(stack, there.tree, files_of(read), who=who(), now=datetime.now(UTC), force=True)
    files = folder_diff(stack, there.files, pushed.result)
    report = _plan(invocation, (stack,), {stack: pushed.result})
    settings = invocation.settings()
    routes = plan_view.routes(report, settings)
    names = plan_names.names(report, invocation.kv, settings, (stack,))
    if output_format == "json":
        planned = plan_view.as_json(report, routes, names)
        shown = {"files": [_file_json(each) for each in files], "plan": planned}
        plan.remark(report)
        output.json({"stack": stack, **shown})
    else:
        for line in _file_lines(stack, files):
            click.echo(line)
        plan.show(report, "text", routes, names)
    code = plan.exit_code(report, names)
    return DIFFERENCES if files and code == 0 else code


def _file_lines(stack: str, files: tuple[FileDiff, ...]) -> Iterator[str]:
    if not files:
        yield f"{stack}: a push would change no file"
    for each in files:
        old = "/dev/null" if each.state == "new" else f"kv/{stack}/{each.path}"
        new = "/dev/null" if each.state == "gone" else f"{stack}/{each.path}"
        yield click.style(f"--- {old}", bold=True)
        yield click.style(f"+++ {new}", bold=True)
        if each.lines is None:
            yield f"({each.state}; its content is not shown)"
            continue
        yield from (_coloured(line) for line in each.lines)


def _coloured(line: str) -> str:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return click.style(line, fg=colours[line[0]]) if line[0] in colours else line


def _file_json(each: FileDiff) -> dict[str, Any]:
    return {
        "path": each.path,
        "state": each.state,
        "diff": None if each.lines is None else list(each.lines),
    }


# --- a kept revision ----------------------------------------------------------------------------


def _since(invocation: Invocation, stack: str, number: int, output_format: str) -> int:
    kv = invocation.kv
    kept = read_history(kv, stack)
    if not kept.revisions:
        stack_names.require(kv, stack)
    revision = revisions.numbered(kept, stack, number)
    now = kv_folder.read(kv, stack)
    then = restored(stack, now.files, now.parsed.kept, revisions.files_of(kv, stack, revision))
    for parsed, name in ((now.parsed, "the document of now"), (then.parsed, f"revision {number}")):
        if parsed.specs is None:
            output.problems(parsed.problems, stack)
            raise click.ClickException(f"{stack}: {name} cannot be read whole")
    assert now.parsed.specs is not None
    assert then.parsed.specs is not None
    found = spec_diff(then.parsed.specs, now.parsed.specs)
    files = _changed_files(then.parsed.kept, now.parsed.kept)
    if output_format == "json":
        output.json(
            {
                "stack": stack,
                "from": number,
                "files": files,
                "changes": [_object_json(each) for each in found],
            }
        )
    else:
        for line in _object_lines(stack, number, files, found):
            click.echo(line)
    return DIFFERENCES if found else 0


def _changed_files(then: Mapping[str, bytes], now: Mapping[str, bytes]) -> list[str]:
    return sorted(path for path in then.keys() | now.keys() if then.get(path) != now.get(path))


def _object_lines(
    stack: str, number: int, files: list[str], found: tuple[ObjectDiff, ...]
) -> Iterator[str]:
    head = click.style(stack, bold=True)
    changed = f"files: {', '.join(files)}" if files else "its files are the same"
    if not found:
        yield f"{head}: nothing differs on the swarm since revision {number} ({changed})"
        return
    yield f"{head}: {output.plural(len(found), 'change')} since revision {number} ({changed})"
    for each in found:
        yield plan_view.signed(each.verb, each.kind, each.name)
        for change in each.changes:
            yield f"      {change} [{change.effect}]"


def _object_json(each: ObjectDiff) -> dict[str, Any]:
    return {
        "verb": each.verb,
        "kind": str(each.kind),
        "name": each.name,
        "changes": [plan_view.change_json(change) for change in each.changes],
    }
