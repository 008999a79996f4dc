"""`x-operator.routes` of a service, and `routes` of a document of `desired/routes/`: how people say what
the reverse proxy is to do, in few words."""

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from desired_state import go_values
from desired_state.forms import (
    DURATION_SCHEMA,
    Defect,
    Model,
    TextOrList,
    checked_by,
    defect,
    defects,
    kind_of,
)

_HOST: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_NAME: Final = re.compile(r"(?=.*[A-Za-z_-])[A-Za-z0-9_.-]+")
_WORD: Final = re.compile(r"[^\s,/`@]+(?:@[^\s,/`@]+)?")
_LONGEST_DRAIN_S: Final = 600
"""A move waits no longer than 900 s for a task to be let go."""


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise defect("is no host name", "write it as app.example.org, non-ASCII names in punycode")
    return text.lower()


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or ".." in text:
        raise defect("must be of letters, digits, . _ and -, with a letter in it")
    return text


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise defect("is no name", "write it as name, or name@provider")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or "`" in text:
        raise defect("must begin with / and hold no `")
    return text


def _drain(text: str) -> None:
    if len(text) > 100 or not 0 <= go_values.duration(text) <= _LONGEST_DRAIN_S * go_values.NANO:
        raise ValueError("must be between 0 and 10m")


def _hosts(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_host(item) for item in items)


def _words(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_word(item) for item in items)


def _switch_or_name(value: Any) -> Any:
    if not isinstance(value, bool | str):
        raise defect(f"must be true, false or a resolver's name, not {kind_of(value)}")
    return _word(value) if isinstance(value, str) else value


_SWITCH_OR_NAME: Final[dict[str, Any]] = {"anyOf": [{"type": "boolean"}, {"type": "string"}]}

Hosts: TypeAlias = Annotated[TextOrList, AfterValidator(_hosts)]
Words: TypeAlias = Annotated[TextOrList, AfterValidator(_words)]
Name: TypeAlias = Annotated[str, AfterValidator(_name)]
Word: TypeAlias = Annotated[str, AfterValidator(_word)]
Path: TypeAlias = Annotated[str, AfterValidator(_path)]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Drain: TypeAlias = Annotated[
    str, AfterValidator(checked_by(_drain)), WithJsonSchema(DURATION_SCHEMA)
]
SwitchOrName: TypeAlias = Annotated[
    bool | str, BeforeValidator(_switch_or_name), WithJsonSchema(_SWITCH_OR_NAME)
]
HowToReach: TypeAlias = Literal["auto", "tasks", "dns", "vip", "node"]

_NAME_OF: Final = "Of the router and the service; absent: made from the service's name."
_REACH: Final = (
    "By which addresses the tasks are reached: auto, tasks (each one's), dns (the name of all), vip, "
    "node (ports published in host mode)."
)
_DRAIN: Final = "What a task's last requests get before the operator moves it: at most 10m."
_ENTRYPOINT: Final = "The entry point."


class Canary(Model):
    """A share of the requests for another service."""

    service: str = Field(min_length=1, description="A service of the same document.")
    weight: Annotated[int, Field(ge=0, le=100)] = Field(description="Percent of the requests.")
    port: Port | None = Field(default=None, description="Inside its tasks; absent: the same.")


class Tasks(Model):
    """How the tasks of a service are reached."""

    port: Port | None = Field(default=None, description="Inside the service's tasks.")
    target: HowToReach = Field(default="auto", description=_REACH)
    network: str | None = Field(
        default=None,
        description="The name of the network on which Traefik reaches them; absent: any it shares.",
    )
    drain: Drain | None = Field(default=None, description=_DRAIN)


