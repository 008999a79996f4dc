"""What `plan` and `diff` ask for about names that follow services."""

from collections.abc import Sequence
from datetime import UTC, datetime

from desired_state.dns_forms import Family
from swarm_operator.cli import dns
from swarm_operator.cli.invocation import WatchedKv
from swarm_operator.plan.dns.addresses import names_of_a_wildcard
from swarm_operator.plan.dns.outlook import LookUp, NameChange, Outlook
from swarm_operator.plan.dns.wishes import BindingId
from swarm_operator.runtime.planner import PlanReport
from swarm_operator.settings import Settings


def names(
    report: PlanReport, kv: WatchedKv, settings: Settings, stacks: Sequence[str] = ()
) -> tuple[NameChange, ...]:
    """What becomes of the names of some stacks, or of all. Raises what the KV raises."""
    if report.incomplete:
        return ()  # it is said, and nothing is concluded from a part
    noted = {BindingId(*key): status for key, status in dns.read(kv).items()}
    if not noted and not report.wishes.wishes:
        return ()
    outlook = Outlook(
        report.wishes,
        noted,
        report.swarm,
        datetime.now(UTC),
        _look_up(settings),
        settings.mode.value,
    )
    return tuple(each for each in outlook.changes() if not stacks or each.stack in stacks)


def _look_up(settings: Settings) -> LookUp:
    """Asks the name servers of zones that a provider of the settings has; they are the operator's, so
    that elsewhere nobody is asked."""
    zones = {zone for each in settings.dns_providers for zone in each.zones}
    if not zones:
        return lambda _zone, _name, _family: None
    from swarm_operator.cli import dns_providers  # noqa: PLC0415 - the clients take 0.2 s to import

    servers = dns_providers.name_servers(settings)

    def said(zone: str, name: str, family: Family) -> tuple[str, ...] | None:
        answers = [answer for answer in servers.ask(zone, name, family) if not answer.error]
        return answers[0].values if answers else None

    def look_up(zone: str, name: str, family: Family) -> tuple[str, ...] | None:
        values = said(zone, name, family) if zone in zones else None
        for other in names_of_a_wildcard(name) if values else ():
            beside = said(zone, other, family)
            if beside is None or set(beside) != set(values or ()):
                return values if beside is not None else None
        return () if values else values

    return look_up
