"""`swarm-operator dns`: the names that follow services, how far they are, and why not further."""

from datetime import UTC, datetime

import click

from desired_state import keys
from desired_state.dns_records import DnsStatus
from swarm_operator.cli import dns_view, output
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation


@click.command("dns", short_help="Show the names that follow services.")
@click.option(
    "--stack", metavar="STACK", help="Only the names of one stack.", shell_complete=complete_stack
)
@output.format_option("table", "json")
@pass_invocation
def command(invocation: Invocation, /, stack: str | None, output_format: str) -> None:
    """Show each name (x-operator.dns): where it points, whether it is served so, and why not.

    InSync: served as wished. Switching: on the way. Waiting: the last records stay for now. Conflict:
    another hand's records are in its place. Failed: the provider refuses it. Abandoned: no document
    names it any more, and its records stay.
    """
    kv = invocation.kv
    names = {each: status for each, status in read(kv).items() if stack in {None, status.stack}}
    if stack is not None and not names:
        raise click.ClickException(f"the operator knows no names of a stack {stack}")
    holder = kv.get(keys.LOCK)
    if holder is None or holder.session is None:
        output.warn("no operator holds the lease: nothing follows, and what is shown is old")
    if output_format == "json":
        output.json(dns_view.as_json(names))
    else:
        output.table(dns_view.as_text(names, datetime.now(UTC)))


def read(kv: WatchedKv) -> dns_view.Names:
    """What the operator wrote, by zone and name."""
    found = {}
    for key, entry in sorted(kv.read(keys.DNS_STATUS).entries.items()):
        zone, _, name = key.partition("/")
        status = DnsStatus.parse(entry.value)
        if status is not None and name:
            found[zone, name] = status
    return found
