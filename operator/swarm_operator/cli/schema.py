"""`swarm-operator schema`: the contract for editors."""

import click

from desired_state.schema import json_schema
from swarm_operator.cli import output


@click.command("schema", short_help="Print the JSON Schema of a document.")
def command() -> None:
    """Print the JSON Schema of a stack's document, `x-operator` included.

    An editor that knows it completes and checks a document while it is written. What a schema
    cannot say (variables, files, names that must exist) `validate` checks.
    """
    output.json(json_schema())
