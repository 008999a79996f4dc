"""The table of DNS providers: `[[dns.providers]]` of the settings file, or one OVH account by variables."""

import difflib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from desired_state.dns_forms import domain_name
from swarm_operator.settings import values

KEY: Final = "providers"
STRAY_VARIABLES: Final = (
    "OVH_ENDPOINT", "OVH_APPLICATION_KEY", "OVH_APPLICATION_SECRET", "OVH_CONSUMER_KEY",
    "OVH_CLIENT_ID", "OVH_CLIENT_SECRET",
)  # fmt: skip
"""OVH's client reads them by itself, and takes no account that is given twice."""

_PORT: Final = 53
_CONSUMER: Final = ("application_key_file", "application_secret_file", "consumer_key_file")
_SERVICE: Final = ("client_id_file", "client_secret_file")
_COMMON: Final = ("name", "type", "zones", "name_servers")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "ovh": (*_COMMON, "endpoint", "token_url", *_CONSUMER, *_SERVICE),
    "rfc2136": (*_COMMON, "server", "key_name", "key_file", "key_algorithm"),
}

KEY_ALGORITHMS: Final = (
    "hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1",
    "hmac-sha256-128", "hmac-sha384-192", "hmac-sha512-256",
)  # fmt: skip
"""Of TSIG (RFC 8945 6), as name servers' configurations call them."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """Where a name server is asked: an IP address or a host name, and a port."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsProviderSettings:
    """One account at a provider; credentials are in files, read again when they change."""

    name: str
    type: Literal["ovh", "rfc2136"]
    zones: tuple[str, ...]
    name_servers: tuple[NameServer, ...] = ()
    """Asked whether changes are served; none: those of the zone's NS records."""
    endpoint: str = "ovh-eu"
    token_url: str | None = None
    application_key_file: Path | None = None
    application_secret_file: Path | None = None
    consumer_key_file: Path | None = None
    client_id_file: Path | None = None
    client_secret_file: Path | None = None
    server: NameServer | None = None
    key_name: str = ""
    key_file: Path | None = None
    key_algorithm: str = "hmac-sha256"

    @property
    def credential_files(self) -> tuple[Path, ...]:
        """All that there are."""
        fields = (*_CONSUMER, *_SERVICE, "key_file")
        return tuple(path for field in fields if (path := getattr(self, field)) is not None)

    def __str__(self) -> str:
        return f"{self.type}: {', '.join(self.zones)}"


def name_server(raw: str) -> NameServer:
    """An IP address or a host name, with or without a port; names are looked up when they are used.
    Raises ValueError."""
    text = raw.strip()
    try:
        return NameServer(str(ipaddress.ip_address(text.strip("[]"))))
    except ValueError:
        pass
    try:
        address = values.address(text) if ":" in text else values.Address(text, _PORT)
        return NameServer(_host(address.host), _port(address.port))
    except ValueError:
        raise ValueError(
            f"{text!r} is no name server: write 192.0.2.53:53 or ns1.example.org:53"
        ) from None


def _port(number: int) -> int:
    """Raises ValueError."""
    if number == 0:
        raise ValueError
    return number


