"""DNS for a lab: a real name server (bind9) on its client host, and the double of OVH's API before it.

The operator reaches both as it reaches the internet elsewhere; what a zone serves changes only by the
API's refresh, or by an update with the server's key.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.cluster.harness import connections, forward, network
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.node import Node
from tests.cluster.harness.scenario import eventually
from tests.dns import name_server
from tests.dns.name_server import NameServer
from tests.dns.ovh_double.server import BASE
from tests.dns.ovh_double.zone import Zone
from tests.dns.ovh_world import OvhWorld, ovh_world

ZONE: Final = "example.org"
OTHER_ZONE: Final = "other.net"
NET: Final = "51.75.10."
"""Really global: the documentation's ranges are private ones to Python."""
LABEL: Final = "swarm-operator.dns.ipv4"


def missing() -> list[str]:
    """What this machine lacks."""
    return [] if name_server.is_here() else ["needs bind9; .ci/install-engines installs it"]


def public_address(node: Node | int) -> str:
    """The address that a node says it has for the world."""
    return f"{NET}{node if isinstance(node, int) else node.number}"


def label_nodes(lab: Lab) -> None:
    """Every node says its public address."""
    for node in lab.nodes:
        relabel(lab, node, public_address(node))


def relabel(lab: Lab, node: Node, address: str | None) -> None:
    """A node says another address, or none any more."""
    change = ["--label-rm", LABEL] if address is None else ["--label-add", f"{LABEL}={address}"]
    by = next(one for one in lab.managers if one.is_on)

    def is_done() -> bool:
        # "update out of sequence" where the swarm itself wrote the node in between.
        return (
            lab.docker_cli(by, "node", "update", *change, node.hostname, check=False).returncode
            == 0
        )

    eventually(is_done, 5, f"{node.hostname} should say {address}")


@dataclass
class DnsLab:
    """What answers for the zones, and what the operator has to be told."""

    lab: Lab
    named: NameServer
    world: OvhWorld
    url: str
    """Of the double, as seen from the client host."""
    folder: Path

    @property
    def zone(self) -> Zone:
        """As OVH's API shows it."""
        return self.world.double.zones[ZONE]

    @property
    def environment(self) -> dict[str, str]:
        """The operator's settings for one account at OVH."""
        self.world.account()  # writes the files
        files = {
            "APPLICATION_KEY": "application_key",
            "APPLICATION_SECRET": "application_secret",
            "CONSUMER_KEY": "consumer_key",
        }
        return {
            "SWARM_OPERATOR_DNS_ZONES": f"{ZONE},{OTHER_ZONE}",
            "SWARM_OPERATOR_DNS_NAMESERVERS": f"{self.named.address}:{self.named.port}",
            "SWARM_OPERATOR_OVH_ENDPOINT": self.url,
            **{
                f"SWARM_OPERATOR_OVH_{name}_FILE": str(self.folder / file)
                for name, file in files.items()
            },
        }

    def settings_file(self) -> Path:
        """Settings in which the name server itself takes the zones' updates."""
        self.write_key(self.named.secret)
        path = self.folder / "settings.toml"
        at = f"{self.named.address}:{self.named.port}"
        path.write_text(
            "[[dns.providers]]\n"
            'name = "own"\ntype = "rfc2136"\n'
            f'zones = ["{ZONE}"]\nserver = "{at}"\nname_servers = ["{at}"]\n'
            f'key_name = "{name_server.KEY}"\nkey_file = "{self._key_file}"\n'
        )
        return path

    def write_key(self, secret: str) -> None:
        """What the operator's TSIG key is from now on."""
        self._key_file.write_text(f"{secret}\n")

    @property
    def _key_file(self) -> Path:
        return self.folder / "tsig"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Words that must never be seen anywhere."""
        accounts = self.world.double.accounts
        return accounts.application_key, accounts.application_secret, self.world.consumer.key

    def serves(self, name: str = "git", type_: str = "A") -> list[str]:
        """What the name server says."""
        return self.named.look_up(f"{name}.{ZONE}", type_)

    def dig(self, name: str = "git") -> list[str]:
        """What a person sees with `dig`."""
        told = ["dig", "+short", f"@{self.named.address}", "-p", str(self.named.port)]
        return sorted(self.lab.client.run([*told, f"{name}.{ZONE}", "A"]).stdout.split())

    def calls(self, since: float = 0.0) -> list[str]:
        """What was asked of the API since a monotonic moment, but for its clock."""
        return self.world.double.calls(since)

    def writes(self, since: float = 0.0) -> list[str]:
        return [call for call in self.calls(since) if not call.startswith("GET ")]

    def refreshes(self, since: float = 0.0) -> list[float]:
        """When the API took an order to serve what it has."""
        return [
            one.at
            for one in list(self.world.double.seen)
            if one.at >= since and one.path.endswith("/refresh") and 200 <= one.status < 300
        ]


@contextlib.contextmanager
def dns_lab(
    lab: Lab,
    zones: Sequence[str] = (ZONE, OTHER_ZONE),
    *,
    address: str = "127.0.0.1",
    more_config: str = "",
) -> Iterator[DnsLab]:
    """Runs until the end of the block; the zones are empty.

    Both listen on this address of the client host: its own one is for clients in containers.
    `more_config` is for bind9, as further zones.
    """
    folder = lab.client.directory / "dns"
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        named = _named(lab, folder, tuple(zones), address)
        with (folder / "named.conf").open("a") as config:
            config.write(more_config)
        named.start()
        stack.callback(named.stop)
        world = stack.enter_context(ovh_world(folder, zones, named))
        port = urlsplit(world.double.url).port
        assert port is not None
        door = _Door(lab.client.namespace, address, port)
        stack.callback(door.close)
        yield DnsLab(lab, named, world, f"http://{address}:{door.port}{BASE}", folder)


def _named(lab: Lab, folder: Path, zones: tuple[str, ...], address: str) -> NameServer:
    namespace = lab.client.namespace
    server = NameServer(folder, zones, address, enter=("nsenter", f"--net={namespace}"))
    server.reach = forward.connector(namespace, server.address, server.port)
    server.write_files()
    return server


class _Door:
    """A port of the client host that leads to one of this machine's."""

    def __init__(self, namespace: Path, address: str, port: int) -> None:
        self._server = connections.Server(
            lambda: _listen(namespace, address), self._serve, f"door-{threading.get_ident()}"
        )
        self._connect = forward.connector(None, "127.0.0.1", port)
        self._server.open()
        self.port = self._server.address[1]

    def close(self) -> None:
        self._server.close()

    def _serve(self, client: socket.socket) -> None:
        with self._server.cut_with_us(self._connect()) as server:
            connections.copy_both_ways(client, server)


def _listen(namespace: Path, address: str) -> socket.socket:
    made = network.socket_in(namespace)
    made.bind((address, 0))
    made.listen(128)
    return made
