"""`swarm-operator render`: what a stack on disk would be on the swarm."""

from pathlib import Path

import click
import yaml

from swarm_operator.cli import output, stack_input
from swarm_operator.plan.compose.render import render


@click.command("render", short_help="Print a stack on disk in the Engine's JSON.")
@stack_input.stack_arguments
@output.format_option("json", "yaml")
@click.option("--show-secrets", is_flag=True, help="Show the content of secrets too.")
def command(
    paths: tuple[str, ...],
    stack: str | None,
    env_file: Path | None,
    output_format: str,
    show_secrets: bool,
) -> None:
    """Print the services, networks, configs and secrets of a stack on disk, in the Engine's JSON.

    It is what `docker stack deploy --resolve-image never` would send. FOLDER holds a Compose
    document (compose.yaml, docker-compose.yml, stack.yml …) and the files that it names. Several
    FILEs are merged in their order; `-` is standard input. Nothing is asked of Docker or Consul.
    """
    rendered = render(stack_input.read(paths, stack, env_file).specs, show_secrets=show_secrets)
    if output_format == "json":
        output.json(rendered)
    else:
        click.echo(yaml.safe_dump(rendered, sort_keys=False, allow_unicode=True), nl=False)