def _host(text: str) -> str:
    """Raises ValueError."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        name = domain_name(text)
    if name.startswith("*") or name.rpartition(".")[2].isdecimal():
        raise ValueError  # as "192.0.2": no name ends in a number (RFC 1123 2.1)
    return name


def name_servers(raw: str) -> tuple[NameServer, ...]:
    """Several, with commas. Raises ValueError."""
    return tuple(name_server(part) for part in raw.split(",") if part.strip())


def zones(raw: str) -> tuple[str, ...]:
    """Names of zones, with commas, in the form in which documents name them. Raises ValueError."""
    found = tuple(_zone(part.strip()) for part in raw.split(",") if part.strip())
    if not found:
        raise ValueError
    return found


def _zone(text: str) -> str:
    try:
        name = domain_name(text)
    except ValueError:
        raise ValueError(f"{text!r} is no zone") from None
    if "." not in name or name.startswith("*"):
        raise ValueError(f"{text!r} is no zone")
    return name


def of_table(entries: object, where: str) -> tuple[list[DnsProviderSettings], list[str]]:
    """The providers of the settings file, and what is wrong with them."""
    found: list[DnsProviderSettings] = []
    problems: list[str] = []
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        return [], [f"{where}: wants tables: write [[dns.providers]]"]
    for number, entry in enumerate(entries, 1):
        provider, wrong = _provider(entry, f"{where}, dns.providers, number {number}")
        found += [provider] if provider is not None else []
        problems += wrong
    return found, problems


def of_variables(options: Mapping[str, Any]) -> tuple[list[DnsProviderSettings], list[str]]:
    """The one OVH account that variables name."""
    credentials = {key: options[f"ovh_{key}"] for key in (*_CONSUMER, *_SERVICE)}
    given = options["dns_zones"]
    if given is None:
        if any(credentials.values()):
            return [], ["credentials for OVH, but no zones: name them in SWARM_OPERATOR_DNS_ZONES"]
        return [], []
    provider = DnsProviderSettings(
        name="ovh",
        type="ovh",
        zones=given,
        name_servers=options["dns_name_servers"] or (),
        endpoint=options["ovh_endpoint"],
        **credentials,
    )
    return [provider], list(_faults(provider, "SWARM_OPERATOR_DNS_ZONES"))


def contradictions(
    providers: list[DnsProviderSettings], environment: Mapping[str, str]
) -> Iterator[str]:
    """What only shows when all of them are looked at."""
    names = [provider.name for provider in providers]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two DNS providers are called {name!r}: give each a name of its own"
    if any(provider.type == "ovh" for provider in providers):
        for variable in STRAY_VARIABLES:
            if environment.get(variable):
                yield (
                    f"environment variable {variable}: OVH's client would read it by itself; remove it, "
                    f"and use SWARM_OPERATOR_{variable}{'' if variable == 'OVH_ENDPOINT' else '_FILE'}"
                )


def _provider(
    entry: Mapping[str, object], where: str
) -> tuple[DnsProviderSettings | None, list[str]]:
    type_ = entry.get("type")
    if type_ not in {"ovh", "rfc2136"}:
        return None, [f"{where}: type: must be ovh or rfc2136"]
    known = _KEYS[str(type_)]
    problems = []
    read: dict[str, Any] = {"name": str(type_)}
    for key, raw in entry.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"{where}: {key}: no such setting of a provider of type {type_}{hint}")
            continue
        try:
            read[key] = _read(key, raw)
        except ValueError as error:
            problems.append(f"{where}: {key}: {error or 'is no such value'}")
    problems += [] if "zones" in entry else [f"{where}: zones is missing"]
    if problems:
        return None, problems
    provider = DnsProviderSettings(**read)
    return provider, list(_faults(provider, where))


def _read(key: str, raw: object) -> Any:
    """Raises ValueError with what is wrong."""
    if key in {"zones", "name_servers"}:
        if isinstance(raw, str):
            raw = [raw]
        if not isinstance(raw, list) or not raw or not all(isinstance(each, str) for each in raw):
            raise ValueError("must be a list of texts")
        return (zones if key == "zones" else name_servers)(",".join(raw))
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("must be a text")
    if key.endswith("_file"):
        return values.path(raw)
    match key:
        case "server":
            return name_server(raw)
        case "key_name":
            return _key_name(raw.strip())
        case "key_algorithm":
            return _key_algorithm(raw.strip().lower().removesuffix("."))
    return raw.strip()


def _key_name(text: str) -> str:
    """A TSIG key's name is one of the DNS (RFC 8945 4.2)."""
    try:
        return domain_name(text)
    except ValueError:
        raise ValueError("is no name of a key; write it as in the name server's settings") from None


def _key_algorithm(text: str) -> str:
    if text not in KEY_ALGORITHMS:
        near = difflib.get_close_matches(text, KEY_ALGORITHMS, 1)
        raise ValueError(
            f"did you mean {near[0]}?" if near else f"must be {KEY_ALGORITHMS[0]} or alike"
        )
    return text


def _faults(provider: DnsProviderSettings, where: str) -> Iterator[str]:
    if provider.type == "rfc2136":
        if provider.server is None:
            yield f"{where}: server is missing: the primary server, as 192.0.2.53:53"
        if bool(provider.key_name) != (provider.key_file is not None):
            yield f"{where}: key_name and key_file go together"
        return
    consumer = [getattr(provider, key) for key in _CONSUMER]
    service = [getattr(provider, key) for key in _SERVICE]
    is_whole = (all(consumer) and not any(service)) or (all(service) and not any(consumer))
    if not is_whole:
        yield (
            f"{where}: OVH wants either an application key, an application secret and a consumer key, or "
            "a client id and a client secret, each in a file"
        )
