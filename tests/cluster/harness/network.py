"""The network of a lab: a bridge in a namespace of its own, and one cable for each host.

Everything is found by name below /run/netns, so that any process can take it down again.
"""

import ctypes
import os
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.harness import paths

NAMESPACES = Path("/run/netns")
CLIENT_HOST = 254
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)  # os.setns is there from Python 3.12 on


@dataclass(frozen=True, slots=True)
class Network:
    """Names and addresses of one lab's network: 10.`octet`.0.0/24."""

    lab: str
    octet: int

    @property
    def switch(self) -> Path:
        return NAMESPACES / f"lab-{self.lab}-switch"

    def namespace(self, host: int) -> Path:
        """Return the network namespace of host number `host`; 254 is the client host."""
        return NAMESPACES / f"lab-{self.lab}-{'client' if host == CLIENT_HOST else f'node{host}'}"

    def address(self, host: int) -> str:
        return f"10.{self.octet}.0.{host}"

    def namespaces(self, nodes: int) -> list[Path]:
        """Return all namespaces of a lab with so many nodes."""
        hosts = (*range(1, nodes + 1), CLIENT_HOST)
        return [self.switch, *(self.namespace(host) for host in hosts)]

    def add_switch(self) -> None:
        _ip("netns", "add", self.switch.name)
        _ip_batch(self.switch, "link add br0 type bridge", "link set lo up", "link set br0 up")

    def add_host(self, host: int, *, plugged: bool = True) -> None:
        """Make the namespace of a host and its cable to the switch."""
        namespace = self.namespace(host)
        _ip("netns", "add", namespace.name)
        # The same hardware address each time, as a machine that returns has.
        hardware = f"02:00:0a:{self.octet:02x}:00:{host:02x}"
        _ip(
            *f"link add eth0 address {hardware} netns {namespace.name}".split(),
            *f"type veth peer name port{host} netns {self.switch.name}".split(),
        )
        _ip_batch(self.switch, f"link set port{host} master br0 {'up' if plugged else 'down'}")
        _ip_batch(
            namespace,
            "link set lo up",
            f"addr add {self.address(host)}/24 dev eth0",
            "link set eth0 up",
        )

    def remove_host(self, host: int) -> None:
        """Remove the namespace of a host and its cable, whichever is there."""
        if self.namespace(host).exists():
            # First and by itself: the kernel removes what is in a namespace some time later, and
            # the name of the port is needed again.
            _ip("-force", "-n", self.switch.name, "-batch", "-", stdin=f"link del port{host}")
            remove(self.namespace(host))

    def plug(self, host: int) -> None:
        _ip_batch(self.switch, f"link set port{host} up")

    def unplug(self, host: int) -> None:
        _ip_batch(self.switch, f"link set port{host} down")


def remove(namespace: Path) -> None:
    """Remove a network namespace and its cable, if it is there."""
    if namespace.exists():
        _ip("netns", "del", namespace.name)


def socket_in(namespace: Path) -> socket.socket:
    """Return a new TCP socket that lives in this network namespace.

    A socket stays in the namespace where it was made, whoever uses it later. So only the making
    happens inside, in a thread that ends at once and takes the change of namespace with it.
    """
    made: list[socket.socket | OSError] = []

    def make() -> None:
        try:
            _enter(namespace)
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make, name=f"enter-{namespace.name}")
    thread.start()
    thread.join()
    result = made[0]
    if isinstance(result, OSError):
        raise result
    return result


def _enter(namespace: Path) -> None:
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _LIBC.setns(handle, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(namespace))
    finally:
        os.close(handle)


def _ip(*arguments: str, stdin: str = "") -> None:
    done = subprocess.run(
        ["ip", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": paths.SYSTEM_PATH},
    )
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)} {stdin!r}: {done.stderr.strip()}")


def _ip_batch(namespace: Path, *lines: str) -> None:
    _ip("-n", namespace.name, "-batch", "-", stdin="\n".join(lines))
