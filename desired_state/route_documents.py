"""`desired/routes/<name>`: routes to backends outside of the swarm, and what several routes share.

Two languages in one document: `routes` as on a service, with `servers` instead of a port; and Traefik's
own dynamic configuration as its file provider reads it (`http`, `tcp`, `udp`, `tls`), which is held
against Traefik's fields by whoever compiles it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from desired_state import yaml_reader
from desired_state.forms import Model, TextOrList, checked_by, defects, kind_of
from desired_state.keys import DESIRED, ROUTES
from desired_state.model_problems import did_you_mean, model_problems, problem_at
from desired_state.problems import DocumentRefused, Path, Problem
from desired_state.route_forms import HttpMatch, TcpMatch, UdpMatch, alone, http_defects
from desired_state.yaml_tree import YamlDocument

SECTIONS: Final = ("http", "tcp", "udp", "tls")
"""Of Traefik's own dynamic configuration."""

_URL: Final = re.compile(
    r"(?:https?|h2c)://(?:\[[0-9A-Fa-f:.]+\]|[^\s/:@,]+)(?::\d{1,5})?(?:/[^\s,]*)?"
)
_ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/:@,]+):\d{1,5}")


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("is no address of a server; write it as http://10.0.0.5:8080")
    return text


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("is no address of a server; write it as 10.0.0.5:22")
    return text


def _urls(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(checked_by(_url)(item) for item in items)


def _addresses(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(checked_by(_address)(item) for item in items)


_SERVERS: Final = "Addresses of the servers."
Urls: TypeAlias = Annotated[TextOrList, AfterValidator(_urls)]
Addresses: TypeAlias = Annotated[TextOrList, AfterValidator(_addresses)]


class TcpServers(TcpMatch):
    """TCP connections to servers outside of the swarm."""

    servers: Addresses = Field(min_length=1, description=_SERVERS)


class UdpServers(UdpMatch):
    """UDP packets to servers outside of the swarm."""

    servers: Addresses = Field(min_length=1, description=_SERVERS)


class OutsideRoute(HttpMatch):
    """HTTP requests to servers outside of the swarm; or, in `tcp` or `udp` alone, connections or
    packets."""

    servers: Urls = Field(default=(), description=_SERVERS)
    tcp: TcpServers | None = Field(default=None, description="TCP instead of HTTP.")
    udp: UdpServers | None = Field(default=None, description="UDP instead of HTTP.")

    @model_validator(mode="after")
    def _check(self) -> "OutsideRoute":
        if self.tcp is not None or self.udp is not None:
            alone(self, "tcp" if self.tcp is not None else "udp")
            return self
        found = http_defects(self)
        if not self.servers:
            found.append(((), "names no servers", "write servers: [http://10.0.0.5:8080]"))
        defects(found)
        return self


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class _Document(Model):
    routes: Annotated[tuple[OutsideRoute, ...], BeforeValidator(_listed), Field(strict=False)] = (
        Field(default=(), description="Routes in few words.")
    )


@dataclass(frozen=True, slots=True)
class RouteDocument:
    """A document that was read."""

    source: YamlDocument
    routes: tuple[OutsideRoute, ...] = ()
    dynamic: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """Traefik's own sections, as they are written."""

    @classmethod
    def parse(cls, name: str, value: bytes) -> "RouteDocument":
        """The document of a key of `desired/routes/`. Raises DocumentRefused with every problem."""
        try:
            source, _ = yaml_reader.read(f"{DESIRED}{ROUTES}{name}", value)
        except yaml_reader.Unreadable as unreadable:
            raise DocumentRefused(unreadable.problems) from None
        root = source.root if source.root is not None else {}
        if not isinstance(root, dict):
            message = f"a document of routes is a mapping, not {kind_of(root)}"
            raise DocumentRefused([problem_at(source, (), message, "begin with routes: or http:")])
        found: list[Problem] = []
        for section in SECTIONS:
            if not isinstance(root.get(section, {}), dict):
                message = f"must be a mapping, not {kind_of(root[section])}"
                found.append(problem_at(source, (section,), message))
        plain = {key: part for key, part in root.items() if key not in SECTIONS}
        try:
            document = _Document.model_validate(plain)
        except ValidationError as error:
            found += model_problems(source, error, _Document, _unknown_section)
        if found:
            raise DocumentRefused(found)
        dynamic = {section: root[section] for section in SECTIONS if root.get(section)}
        return cls(source, document.routes, dynamic)


def _unknown_section(document: YamlDocument, path: Path) -> Problem | None:
    if len(path) != 1:
        return None
    hint = did_you_mean(str(path[0]), ("routes", *SECTIONS))
    return problem_at(document, path, "unknown key", hint)
