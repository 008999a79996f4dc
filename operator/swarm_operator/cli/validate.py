"""`swarm-operator validate`: `render` without its output, and what is wrong with routes."""

from pathlib import Path

import click

from swarm_operator.cli import route_input, stack_input
from swarm_operator.cli.invocation import Invocation, pass_invocation


@click.command("validate", short_help="Check a stack on disk.")
@stack_input.stack_arguments
@route_input.version_option
@click.option("--strict", is_flag=True, help="Warnings are problems too: exit code 1.")
@pass_invocation
def command(
    invocation: Invocation,
    /,
    paths: tuple[str, ...],
    stack: str | None,
    env_file: Path | None,
    traefik: str | None,
    strict: bool,
) -> None:
    """Check a stack on disk: exit code 0 where it is good, 1 with every problem where not.

    FOLDER holds a Compose document (compose.yaml, docker-compose.yml, stack.yml …) and the files
    that it names. Several FILEs are merged in their order; `-` is standard input. Nothing but
    these files is read, and nothing is asked of Docker or Consul.

    Its routes are read as the operator's settings say, by the fields that Traefik knows. Labels for
    Traefik that would not be published are a warning, for they hold no task up, and another Traefik
    may read them; with --strict that is exit code 1 too.
    """
    routes = route_input.readings(invocation, traefik)
    found = stack_input.read(paths, stack, env_file, routes)
    if strict and found.warnings:
        raise click.exceptions.Exit(1)
