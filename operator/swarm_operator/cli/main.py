"""The command `swarm-operator`: its global options, and where the verbs are.

A verb's module is imported only when the verb is used: `validate` need not wait for the Docker
and Consul clients.
"""

import importlib
import logging
from pathlib import Path
from typing import Any, Final

import click

from swarm_operator.cli.invocation import Invocation, setting_option
from swarm_operator.observed.errors import OutsideError
from swarm_operator.settings import SettingsError

VERBS: Final = (
    "init",
    "run",
    "validate",
    "render",
    "schema",
    "push",
    "plan",
    "diff",
    "status",
    "events",
    "why",
    "approve",
    "retry",
    "redeploy",
    "pause",
    "resume",
    "rebalance",
    "routes",
    "dns",
    "history",
    "rollback",
    "remove",
    "demo",
    "settings",
    "doctor",
    "version",
)
"""In the order of `--help`; each is the function `command` of the module of its name."""


class Verbs(click.Group):
    """Finds verbs by name, and turns every expected failure into one message and exit code 1."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"swarm_operator.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            lines = "\n".join(f"  {problem}" for problem in error.problems)
            raise click.ClickException(f"the settings are wrong:\n{lines}") from None
        except OutsideError as error:
            asked = ctx.obj.asked() if isinstance(ctx.obj, Invocation) else []
            raise click.ClickException("\n  ".join([str(error), *asked])) from None


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Settings: default < file < environment < flag; see `swarm-operator settings`. Completion: "
        'eval "$(_SWARM_OPERATOR_COMPLETE=bash_source swarm-operator)", or zsh_source, fish_source.'
    ),
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file (TOML). Variable: SWARM_OPERATOR_CONFIG.",
)
@setting_option("docker_host")
@setting_option("consul_addr")
@setting_option("consul_token_file")
@setting_option("consul_cacert")
@setting_option("root")
@setting_option("log_format")
@setting_option("log_level")
@click.pass_context
def cli(ctx: click.Context, /, config: Path | None, **flags: str | None) -> None:
    """Compose documents in Consul KV become services of a Docker Swarm, and stay so."""
    # What libraries have to say of retries is no message for a person; `run` sets up its own logs.
    logging.getLogger().addHandler(logging.NullHandler())
    ctx.obj = Invocation(config, flags, ctx.obj)


def main() -> None:
    """The console script."""
    cli(prog_name="swarm-operator")
