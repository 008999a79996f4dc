"""The settings about DNS, as connections to providers and name servers."""

import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.clients.ovh import ConsumerKey, OvhAccount, OvhZones, ServiceAccount
from swarm_operator.clients.rfc2136 import TsigKey, UpdatedZones, UpdateServer
from swarm_operator.clients.timing import DurationMetric
from swarm_operator.runtime.dns.ports import DnsProvider
from swarm_operator.runtime.dns.threads import DnsAccount
from swarm_operator.settings import DnsProviderSettings, Settings


def accounts(settings: Settings, metrics: DurationMetric | None = None) -> tuple[DnsAccount, ...]:
    """Every provider of the settings; nothing is asked yet."""
    return tuple(
        DnsAccount(
            each.name,
            provider(each, metrics),
            each.zones,
            stamps(each.credential_files),
            readable(each.credential_files),
        )
        for each in settings.dns_providers
    )


def provider(each: DnsProviderSettings, metrics: DurationMetric | None = None) -> DnsProvider:
    """The client of one provider."""
    if each.type == "ovh":
        return OvhZones(ovh_account(each), metrics=metrics)
    assert each.server is not None
    key = None
    if each.key_file is not None:
        key = TsigKey(each.key_name, each.key_file, each.key_algorithm)
    return UpdatedZones(UpdateServer(each.server.address, each.server.port, key), metrics=metrics)


def ovh_account(each: DnsProviderSettings) -> OvhAccount:
    """Where the API is, and the files of its credentials."""
    if each.client_id_file is not None and each.client_secret_file is not None:
        credentials: ConsumerKey | ServiceAccount = ServiceAccount(
            each.client_id_file, each.client_secret_file
        )
    else:
        files = (each.application_key_file, each.application_secret_file, each.consumer_key_file)
        application_key, application_secret, consumer_key = files
        assert application_key is not None
        assert application_secret is not None
        assert consumer_key is not None
        credentials = ConsumerKey(application_key, application_secret, consumer_key)
    return OvhAccount(each.endpoint, credentials, each.token_url)


def name_servers(settings: Settings) -> ZoneServers:
    """Who is asked whether changes are served."""
    pairs = ((zone, each) for each in settings.dns_providers for zone in each.zones)
    by_zone = itertools.groupby(sorted(pairs, key=lambda pair: pair[0]), key=lambda pair: pair[0])
    return ZoneServers(
        {
            zone: [
                Server(server.address, server.port)
                for _, each in found
                for server in each.name_servers
            ]
            for zone, found in by_zone
        }
    )


def stamps(files: Iterable[Path]) -> Callable[[], object]:
    """A function whose answer changes whenever one of the files does."""
    paths = tuple(files)

    def answer() -> object:
        return tuple(_stamp(path) for path in paths)

    return answer


def readable(files: Iterable[Path]) -> Callable[[], bool]:
    """A function that says whether all of the files can be read."""
    paths = tuple(files)
    return lambda: all(os.access(path, os.R_OK) for path in paths)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)
