"""`swarm-operator plan`: what the operator would do now."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import click

from swarm_operator.cli import output, plan_names, plan_view
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, pass_invocation, setting_option
from swarm_operator.cli.plan_view import Names, Routes
from swarm_operator.runtime.planner import PlanReport, plan_once

CHANGES: Final = 2
EXIT_CODES: Final[Mapping[int, str]] = {CHANGES: "there are changes"}


@click.command("plan", short_help="Show what the operator would do now.")
@click.argument("stacks", nargs=-1, metavar="[STACK…]", shell_complete=complete_stack)
@setting_option("mode")
@output.format_option("text", "json")
@pass_invocation
def command(
    invocation: Invocation, /, stacks: tuple[str, ...], output_format: str, **flags: str | None
) -> None:
    """Show what the operator would do now, for all stacks or for some; write nothing.

    Exit code 0: nothing to do; 2: there are changes; 1: an error, or a document that is refused.
    Secrets are shown as changed, never as text.
    """
    settings = invocation.settings(**flags)
    mode = settings.mode
    report = plan_once(
        invocation.kv,
        invocation.swarm,
        mode=mode.value,
        utc=datetime.now(UTC),
        stacks=stacks,
    )
    unknown = plan_view.unknown(stacks, report)
    if unknown:
        raise click.ClickException(f"there is no stack {', '.join(unknown)} in the KV")
    names = plan_names.names(report, invocation.kv, settings, stacks)
    show(report, output_format, plan_view.routes(report, settings), names)
    raise click.exceptions.Exit(exit_code(report, names))


def show(
    report: PlanReport, output_format: str, routes: Routes | None = None, names: Names = ()
) -> None:
    """The report on standard output, what is wrong on standard error."""
    remark(report)
    if output_format == "json":
        output.json(plan_view.as_json(report, routes, names))
    else:
        for line in plan_view.as_text(report, routes, names):
            click.echo(line)
    for stack, problems in report.problems:
        output.problems(problems, stack)


def remark(report: PlanReport) -> None:
    """What of the world could not be read."""
    for reason in report.incomplete:
        output.warn(f"incomplete: {reason}")
    for warning in report.warnings:
        output.warn(warning)


def exit_code(report: PlanReport, names: Names = ()) -> int:
    """0: nothing to do, 2: changes, 1: an error."""
    if report.refused:
        return 1
    if report.changes or plan_view.would_change(names):
        return CHANGES
    # "Nothing to do" is a statement about a whole; a part of it proves nothing.
    return 1 if report.incomplete else 0
