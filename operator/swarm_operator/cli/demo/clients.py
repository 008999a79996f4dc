"""The real clients, led to a simulated world."""

from dataclasses import dataclass

from swarm_operator.cli.invocation import Connections, WatchedKv
from swarm_operator.runtime.ports import SwarmPort
from swarm_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Clients:
    """A person's or a program's own connections: not the operator's."""

    swarm: SwarmPort
    kv: WatchedKv


def settings_for(docker_host: str, consul_addr: str) -> Settings:
    """Of a simulated world: nothing of this process's environment is in them."""
    return Settings.load({"DOCKER_HOST": docker_host, "CONSUL_HTTP_ADDR": consul_addr})


def clients_for(docker_host: str, consul_addr: str) -> Clients:
    """New connections."""
    from swarm_operator.cli import connect  # noqa: PLC0415 - the clients take 0.2 s to import

    settings = settings_for(docker_host, consul_addr)
    made: Connections = connect.Connections(kv_timeout_s=2.0)
    return Clients(swarm=made.swarm(settings), kv=made.kv(settings))
