"""A node of the swarm: namespaces of its own, an engine as process 1, power and cable to pull."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import DockerException

from tests.cluster.harness import host, network, paths, processes

_BOOT = Path(__file__).with_name("node_boot.sh")
_CLIENT_TIMEOUT_S = 60


class Node(host.Host):
    """One machine with a Docker engine. Holds no state of its own but what lies on disk."""

    def __init__(
        self,
        net: network.Network,
        number: int,
        directory: Path,
        engine: str,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(net, number, directory)
        self.engine = engine
        self.options = tuple(options)
        self._docker: APIClient | None = None

    def __repr__(self) -> str:
        return f"<{self.hostname} {self.address} of {self.network.lab}>"

    @property
    def hostname(self) -> str:
        return f"node{self.number}"

    @property
    def socket(self) -> Path:
        """The engine's Unix socket, as seen from this machine."""
        return self.shared / "docker.sock"

    @property
    def shared(self) -> Path:
        """A directory that the node sees as /run/lab."""
        return self.directory / "run"

    @property
    def docker(self) -> APIClient:
        """A client of this node's engine. Raises docker.errors.DockerException if it is off."""
        if self._docker is None:
            # Asked first: the SDK leaves its socket open where nobody listens.
            if not answers(self.socket):
                raise DockerException(f"the engine of {self} does not answer")
            url = f"unix://{self.socket}"
            client = APIClient(base_url=url, version="auto", timeout=_CLIENT_TIMEOUT_S)
            client.trust_env = False  # no proxy between us and a Unix socket
            self._docker = client
        return self._docker

    @property
    def is_on(self) -> bool:
        return processes.first_process_of(self.namespace) is not None

    def boot(self) -> None:
        """Power on without waiting for the engine."""
        if self.is_on:
            return
        # A namespace without processes is what a power failure of another process left.
        self.network.remove_host(self.number)
        for name in ("changes", "work", "root", "run", "docker"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.network.add_host(self.number, plugged=not self.is_cut)
        enter = ["nsenter", f"--net={self.namespace}", "unshare", "--mount", "--uts", "--pid"]
        processes.start_detached(
            [*enter, "--ipc", "--fork", "--kill-child", "bash", _BOOT, *self.options],
            log=self.log,
            environment={
                "NODE_DIR": str(self.directory),
                "NODE_ENGINE": str(paths.engine_root(self.engine)),
                "NODE_HOSTNAME": self.hostname,
                "NODE_ADDRESS": self.address,
                "NODE_CGROUP": cgroup(self.network.lab, self.number),
            },
        )

    @property
    def log(self) -> Path:
        """What the engine wrote, over all its boots."""
        return self.directory / "dockerd.log"

    def power_on(self, *, within: float = 60) -> None:
        """Start the node and wait until its engine answers.

        Raises TimeoutError with the end of the engine's log after `within` seconds.
        """
        self.boot()
        self.wait_until_answering(within=within)

    def power_off(self) -> None:
        """Cut the power: everything on the node dies at once, nothing is said to anybody."""
        self.close()
        if (first := processes.first_process_of(self.namespace)) is not None:
            processes.end_and_wait(first, processes.is_in(self.namespace))
        with processes.hold(self.namespace) as namespace:
            processes.end_all(namespace)
        self.network.remove_host(self.number)

    def wait_until_answering(self, *, within: float = 60) -> None:
        """Wait until the engine answers on its socket. Raises TimeoutError."""
        deadline = time.monotonic() + within
        while not answers(self.socket):
            if time.monotonic() > deadline:
                tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise TimeoutError(f"{self} does not answer after {within} s; its log:\n{tail}")
            time.sleep(0.02)

    def exec(
        self, command: Sequence[str], *, check: bool = True, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command on the node, in all its namespaces; return its captured output (text).

        Raises RuntimeError if the node is off, CalledProcessError if it fails and `check` is set.
        """
        first = processes.first_process_of(self.namespace)
        if first is None:
            raise RuntimeError(f"{self} is off")
        enter = ["nsenter", f"--target={first}", "--mount", "--uts", "--ipc", "--net", "--pid"]
        options.setdefault("capture_output", True)
        return subprocess.run(
            [*enter, "--wdns=/", "--", *command], check=check, text=True, **options
        )

    def containers(self, *, every: bool = False) -> list[dict[str, Any]]:
        """Return the node's running containers (`every`: the ended ones too), as the API does."""
        found: list[dict[str, Any]] = self.docker.containers(all=every)
        return found

    def close(self) -> None:
        """Close the Docker client; the next use of `docker` makes a new one."""
        if self._docker is not None:
            self._docker.close()
            self._docker = None


def cgroup(lab: str, number: int) -> str:
    """Return the cgroup that holds the containers of a node."""
    return f"/lab-{lab}-{number}"


def answers(path: Path) -> bool:
    """Say whether an engine answers on this Unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(str(path))
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        return b" 200 " in connection.recv(64)
    return False
