"""The clients that the settings ask for: the only place where settings become connections."""

from collections.abc import Callable
from pathlib import Path

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.consul_transport import TokenFile
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.docker_events import DockerEventSource
from swarm_operator.clients.docker_transport import DockerTls
from swarm_operator.clients.timing import DurationMetric, NoMetrics
from swarm_operator.settings import Settings

CLI_TIMEOUT_S = 10.0
"""A person waits: of the commands each answer is waited for no longer than this."""


class Connections:
    """Makes clients. `on_token` is told every Consul token that is used, so that it can be hidden
    in logs; `timeout_s` is for the Engine (a manager itself gives up on the swarm after 20 s),
    `kv_timeout_s` for Consul."""

    def __init__(
        self,
        metrics: DurationMetric | None = None,
        on_token: Callable[[str], None] = lambda _token: None,
        timeout_s: float = CLI_TIMEOUT_S,
        kv_timeout_s: float = CLI_TIMEOUT_S,
    ) -> None:
        self._metrics = metrics or NoMetrics()
        self._on_token = on_token
        self._timeout_s = timeout_s
        self._kv_timeout_s = kv_timeout_s

    def kv(self, settings: Settings) -> ConsulKv:
        """A new client of Consul: a watch needs one of its own."""
        return ConsulKv(
            settings.consul_addr,
            self._token(settings),
            settings.root,
            ca_cert=settings.consul_cacert,
            timeout_s=self._kv_timeout_s,
            metrics=self._metrics,
        )

    def swarm(self, settings: Settings) -> DockerSwarm:
        """A new client of the Docker Engine."""
        return DockerSwarm(
            settings.docker_host,
            tls=_tls(settings),
            metrics=self._metrics,
            timeout_s=self._timeout_s,
        )

    def events(self, settings: Settings) -> DockerEventSource:
        """A new source of the Engine's events."""
        return DockerEventSource(settings.docker_host, tls=_tls(settings), metrics=self._metrics)

    def _token(self, settings: Settings) -> Callable[[], str] | None:
        """A token from a file is read for every request: a new one is used at once."""
        if settings.consul_token_file is not None:
            read: Callable[[], str] = TokenFile(settings.consul_token_file)
        elif settings.consul_token is not None:
            read = settings.consul_token.get_secret_value
        else:
            return None

        def token() -> str:
            value = read()
            self._on_token(value)
            return value

        return token


def _tls(settings: Settings) -> DockerTls | None:
    """TLS as the Docker CLI decides on it: wished for, or files given."""
    if not settings.docker_tls_verify and settings.docker_cert_path is None:
        return None
    folder = settings.docker_cert_path or Path.home() / ".docker"
    return DockerTls(
        ca=folder / "ca.pem",
        cert=folder / "cert.pem",
        key=folder / "key.pem",
        verify=settings.docker_tls_verify,
    )
