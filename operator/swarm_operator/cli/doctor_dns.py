"""What `doctor dns` asks of each zone, and how it says what it found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from desired_state.dns_forms import APEX
from swarm_operator.cli import dns_providers
from swarm_operator.clients.ovh import OvhZones
from swarm_operator.clients.ovh_tokens import OF_THE_DOCTOR, create_token_url
from swarm_operator.observed.errors import OutsideError
from swarm_operator.plan.dns.rights import POLICIES, Right, actions, beyond, missing, needed
from swarm_operator.plan.dns.rrset import Policy
from swarm_operator.settings import DnsProviderSettings, Settings

_UPSERT: Final = "upsert"


@dataclass(frozen=True, slots=True)
class Finding:
    """One zone of one provider."""

    provider: DnsProviderSettings
    zone: str
    read_error: str = ""
    rules: tuple[Right, ...] | None = None
    """What the consumer key may do, as OVH says; None where it does not tell."""
    why_no_rules: str = ""
    servers: tuple[str, ...] = ()
    """Which name servers answer, and what is wrong with the others."""

    @property
    def is_well(self) -> bool:
        lacks = self.rules is not None and missing(needed(self.zone, _UPSERT), self.rules)
        return not self.read_error and not lacks

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        shown: dict[str, Any] = {
            "provider": self.provider.name,
            "type": self.provider.type,
            "zone": self.zone,
            "readable": not self.read_error,
            "error": self.read_error,
            "name_servers": list(self.servers),
        }
        if self.provider.type == "ovh":
            shown["rights"] = {
                policy: [str(right) for right in needed(self.zone, policy)] for policy in POLICIES
            }
            shown["missing"] = None if self.rules is None else self._missing()
            shown["beyond"] = None if self.rules is None else list(self._beyond())
            if not self._is_service:
                shown["create_token"] = {policy: self._token_url(policy) for policy in POLICIES}
        return shown

    def _missing(self) -> dict[str, list[str]]:
        rules = self.rules or ()
        return {
            policy: [str(right) for right in missing(needed(self.zone, policy), rules)]
            for policy in POLICIES
        }

    def _beyond(self) -> tuple[str, ...]:
        """What the key may do and no policy needs, in whichever of the provider's zones."""
        of_zones = [right for zone in self.provider.zones for right in needed(zone, "sync")]
        found = beyond([*of_zones, Right(*OF_THE_DOCTOR)], self.rules or ())
        return tuple(map(str, found))

    @property
    def _is_service(self) -> bool:
        return self.provider.client_id_file is not None

    def _token_url(self, policy: Policy) -> str:
        rights = (right for zone in self.provider.zones for right in needed(zone, policy))
        return create_token_url(self.provider.endpoint, rights)

    def as_text(self) -> Iterator[str]:
        """For people."""
        yield f"{self.zone} ({self.provider.name}, {self.provider.type})"
        yield f"  records: {self.read_error or 'can be read'}"
        for line in self.servers:
            yield f"  name server {line}"
        if not self.servers:
            yield "  name servers: none is known, so nobody is asked whether changes are served"
        if self.provider.type == "ovh":
            yield from self._rights()
        yield ""

    def _rights(self) -> Iterator[str]:
        lacking = self._missing() if self.rules is not None else {}
        for policy in POLICIES:
            least = actions(policy) if self._is_service else map(str, needed(self.zone, policy))
            verdict = ""
            if self.rules is not None:
                gone = lacking[policy]
                verdict = f" - missing: {', '.join(gone)}" if gone else " - all granted"
            yield f"  policy {policy}{verdict}"
            yield from (f"    {right}" for right in least)
            # One key is for all zones of an account: it is asked for once.
            if not self._is_service and self.zone == self.provider.zones[0]:
                yield f"    a key with these rights: {self._token_url(policy)}"
        if too_much := self._beyond():
            yield f"  this key may do more than any policy needs: {', '.join(too_much)}"
            yield "    make one with the rights above, and take this one back"
        if self.rules is None:
            yield f"  what is granted is not known: {self.why_no_rules}"


def examine(settings: Settings) -> tuple[Finding, ...]:
    """One finding for each zone. Nothing is changed, and what fails is part of the finding."""
    servers = dns_providers.name_servers(settings)
    found = []
    for each in settings.dns_providers:
        client = dns_providers.provider(each)
        rules, why = _rules(client) if isinstance(client, OvhZones) else (None, "")
        for zone in each.zones:
            error = ""
            try:
                client.read(zone, APEX, ("A",))
            except OutsideError as failure:
                error = str(failure)
            said = tuple(
                f"{answer.server}: {answer.error or 'answers'}"
                for answer in servers.ask(zone, zone, "SOA")
            )
            found.append(Finding(each, zone, error, rules, why, said))
        if isinstance(client, OvhZones):
            client.close()
    return tuple(found)


def _rules(client: OvhZones) -> tuple[tuple[Right, ...] | None, str]:
    try:
        granted = client.granted()
    except OutsideError as error:
        return None, str(error)
    rules = granted.get("rules")
    if not isinstance(rules, list):
        return None, "OVH does not tell"
    return tuple(
        Right(str(rule.get("method", "")), str(rule.get("path", "")))
        for rule in rules
        if isinstance(rule, dict)
    ), ""
