"""What every verb needs to know of the command line it was called with."""

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from swarm_operator.observed.kv import KvTree
from swarm_operator.runtime.ports import KvPort, SwarmPort
from swarm_operator.settings import OPTIONS, Settings

Function = TypeVar("Function", bound=Callable[..., Any])


class WatchedKv(KvPort, Protocol):
    """A KV that can also be waited on."""

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        """The keys once something moved beyond `index`, or after `wait_s` seconds."""
        ...


class Connections(Protocol):
    """Makes the clients that the settings ask for."""

    def kv(self, settings: Settings) -> WatchedKv: ...

    def swarm(self, settings: Settings) -> SwarmPort: ...


class Invocation:
    """The global options, and from them the settings and the clients, when they are asked for."""

    def __init__(
        self,
        config: Path | None,
        flags: Mapping[str, str | None],
        connections: Connections | None = None,
        *,
        is_hasty: bool = False,
    ) -> None:
        """`is_hasty`: Consul answers within a second, or not at all."""
        self._config = config
        self._flags = flags
        self._connections = connections
        self._is_hasty = is_hasty

    def settings(self, **flags: str | None) -> Settings:
        """The checked settings; `flags` are those of the verb itself. Raises SettingsError."""
        return Settings.load(os.environ, {**self._flags, **flags}, self._config)

    @cached_property
    def kv(self) -> WatchedKv:
        return self.connections.kv(self.settings())

    @cached_property
    def swarm(self) -> SwarmPort:
        return self.connections.swarm(self.settings())

    def asked(self) -> list[str]:
        """Whom the command talked to, and why to them: for a message that something failed."""
        fields = []
        if "kv" in self.__dict__:
            fields += ["consul_addr", "consul_token", "consul_token_file"]
        if "swarm" in self.__dict__:
            fields.append("docker_host")
        settings = self.settings()
        return [
            f"{option.key}: {option.show(getattr(settings, option.field))} "
            f"({settings.origins[option.field]})"
            for option in OPTIONS
            if option.field in fields and getattr(settings, option.field) is not None
        ]

    @cached_property
    def connections(self) -> Connections:
        if self._connections is not None:
            return self._connections
        from swarm_operator.cli import connect  # noqa: PLC0415 - the clients take 0.2 s to import

        return connect.Connections(kv_timeout_s=1.0) if self._is_hasty else connect.Connections()


pass_invocation = click.make_pass_decorator(Invocation)


def setting_option(field: str) -> Callable[[Function], Function]:
    """The flag of a setting. Its text is checked with all other settings, not by click."""
    option = next(option for option in OPTIONS if option.field == field)
    assert option.flag
    default = f", default {option.default}" if option.default else ""
    return click.option(
        option.flag,
        field,
        metavar="TEXT",
        help=f"{option.help[0].upper()}{option.help[1:]}. Variable: {option.variable}{default}.",
    )


def who() -> str:
    """The person at the keyboard, for records: user and host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