class HttpMatch(Model):
    """Which requests, and what is done to them on the way."""

    name: Name | None = Field(default=None, description=_NAME_OF)
    host: Hosts = Field(default=(), description="Host names; *.example.org for all below one.")
    rule: str | None = Field(
        default=None, min_length=1, description="A rule of Traefik's, instead of host and path."
    )
    path: Path | None = Field(default=None, description="Only paths that begin so.")
    strip: bool = Field(default=False, description="Take the path away before the service sees it.")
    https: SwitchOrName | None = Field(
        default=None,
        description=(
            "true: TLS; false: none; a name: TLS with certificates of this resolver. Absent: TLS "
            "where the operator's settings name a resolver."
        ),
    )
    entrypoint: Words = Field(
        default=(), description="Entry points; absent: those of the operator's settings."
    )
    middlewares: Words = Field(
        default=(), description="In this order; of another provider as name@provider."
    )
    priority: int | None = Field(
        default=None, description="Larger goes first; absent: the longer rule."
    )
    sticky: SwitchOrName | None = Field(
        default=None, description="A visitor stays with a task by a cookie; its name, or true."
    )


class TcpMatch(Model):
    """Which TCP connections."""

    name: Name | None = Field(default=None, description=_NAME_OF)
    entrypoint: Word = Field(description=_ENTRYPOINT)
    sni: Annotated[TextOrList, AfterValidator(_hosts)] = Field(
        default=(), description="Server names of TLS connections; absent: all connections."
    )
    tls: SwitchOrName | None = Field(
        default=None,
        description=(
            "passthrough: the service speaks TLS itself; true: Traefik does; a name: with "
            "certificates of this resolver. Absent: passthrough where there is a server name."
        ),
    )
    middlewares: Words = Field(default=(), description="In this order.")

    @model_validator(mode="after")
    def _has_names_with_tls_only(self) -> "TcpMatch":
        if self.sni and self.tls is False:
            hint = "remove sni, or write tls: passthrough"
            defects([(("tls",), "without TLS a connection tells no server name", hint)])
        return self


class UdpMatch(Model):
    """All packets of an entry point."""

    name: Name | None = Field(default=None, description=_NAME_OF)
    entrypoint: Word = Field(description=_ENTRYPOINT)


class TcpRoute(TcpMatch, Tasks):
    """TCP connections to the tasks of a service."""


class UdpRoute(UdpMatch, Tasks):
    """UDP packets to the tasks of a service."""


def http_defects(route: HttpMatch) -> list[Defect]:
    """What does not go together in which requests are meant."""
    found: list[Defect] = []
    if route.rule is not None and route.host:
        found.append((("rule",), "stands beside host", "write the host into the rule"))
    if route.rule is not None and route.path is not None and not route.strip:
        found.append((("path",), "stands beside rule", "write it into the rule"))
    if route.rule is None and not route.host and route.path is None:
        found.append(((), "says not which requests it is for", "write host: app.example.org"))
    if route.strip and route.path is None:
        found.append((("strip",), "has no path to take away", "write path"))
    return found


class ServiceRoute(HttpMatch, Tasks):
    """HTTP requests to the tasks of a service; or, in `tcp` or `udp` alone, connections or packets."""

    scheme: Literal["http", "https", "h2c"] = Field(
        default="http", description="What the tasks speak."
    )
    canary: Canary | None = Field(
        default=None, description="Another service that gets a share of the requests."
    )
    tcp: TcpRoute | None = Field(
        default=None, description="TCP instead of HTTP, alone in its entry."
    )
    udp: UdpRoute | None = Field(
        default=None, description="UDP instead of HTTP, alone in its entry."
    )

    @model_validator(mode="after")
    def _check(self) -> "ServiceRoute":
        others = [inner for inner in (self.tcp, self.udp) if inner is not None]
        if others:
            inner = "tcp" if self.tcp is not None else "udp"
            alone(self, inner)
            if others[0].port is None:
                defects([((inner,), "names no port of the tasks", "write port: 22")])
            return self
        found = http_defects(self)
        if self.port is None:
            found.append(((), "names no port of the tasks", "write port: 80"))
        defects(found)
        return self


def alone(route: Model, protocol: str) -> None:
    """Refuses other fields beside `tcp` or `udp`."""
    hint = f"write it inside of {protocol}"
    defects(
        ((name,), f"stands beside {protocol}", hint)
        for name in sorted(route.model_fields_set - {protocol})
    )


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


ServiceRoutes: TypeAlias = Annotated[
    tuple[ServiceRoute, ...], BeforeValidator(_listed), Field(strict=False)
]
"""One entry, or a list of them."""
