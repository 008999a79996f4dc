"""`swarm-operator version`."""

import platform

import click

import swarm_operator


@click.command("version", short_help="Print the version.")
def command() -> None:
    """Print the version."""
    click.echo(f"swarm-operator {swarm_operator.__version__} (Python {platform.python_version()})")
