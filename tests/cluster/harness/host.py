"""What nodes and the client host have in common: an address, a cable, processes in a namespace."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.cluster.harness import network, processes


class Host:
    """A machine on the lab's network."""

    def __init__(self, net: network.Network, number: int, directory: Path) -> None:
        self.network = net
        self.number = number
        self.directory = directory

    @property
    def address(self) -> str:
        """Its IPv4 address in the lab."""
        return self.network.address(self.number)

    @property
    def namespace(self) -> Path:
        """Its network namespace, below /run/netns."""
        return self.network.namespace(self.number)

    @property
    def is_cut(self) -> bool:
        return self._cut_mark.exists()

    def cut(self) -> None:
        """Unplug its network cable. It stays so over a power cycle, until `heal`."""
        self._cut_mark.touch()
        if self.namespace.exists():
            self.network.unplug(self.number)

    def heal(self) -> None:
        """Plug its network cable in again."""
        self._cut_mark.unlink(missing_ok=True)
        if self.namespace.exists():
            self.network.plug(self.number)

    @property
    def _cut_mark(self) -> Path:
        return self.directory / "cut"


class ClientHost(Host):
    """The host at 10.K.0.254 where Consul, the operator and other clients run.

    It has a network of its own only: files and processes are those of this machine.
    """

    def run(
        self, command: Sequence[str | Path], *, check: bool = True, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command on this host and return its captured output (text).

        Raises subprocess.CalledProcessError if it fails and `check` is set.
        """
        options.setdefault("capture_output", True)
        return subprocess.run(self.command(command), check=check, text=True, **options)

    def popen(self, command: Sequence[str | Path], **options: Any) -> "subprocess.Popen[Any]":
        """Start a process on this host; options are those of subprocess.Popen.

        Signals sent to it reach the command itself. The end of the lab kills it, if nothing else.
        """
        return subprocess.Popen(self.command(command), **options)

    def start(self, command: Sequence[str | Path], log: Path) -> None:
        """Start a program that outlives this process, until the lab ends."""
        processes.start_detached(self.command(command), log)

    def processes(self) -> list[int]:
        """Return the process ids of everything that runs on this host."""
        return processes.processes_in(self.namespace)

    def command(self, command: Sequence[str | Path]) -> list[str | Path]:
        """Return the command that runs this one on the client host."""
        # Not `ip netns exec`: it mounts a fresh /sys, which hides the cgroups.
        return ["nsenter", f"--net={self.namespace}", *command]
