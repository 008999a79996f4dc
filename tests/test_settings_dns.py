"""Settings: who may change which zones."""

from pathlib import Path

import dns.message
import dns.name
import dns.tsigkeyring
import pytest

from swarm_operator.settings import NameServer, Settings, SettingsError
from swarm_operator.settings.dns import KEY_ALGORITHMS

KEYS = {
    "SWARM_OPERATOR_OVH_APPLICATION_KEY_FILE": "/run/secrets/key",
    "SWARM_OPERATOR_OVH_APPLICATION_SECRET_FILE": "/run/secrets/secret",
    "SWARM_OPERATOR_OVH_CONSUMER_KEY_FILE": "/run/secrets/consumer",
}
ZONES = {"SWARM_OPERATOR_DNS_ZONES": "Example.org, münchen.example"}
TABLE = """
[[dns.providers]]
name = "home"
type = "rfc2136"
server = "192.0.2.53"
zones = ["example.net"]
name_servers = ["192.0.2.53:5353", "[2001:db8::53]:53"]
key_name = "operator"
key_file = "/run/secrets/tsig"
[[dns.providers]]
type = "ovh"
endpoint = "https://api.example/1.0"
zones = ["example.org"]
client_id_file = "/run/secrets/id"
client_secret_file = "/run/secrets/secret"
"""


def refused(environment: dict[str, str], config: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environment, {}, config)
    return "\n".join(caught.value.problems)


def test_nothing_is_configured_by_default() -> None:
    settings = Settings.load({})
    assert (settings.dns_providers, settings.dns_changes_per_hour) == ((), 60)


def test_one_ovh_account_by_variables() -> None:
    servers = {"SWARM_OPERATOR_DNS_NAMESERVERS": "127.0.0.1:5300,192.0.2.1"}
    (provider,) = Settings.load({**ZONES, **KEYS, **servers}).dns_providers
    assert (provider.name, provider.type, provider.endpoint) == ("ovh", "ovh", "ovh-eu")
    assert provider.zones == ("example.org", "xn--mnchen-3ya.example")
    assert provider.name_servers == (NameServer("127.0.0.1", 5300), NameServer("192.0.2.1", 53))
    assert len(provider.credential_files) == 3


@pytest.mark.parametrize(
    ("text", "server", "shown"),
    [
        ("ns1.ovh.net:5300", NameServer("ns1.ovh.net", 5300), "ns1.ovh.net:5300"),
        (" Dns.Example.ORG. ", NameServer("dns.example.org", 53), "dns.example.org:53"),
        ("bind9", NameServer("bind9", 53), "bind9:53"),
        (
            "münchen.example:53",
            NameServer("xn--mnchen-3ya.example", 53),
            "xn--mnchen-3ya.example:53",
        ),
        ("2001:db8::53", NameServer("2001:db8::53", 53), "[2001:db8::53]:53"),
        ("[2001:db8::53]:5300", NameServer("2001:db8::53", 5300), "[2001:db8::53]:5300"),
    ],
)
def test_name_servers_by_address_and_by_name(text: str, server: NameServer, shown: str) -> None:
    """A name is not looked up when the settings are read: it may not be known yet."""
    environment = {**ZONES, **KEYS, "SWARM_OPERATOR_DNS_NAMESERVERS": text}
    (provider,) = Settings.load(environment).dns_providers
    assert provider.name_servers == (server,)
    assert str(server) == shown


def test_a_table_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "operator.toml"
    file.write_text(TABLE)
    settings = Settings.load({}, {}, file)
    home, ovh = settings.dns_providers
    assert (home.name, home.server, home.key_name) == ("home", NameServer("192.0.2.53"), "operator")
    assert home.name_servers[1] == NameServer("2001:db8::53", 53)
    assert (ovh.name, ovh.endpoint) == ("ovh", "https://api.example/1.0")
    shown = {key: value for key, value, _ in settings.shown()}
    assert shown["dns.providers.home"] == "rfc2136: example.net"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (ZONES, "either an application key"),
        (KEYS, "but no zones"),
        ({**ZONES, **KEYS, "OVH_CONSUMER_KEY": "x"}, "variable OVH_CONSUMER_KEY"),
        (
            {**ZONES, **KEYS, "SWARM_OPERATOR_DNS_NAMESERVERS": "ns1.ovh.net:dns"},
            "ns1.example.org:53",
        ),
        ({**ZONES, **KEYS, "SWARM_OPERATOR_DNS_NAMESERVERS": "192.0.2:53"}, "'192.0.2:53' is no"),
        ({**ZONES, **KEYS, "SWARM_OPERATOR_DNS_NAMESERVERS": "ns1..net"}, "'ns1..net' is no"),
        ({**ZONES, **KEYS, "SWARM_OPERATOR_DNS_NAMESERVERS": "ns1.ovh.net:0"}, "is no name server"),
        ({**ZONES, **KEYS, "SWARM_OPERATOR_DNS_NAMESERVERS": "*.ovh.net"}, "is no name server"),
        ({**ZONES, **KEYS, "SWARM_OPERATOR_DNS_ZONES": "org"}, "is no zone"),
        ({"SWARM_OPERATOR_DNS_CHANGES_PER_HOUR": "0"}, "a number from 1 to 3600"),
    ],
)
def test_what_is_wrong_is_said(environment: dict[str, str], said: str) -> None:
    assert said in refused(environment)


def test_a_stray_variable_is_nobodys_business_without_ovh() -> None:
    assert Settings.load({"OVH_CONSUMER_KEY": "x"}).dns_providers == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("rfc2136", "bind"), "must be ovh or rfc2136"),
        (('server = "192.0.2.53"', ""), "server is missing"),
        (('key_name = "operator"', ""), "go together"),
        (('zones = ["example.net"]', 'zone = ["example.net"]'), "did you mean zones?"),
        (('client_id_file = "/run/secrets/id"', ""), "either an application key"),
        (('name = "home"', 'name = "ovh"'), "two DNS providers are called 'ovh'"),
        (('zones = ["example.net"]', "zones = []"), "must be a list of texts"),
        (('key_name = "operator"', 'key_name = "a..b"'), "key_name: is no name of a key"),
        (('key_name = "operator"', 'key_name = "oper ator"'), "key_name: is no name of a key"),
        (('key_name = "operator"', f'key_name = "{"x" * 70}"'), "key_name: is no name of a key"),
        (
            ('key_name = "operator"', 'key_name = "operator"\nkey_algorithm = "sha256"'),
            "did you mean hmac-sha256?",
        ),
    ],
)
def test_what_is_wrong_in_the_table_is_said(
    tmp_path: Path, changed: tuple[str, str], said: str
) -> None:
    file = tmp_path / "operator.toml"
    file.write_text(TABLE.replace(*changed))
    assert said in refused({}, file)


def test_an_algorithm_is_taken_as_people_write_it(tmp_path: Path) -> None:
    file = tmp_path / "operator.toml"
    text = 'key_name = "operator"\nkey_algorithm = "HMAC-SHA512"'
    file.write_text(TABLE.replace('key_name = "operator"', text))
    assert Settings.load({}, {}, file).dns_providers[0].key_algorithm == "hmac-sha512"


@pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)
def test_every_algorithm_can_be_signed_with(algorithm: str) -> None:
    message = dns.message.make_query("example.org", "A")
    ring = dns.tsigkeyring.from_text({"operator": "c2VjcmV0IHNlY3JldCBzZWNyZXQ="})
    message.use_tsig(ring, keyname=dns.name.from_text("operator"), algorithm=algorithm)
    assert message.to_wire()
