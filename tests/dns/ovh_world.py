"""The double in front of a real name server, with an account whose credentials lie in files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from swarm_operator.clients.ovh import ConsumerKey, OvhAccount, OvhZones, ServiceAccount
from tests.dns.name_server import NameServer
from tests.dns.ovh_double.accounts import ConsumerKeyOf, Rule, rules_for
from tests.dns.ovh_double.server import OvhDouble, ovh_double
from tests.dns.ovh_double.zone import ZoneRecord, values_of

ALL = ("PUT", "POST", "DELETE", "refresh")


@dataclass
class OvhWorld:
    """The double, and how to become a client of it."""

    double: OvhDouble
    folder: Path
    consumer: ConsumerKeyOf

    def account(self) -> OvhAccount:
        """By the consumer key, whose words are written into files."""
        accounts = self.double.accounts
        words = {
            "application_key": accounts.application_key,
            "application_secret": accounts.application_secret,
            "consumer_key": self.consumer.key,
        }
        return OvhAccount(self.double.url, ConsumerKey(**self._files(words)))

    def service_account(self) -> OvhAccount:
        """By OAuth2."""
        accounts = self.double.accounts
        accounts.token_rules = self.consumer.rules
        words = {"client_id": accounts.client_id, "client_secret": accounts.client_secret}
        files = ServiceAccount(**self._files(words))
        return OvhAccount(self.double.url, files, token_url=self.double.token_url)

    def zones(self) -> OvhZones:
        """A client, as the operator makes it."""
        return OvhZones(self.account(), timeouts_s=(1.0, 2.0))

    def grant(self, rules: Iterable[Rule]) -> None:
        """The consumer key may do this, and nothing else."""
        self.consumer.rules = tuple(rules)

    def _files(self, words: dict[str, str]) -> dict[str, Path]:
        for name, word in words.items():
            (self.folder / name).write_text(f"{word}\n")
        return {name: self.folder / name for name in words}


@contextmanager
def ovh_world(
    folder: Path, zones: Iterable[str], served_by: NameServer | None = None
) -> Iterator[OvhWorld]:
    """Runs until the end of the block; all rights on all zones."""
    names = tuple(zones)

    def publish(zone: str, records: tuple[ZoneRecord, ...]) -> None:
        if served_by is not None:
            served_by.replace_all(zone, values_of(records))

    with ovh_double(names, publish) as double:
        consumer = double.accounts.new_consumer_key(
            rule for zone in names for rule in rules_for(zone, *ALL)
        )
        yield OvhWorld(double, folder, consumer)
