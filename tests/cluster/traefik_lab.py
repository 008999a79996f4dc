"""A real Traefik as a service of a lab's swarm, where a container of it would run in production.

traefik = Traefik(lab).start()                    # reads Consul's KV, as the operator fills it
labels = Traefik(lab, provider="swarm").start()   # beside it: Traefik's own Swarm provider
with load.on(lab, "app.lab", at=traefik.at, method="POST") as sent: …
"""

import http.client
import json
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self
from urllib.parse import quote

from tests.cluster.harness import network, traefik_binary
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.node import Node
from tests.cluster.harness.scenario import eventually

ROOT = "traefik"
EDGE = "edge"
"""The overlay network that Traefik and what it routes to share."""

Provider = Literal["consul", "swarm", "both", "none"]


class Traefik:
    """Traefik on these nodes (default: the first), its ports in host mode: 80 web, 8080 API.

    `provider="swarm"` is the comparison: the Docker socket mounted, ports 81 and 8081, so that both
    stand on the same node; `ports` are others, for a third one. `provider="both"` is what stands
    there during a migration from labels. `options` are more of its command line's. `engine_socket` is
    what it sees as Docker's socket: a path on the node.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        minor: str | None = None,
        provider: Provider = "consul",
        nodes: Sequence[int] = (1,),
        throttle: str = "500ms",
        networks: Sequence[str] = (EDGE,),
        options: Sequence[str] = (),
        name: str | None = None,
        token: str | None = None,
        ports: tuple[int, int] | None = None,
        engine_socket: str = "/run/docker.sock",
    ) -> None:
        self.lab = lab
        self.minor = minor or traefik_binary.newest()
        self.provider = provider
        self.nodes: list[Node] = [lab.node(number) for number in nodes]
        self.networks = networks
        self.name = name or ("traefik-labels" if provider == "swarm" else "traefik")
        self._throttle = throttle
        self._options = options
        self._token = token
        self._engine_socket = engine_socket
        self.web_port, self.api_port = ports or ((81, 8081) if provider == "swarm" else (80, 8080))

    @property
    def at(self) -> str:
        """Address and port of its entry point `web`, on the first of its nodes."""
        return f"{self.nodes[0].address}:{self.web_port}"

    def command_line(self) -> list[str]:
        """The static configuration of this instance."""
        return [
            "--entrypoints.web.address=:80",
            "--entrypoints.traefik.address=:8080",
            "--entrypoints.tcp.address=:9000",
            "--entrypoints.udp.address=:9001/udp",
            "--api.insecure=true",
            "--metrics.prometheus=true",
            "--log.level=DEBUG",
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            f"--providers.providersthrottleduration={self._throttle}",
            *self._provider_options(),
            *self._options,
        ]

    def _provider_options(self) -> list[str]:
        options = []
        if self.provider in {"consul", "both"}:
            options += [
                f"--providers.consul.endpoints={self.lab.consul.address}:8500",
                f"--providers.consul.rootkey={ROOT}",
                *([f"--providers.consul.token={self._token}"] if self._token else []),
            ]
        if self.provider in {"swarm", "both"}:
            options += [
                "--providers.swarm.endpoint=unix:///run/docker.sock",
                f"--providers.swarm.network={EDGE}",
            ]
        return options

    def start(self, within: float = 30) -> Self:
        """Make the service and wait until every instance's API answers."""
        program = traefik_binary.path(self.minor)
        for node in self.nodes:
            placed = node.shared / program.name
            if not placed.exists():
                _place(program, placed)
        hosts = [f"--constraint=node.hostname=={node.hostname}" for node in self.nodes]
        if len(hosts) > 1:
            hosts = [f"--constraint=node.labels.{self.name}==true"]
            for node in self.nodes:
                self.lab.docker_cli(
                    1, "node", "update", "--label-add", f"{self.name}=true", node.hostname
                )
        self.lab.docker_cli(
            1,
            *("service", "create", "--detach", "--no-resolve-image", "--name", self.name),
            *("--mode", "global", "--endpoint-mode", "dnsrr", "--label", "traefik.enable=false"),
            *(f"--network={name}" for name in self.networks),
            f"--publish=mode=host,target=80,published={self.web_port}",
            f"--publish=mode=host,target=8080,published={self.api_port}",
            *self._host_ports(),
            f"--mount=type=bind,source=/run/lab/{program.name},target=/bin/traefik,readonly",
            *self._socket(),
            *hosts,
            "lab/traefik:1",
            *self.command_line(),
        )
        for node in self.nodes:
            self._wait_for_api(node, within)
        return self

    def _wait_for_api(self, node: Node, within: float) -> None:
        eventually(lambda: self.api("version", node=node), within, f"{self} answers")

    def _host_ports(self) -> list[str]:
        if self.web_port != 80:
            return []
        return [
            "--publish=mode=host,target=9000,published=9000",
            "--publish=mode=host,target=9001,published=9001,protocol=udp",
        ]

    def _socket(self) -> list[str]:
        if self.provider not in {"swarm", "both"}:
            return []
        return [f"--mount=type=bind,source={self._engine_socket},target=/run/docker.sock"]

    def __repr__(self) -> str:
        return f"<Traefik {self.minor} ({self.provider})>"

    def remove(self) -> None:
        """Remove the service."""
        self.lab.docker_cli(1, "service", "rm", self.name, check=False)
        self.lab.wait_until_gone(self.name)

    # What it says -------------------------------------------------------------------------------

    def get(
        self, host: str, path: str = "/", *, node: Node | None = None, method: str = "GET"
    ) -> tuple[int, str]:
        """Ask the entry point `web` for a host; status and body. Raises OSError."""
        return self._ask(self.web_port, path, node, {"Host": host}, method)

    def headers(self, host: str, path: str = "/") -> dict[str, str]:
        """The headers of an answer, names in lower case."""
        with self._connection(self.web_port, None) as connection:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            response.read()
            return {name.lower(): value for name, value in response.getheaders()}

    def api(self, path: str, *, node: Node | None = None) -> Any:
        """GET /api/PATH, decoded; None for an answer other than 200 or none at all."""
        try:
            status, body = self._ask(self.api_port, f"/api/{quote(path, safe='/@?=&')}", node)
        except OSError:
            return None
        return json.loads(body) if status == 200 else None

    def raw(self) -> dict[str, Any]:
        """/api/rawdata."""
        found: dict[str, Any] = self.api("rawdata")
        return found

    def reloads(self) -> int:
        """How many configurations it has taken since its start, of all providers together."""
        name = "traefik_config_reloads_total"
        lines = self.metrics().splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(name))

    def metrics(self) -> str:
        """What it tells Prometheus."""
        return self._ask(self.api_port, "/metrics", None)[1]

    def requests_by_router(self) -> dict[str, int]:
        """How many requests went by each router (NAME@PROVIDER) since its start; needs the option
        `--metrics.prometheus.addrouterslabels=true`."""
        _, body = self._ask(self.api_port, "/metrics", None)
        line = r'^traefik_router_requests_total{.*router="([^"]+)".*} (\d+)'
        counted: Counter[str] = Counter()
        for name, requests in re.findall(line, body, re.MULTILINE):
            counted[name] += int(requests)
        return counted

    def log(self) -> str:
        """What it wrote."""
        return self.lab.docker_cli(1, "service", "logs", "--raw", self.name, check=False).stdout

    def wait_for(self, host: str, status: int = 200, *, path: str = "/", within: float = 10) -> str:
        """Wait until a host is answered with this status; the body."""

        def answered() -> str | None:
            try:
                found, body = self.get(host, path)
            except OSError as error:
                raise AssertionError(repr(error)) from None
            assert found == status, (found, body)
            return body or " "

        return eventually(answered, within, f"{host}{path} should be {status}", 0.02)

    def _ask(
        self,
        port: int,
        path: str,
        node: Node | None,
        headers: dict[str, str] | None = None,
        method: str = "GET",
    ) -> tuple[int, str]:
        with self._connection(port, node) as connection:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()

    @contextmanager
    def _connection(self, port: int, node: Node | None) -> Iterator[http.client.HTTPConnection]:
        address = (node or self.nodes[0]).address
        link = network.socket_in(self.lab.client.namespace)
        connection = http.client.HTTPConnection(address, port)
        try:
            link.settimeout(30)
            link.connect((address, port))
            connection.sock = link
            yield connection
        except http.client.HTTPException as error:
            raise ConnectionError(f"{address}:{port}: {error!r}") from error
        finally:
            link.close()


def _place(program: os.PathLike[str], target: os.PathLike[str]) -> None:
    """A second name for the same file where that is possible: it is too large to be copied often."""
    draft = f"{os.fspath(target)}.{secrets.token_hex(3)}"
    try:
        os.link(program, draft)
    except OSError:
        shutil.copy2(program, draft)
    os.rename(draft, target)  # noqa: PTH104
