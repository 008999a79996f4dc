"""`swarm-operator doctor`: looks at what the operator depends on, and says what is missing."""

import click

from swarm_operator.cli import doctor_dns, output
from swarm_operator.cli.invocation import Invocation, pass_invocation


@click.group("doctor", short_help="Check what the operator depends on.")
def command() -> None:
    """Check what the operator depends on; nothing is changed."""


@command.command("dns", short_help="Check the DNS providers of the settings.")
@output.format_option("table", "json")
@pass_invocation
def dns(invocation: Invocation, /, output_format: str) -> None:
    """Ask every provider of the settings what the operator would ask, but change nothing.

    Shows for each zone whether its records can be read, the least rights that each policy needs and, where
    OVH tells, which of them are missing, and which name servers answer. Exit code 1 where something is
    missing that the policy `upsert` needs.
    """
    settings = invocation.settings()
    if not settings.dns_providers:
        raise click.ClickException(
            "no DNS provider is configured: see SWARM_OPERATOR_DNS_ZONES and [[dns.providers]]"
        )
    found = doctor_dns.examine(settings)
    if output_format == "json":
        output.json([finding.as_json() for finding in found])
    else:
        for finding in found:
            click.echo("\n".join(finding.as_text()))
    if not all(finding.is_well for finding in found):
        raise click.exceptions.Exit(1)
