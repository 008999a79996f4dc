"""A real Consul on loopback ports, without a lab: light enough for one test file of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import requests

from tests.cluster.harness import paths


class RealConsul:
    """One server in a process of its own, which ends with this one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._http, self._rpc, self._serf = _free_ports(3)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, within: float = 30) -> None:
        """Returns once it takes writes."""
        configuration = self._directory / "config.json"
        configuration.write_text(json.dumps(self._configuration()), encoding="utf-8")
        with (self._directory / "consul.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", str(paths.tool("consul")), "agent"),
                    *("-server", "-bootstrap-expect=1", f"-config-file={configuration}"),
                    f"-data-dir={self._directory / 'data'}",
                ],
                stdout=log,
                stderr=log,
            )
        _wait(self._takes_writes, within)

    def close(self) -> None:
        self.kill()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def wipe(self) -> None:
        requests.delete(f"{self.url}/v1/kv/?recurse", timeout=10).raise_for_status()

    def lose_data(self) -> None:
        self.kill()
        shutil.rmtree(self._directory / "data")

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(number)

    def _takes_writes(self) -> bool:
        try:
            key = f"{self.url}/v1/kv/.harness"
            return requests.put(key, timeout=5).ok and requests.delete(key, timeout=5).ok
        except requests.RequestException:
            return False

    def _configuration(self) -> dict[str, object]:
        return {
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "node_name": "consul",
            "log_level": "warn",
            "disable_update_check": True,
            # Without this a single server takes some 10 s to find out that it is the leader.
            "performance": {"raft_multiplier": 1},
            "leave_on_terminate": False,
            "ports": {
                "http": self._http,
                "server": self._rpc,
                "serf_lan": self._serf,
                "dns": -1,
                "grpc": -1,
                "serf_wan": -1,
            },
        }


def missing() -> bool:
    """Whether this machine has no real Consul to run."""
    return not paths.tool("consul").exists() or os.name != "posix"


def _wait(ready: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Consul is not ready after {within} s")
        time.sleep(0.02)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
