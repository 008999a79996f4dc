"""Results on standard output, remarks on standard error; colours on terminals only."""

import json as json_module
import shutil
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from rich.console import Console, RenderableType

from desired_state.problems import Problem, Severity

Function = TypeVar("Function", bound=Callable[..., Any])

PIPE_WIDTH: Final = 10_000
"""Nothing is wrapped or cut for a program that reads."""


def format_option(*formats: str) -> Callable[[Function], Function]:
    """`-o`; the first format is the default."""
    return click.option(
        "-o",
        "--output",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the result.",
    )


def json(value: Any) -> None:
    """A JSON value for programs."""
    click.echo(json_module.dumps(value, indent=2, ensure_ascii=False))


def console() -> Console:
    """Standard output as rich sees it, colourless and unwrapped where it is no terminal."""
    stream = sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, soft_wrap=False)


def table(value: RenderableType) -> None:
    """A table; blanks at the ends of lines are left out."""
    out = console()
    with out.capture() as captured:
        out.print(value)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def note(text: str) -> None:
    """A remark on standard error."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    """A warning on standard error."""
    click.echo(f"{click.style('Warning:', fg='yellow')} {text}", err=True)


def error(text: str) -> None:
    """An error on standard error; the exit code is the caller's."""
    click.echo(f"{click.style('Error:', fg='red')} {text}", err=True)


def problems(found: tuple[Problem, ...], name: str, of: str = "stack") -> None:
    """One line for each problem, and their number, on standard error."""
    for problem in found:
        click.echo(_line(problem), err=True)
    errors = sum(1 for problem in found if problem.severity is Severity.ERROR)
    if errors:
        warnings = len(found) - errors
        counts = plural(errors, "problem") + (
            f", {plural(warnings, 'warning')}" if warnings else ""
        )
        click.echo(f"{of} {name}: {counts}", err=True)


def plural(number: int, noun: str) -> str:
    """`1 service`, `2 services`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(problem: Problem) -> str:
    is_error = problem.severity is Severity.ERROR
    word = click.style("error", fg="red") if is_error else click.style("warning", fg="yellow")
    place = ":".join(str(p) for p in (problem.document, problem.line, problem.column) if p)
    text = f"{problem.path}: {problem.message}" if problem.path else problem.message
    hint = click.style(f" ({problem.hint})", dim=True) if problem.hint else ""
    return f"{click.style(place, bold=True)}: {word}: {text}{hint}"
