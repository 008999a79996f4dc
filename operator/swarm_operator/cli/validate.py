"""`swarm-operator validate`: `render` without its output."""

from pathlib import Path

import click

from swarm_operator.cli import stack_input


@click.command("validate", short_help="Check a stack on disk.")
@stack_input.stack_arguments
def command(paths: tuple[str, ...], stack: str | None, env_file: Path | None) -> None:
    """Check a stack on disk: exit code 0 where it is good, 1 with every problem where not.

    FOLDER holds a Compose document (compose.yaml, docker-compose.yml, stack.yml …) and the files
    that it names. Several FILEs are merged in their order; `-` is standard input. Nothing but
    these files is read, and nothing is asked of Docker or Consul.
    """
    stack_input.read(paths, stack, env_file)
