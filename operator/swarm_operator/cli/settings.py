"""`swarm-operator settings`: every setting with its value and where it comes from."""

import click
from rich.table import Table

from swarm_operator.cli import output
from swarm_operator.cli.invocation import Invocation, pass_invocation, setting_option


@click.command("settings", short_help="Show every setting and its origin.")
@setting_option("listen")
@setting_option("mode")
@setting_option("registry_config")
@setting_option("session_ttl_s")
@setting_option("lock_delay_s")
@output.format_option("table", "json")
@pass_invocation
def command(invocation: Invocation, /, output_format: str, **flags: str | None) -> None:
    """Show every setting, its value and where it comes from; secrets are hidden.

    The first column is the key in the settings file (--config, TOML); `a.b` is key b of table [a].
    """
    shown = list(invocation.settings(**flags).shown())
    if output_format == "json":
        output.json(
            [{"setting": key, "value": value, "origin": origin} for key, value, origin in shown]
        )
        return
    table = Table("SETTING", "VALUE", "ORIGIN", box=None, pad_edge=False, header_style="bold")
    for row in shown:
        table.add_row(*row)
    output.table(table)
