"""`FOLDER | FILE… | -`: the options that name a stack on disk, and reading it into specs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from desired_state.loaded import LoadedStack
from desired_state.problems import DocumentRefused, Problem, Severity, in_reading_order
from swarm_operator.cli import output
from swarm_operator.cli.stack_files import StackFiles, locate
from swarm_operator.plan.compose import specs_of
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.routes.offline import Readings, stack_problems

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class StackInput:
    """A stack from disk, found to be good."""

    files: StackFiles
    loaded: LoadedStack
    specs: StackSpecs
    warnings: tuple[Problem, ...] = ()


def stack_arguments(function: Function) -> Function:
    """The arguments and options of `render` and `validate`."""
    function = click.option(
        "--env-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read ${…} from this file in place of the folder's .env.",
    )(function)
    function = click.option("--stack", metavar="NAME", help="Name; default: the folder's.")(
        function
    )
    return click.argument("paths", nargs=-1, required=True, metavar="FOLDER|FILE…|-")(function)


def read(
    paths: tuple[str, ...],
    stack: str | None,
    env_file: Path | None = None,
    routes: Readings | None = None,
) -> StackInput:
    """The stack, warnings said. Problems are said too, and end the command with exit code 1.

    `routes`: how its labels and terse routes are read; None: they are not looked at.
    """
    files = locate(paths, stack, env_file)
    name = files.folder.name
    try:
        loaded, specs = specs_of(files.folder, documents=files.documents)
    except DocumentRefused as refused:
        output.problems(_as_shown(refused.problems, files), name)
        raise click.exceptions.Exit(1) from None
    of_routes = stack_problems(loaded, specs, routes) if routes is not None else ()
    found = _as_shown(in_reading_order((*specs.warnings, *of_routes)), files)
    output.problems(found, name)
    if any(problem.severity is Severity.ERROR for problem in found):
        raise click.exceptions.Exit(1)
    return StackInput(files, loaded, specs, found)


def _as_shown(problems: tuple[Problem, ...], files: StackFiles) -> tuple[Problem, ...]:
    """With the documents' names as the person wrote them."""
    return tuple(
        replace(problem, document=files.shown_as.get(problem.document, problem.document))
        for problem in problems
    )
