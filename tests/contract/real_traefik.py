"""A real Traefik on loopback ports, without a lab: light enough for one test file of its own."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.harness import traefik_binary

Line = Mapping[str, Any]
"""A line of Traefik's log."""


class RealTraefik:
    """One Traefik in a process of its own, which ends with this one.

    It has entry points `web`, `websecure` (HTTP), `tcp` and `udp`, and the API on a fifth one;
    `options` say where its configuration comes from, as on its command line.
    """

    def __init__(self, directory: Path, minor: str, options: Sequence[str]) -> None:
        self.minor = minor
        self.version = traefik_binary.versions()[minor]
        self._directory = directory
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._choose_ports()

    def start(self, *, within: float = 20) -> None:
        """Returns once its API answers; its providers may not have been read yet."""
        deadline = time.monotonic() + within
        self._launch()
        while self.api("version") is None:
            if self._process is None or self._process.poll() is not None:
                # Somebody else took one of the ports: they are free until they are used.
                self._choose_ports()
                self._launch()
            if time.monotonic() > deadline:
                self.close()
                raise TimeoutError(f"Traefik {self.version} does not answer: {self.log_text()}")
            time.sleep(0.02)

    def _choose_ports(self) -> None:
        held = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
        ports = [link.getsockname()[1] for link in held]
        for link in held:
            link.close()
        self.web_port, self.secure_port, self.tcp_port, self.udp_port, self.api_port = ports

    def _launch(self) -> None:
        self._log.unlink(missing_ok=True)
        options = [
            f"--entrypoints.web.address=127.0.0.1:{self.web_port}",
            f"--entrypoints.websecure.address=127.0.0.1:{self.secure_port}",
            f"--entrypoints.tcp.address=127.0.0.1:{self.tcp_port}",
            f"--entrypoints.udp.address=127.0.0.1:{self.udp_port}/udp",
            f"--entrypoints.traefik.address=127.0.0.1:{self.api_port}",
            "--api.insecure=true",
            "--metrics.prometheus=true",
            "--log.level=DEBUG",
            "--log.format=json",
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            *self._options,
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", traefik_binary.path(self.minor), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
            )

    def close(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.close()
        self.start()

    @property
    def _log(self) -> Path:
        return self._directory / "traefik.log"

    # What it says -------------------------------------------------------------------------------

    def api(self, path: str) -> Any:
        """GET /api/PATH, decoded; None for an answer other than 200 or none at all."""
        try:
            status, body = self.ask(self.api_port, f"/api/{path}")
        except OSError:
            return None
        return json.loads(body) if status == 200 else None

    def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """Ask the entry point `web` for a host; status and body. Raises OSError."""
        return self.ask(self.web_port, path, {"Host": host})

    def ask(
        self, port: int, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """GET from one of its ports. Raises OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read().decode()
        except http.client.HTTPException as error:
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()

    def reloads(self) -> int:
        """How many configurations it has taken since its start, of all providers together."""
        _, body = self.ask(self.api_port, "/metrics")
        name = "traefik_config_reloads_total"
        return sum(int(float(x.split()[-1])) for x in body.splitlines() if x.startswith(name))

    def log_text(self) -> str:
        """What it wrote since its start."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def log_lines(self) -> list[Line]:
        """The same, decoded; what is not JSON left out."""
        return [json.loads(x) for x in self.log_text().splitlines() if x.startswith("{")]

    def errors(self) -> list[Line]:
        """What it said at level error."""
        return [line for line in self.log_lines() if line.get("level") == "error"]

    def wait_for_log(self, *parts: str, or_error: str = "\0", within: float = 15) -> None:
        """Wait for a line with all these texts, or for one with the text of an error.

        Raises TimeoutError with the log.
        """
        deadline = time.monotonic() + within
        while True:
            lines = self.log_text().splitlines()
            if any(or_error in line or all(part in line for part in parts) for line in lines):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"no line with {parts} in\n{self.log_text()[-3000:]}")
            time.sleep(0.02)
