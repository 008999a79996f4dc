"""From default, file, environment and flags to checked settings."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from pydantic import SecretStr

from swarm_operator.settings import dns
from swarm_operator.settings.dns import DnsProviderSettings, NameServer
from swarm_operator.settings.errors import SettingsError
from swarm_operator.settings.options import OPTIONS, Given
from swarm_operator.settings.values import Address, LogFormat, LogLevel, Mode

CONFIG_VARIABLE: Final = "SWARM_OPERATOR_CONFIG"
"""Names the settings file, as the flag `--config` does."""

OWN_PREFIX: Final = "SWARM_OPERATOR_"
TEST_PREFIX: Final = "SWARM_OPERATOR_TEST_"
"""Variables of the project's own tests: no settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked. `origins` says for each field where its value comes from."""

    docker_host: str
    docker_tls_verify: bool
    docker_cert_path: Path | None
    consul_addr: str
    consul_token: SecretStr | None
    consul_token_file: Path | None
    consul_cacert: Path | None
    root: str
    listen: Address
    mode: Mode
    log_format: LogFormat
    log_level: LogLevel
    registry_config: Path | None
    session_ttl_s: float
    lock_delay_s: float
    traefik: bool
    traefik_root: str
    traefik_service: str | None
    traefik_api: tuple[str, ...] | None
    traefik_exposed_by_default: bool
    traefik_default_rule: str
    traefik_constraints: str | None
    traefik_network: str | None
    traefik_entrypoint: str
    traefik_entrypoint_tls: str
    traefik_resolver: str | None
    traefik_drain_s: float
    traefik_shared_objects: bool
    dns_zones: tuple[str, ...] | None
    dns_name_servers: tuple[NameServer, ...] | None
    dns_changes_per_hour: int
    ovh_endpoint: str
    ovh_application_key_file: Path | None
    ovh_application_secret_file: Path | None
    ovh_consumer_key_file: Path | None
    ovh_client_id_file: Path | None
    ovh_client_secret_file: Path | None
    dns_providers: tuple[DnsProviderSettings, ...] = ()
    """Those of the file's table `[[dns.providers]]`, and the one that the variables name."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def load(
        cls,
        environment: Mapping[str, str],
        flags: Mapping[str, str | None] | None = None,
        config: Path | None = None,
    ) -> Self:
        """Default < file < environment < flag.

        `flags` is by field; None and "" mean "not given", as an empty variable does. `config`
        goes before the variable SWARM_OPERATOR_CONFIG. Raises SettingsError with every problem.
        """
        problems = list(_unknown_variables(environment))
        if config is None and environment.get(CONFIG_VARIABLE):
            config = Path(environment[CONFIG_VARIABLE])
        providers: list[DnsProviderSettings] = []
        layers = (
            _file_layer(config, problems, providers) if config else {},
            _environment_layer(environment),
            _flag_layer(flags or {}),
        )
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for option in OPTIONS:
            given = [layer[option.field] for layer in layers if option.field in layer]
            value, origin, problem = option.resolve(given[-1] if given else None)
            values[option.field], origins[option.field] = value, origin
            problems += [problem] if problem else []
        if not problems:
            named, faults = dns.of_variables(values)
            providers += named
            problems += [*faults, *dns.contradictions(providers, environment)]
        problems += [] if problems else _contradictions(values, origins)
        if problems:
            raise SettingsError(problems)
        _keep_one_token(values, origins, layers)
        return cls(**values, dns_providers=tuple(providers), origins=origins)

    def shown(self) -> Iterator[tuple[str, str, str]]:
        """Name, value for people (secrets hidden) and origin of each setting."""
        for option in OPTIONS:
            value = getattr(self, option.field)
            yield option.key, option.show(value), self.origins.get(option.field, "default")
        for provider in self.dns_providers:
            yield f"dns.providers.{provider.name}", str(provider), "settings of DNS providers"


def _environment_layer(environment: Mapping[str, str]) -> dict[str, Given]:
    layer = {}
    for option in OPTIONS:
        raw = environment.get(option.variable, "")
        if raw and option.variable == "DOCKER_TLS_VERIFY":
            raw = "true"  # docker/cli: whatever it is set to, "0" too
        if raw:
            layer[option.field] = Given(raw, f"environment variable {option.variable}")
    return layer


def _flag_layer(flags: Mapping[str, str | None]) -> dict[str, Given]:
    return {
        option.field: Given(flags[option.field], f"flag {option.flag}")
        for option in OPTIONS
        if flags.get(option.field)
    }


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    known = [option.variable for option in OPTIONS] + [CONFIG_VARIABLE]
    for name in sorted(environment):
        is_ours = name.startswith(OWN_PREFIX) and not name.startswith(TEST_PREFIX)
        if is_ours and name not in known:
            yield f"environment variable {name}: no such setting{_did_you_mean(name, known)}"


def _file_layer(
    path: Path, problems: list[str], providers: list[DnsProviderSettings]
) -> dict[str, Given]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        problems.append(f"settings file {path}: cannot be read: {error.strerror}")
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"settings file {path}: is not TOML: {error}")
        return {}
    section = document.get("dns")
    if isinstance(section, dict) and dns.KEY in section:
        found, wrong = dns.of_table(section.pop(dns.KEY), f"settings file {path}")
        providers += found
        problems += wrong
    by_key = {option.key: option for option in OPTIONS}
    layer = {}
    for key, raw in _flattened(document, {key.partition(".")[0] for key in by_key if "." in key}):
        if key in by_key:
            layer[by_key[key].field] = Given(raw, f"settings file {path}, {key}")
        else:
            hint = _did_you_mean(key, list(by_key))
            problems.append(f"settings file {path}, {key}: no such setting{hint}")
    return layer


def _flattened(table: Mapping[str, object], sections: set[str]) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if key in sections and isinstance(value, dict):
            yield from ((f"{key}.{below}", each) for below, each in value.items())
        else:
            yield key, value


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _contradictions(values: Mapping[str, Any], origins: Mapping[str, str]) -> Iterator[str]:
    root, traefik = values["root"], values["traefik_root"]
    if values["traefik"] and (root.startswith(traefik) or traefik.startswith(f"{root}/")):
        # Traefik's prefix is one of text: `traefik-x/` counts as its own (traefik#8092).
        yield (
            f"{origins['root']}: {root!r}: below Traefik's root {traefik!r} it would take our keys for "
            "its configuration; give SWARM_OPERATOR_TRAEFIK_ROOT and SWARM_OPERATOR_ROOT beginnings "
            "that differ"
        )
    api = values["traefik_api"]
    if api is not None and "{" in api[0] and values["traefik_service"] is None:
        yield (
            f"{origins['traefik_api']}: {api[0]!r} is filled in for each task of a service: name it "
            "in SWARM_OPERATOR_TRAEFIK_SERVICE, or give the instances' own URLs"
        )


def _keep_one_token(
    values: dict[str, Any], origins: dict[str, str], layers: tuple[Mapping[str, Given], ...]
) -> None:
    """Of token and token file the one from the later layer counts; in one layer the file
    (hashicorp/consul, api.NewClient)."""
    for layer in reversed(layers):
        for winner, loser in (
            ("consul_token_file", "consul_token"),
            ("consul_token", "consul_token_file"),
        ):
            if winner in layer:
                if values[loser] is not None:
                    values[loser], origins[loser] = None, f"overruled by {origins[winner]}"
                return
