"""The command line, called in this process."""

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from swarm_operator.cli.main import cli


def called(connections: Any, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    """`connections` implement `Connections`, or a part of it that is enough.

    Raises what the verb raises, but for its exit.
    """
    result = CliRunner().invoke(cli, [str(a) for a in arguments], input=stdin, obj=connections)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
