"""The Docker Engine's stream of events, of swarm scope."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Final

import requests

from swarm_operator.clients.docker_transport import ApiVersion, DockerTls, DockerTransport
from swarm_operator.clients.timing import CallTimer, DurationMetric, NoMetrics
from swarm_operator.observed import from_docker
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.events import KINDS, SwarmEvent

# Without the scope every container that joins a network would wake us.
FILTERS: Final = json.dumps({"type": list(KINDS), "scope": ["swarm"]})


class DockerEventSource:
    """Opens streams of events, and pings the engine beside them. For one watch: `interrupt` ends
    all its calls."""

    def __init__(
        self,
        base_url: str,
        *,
        tls: DockerTls | None = None,
        timeout_s: float = 10,
        metrics: DurationMetric | None = None,
        api_version: ApiVersion | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """As `DockerSwarm`; `timeout_s` is for connecting and for a ping."""
        timer = CallTimer("docker", metrics or NoMetrics(), clock)
        self._transport = DockerTransport(
            base_url, timer=timer, tls=tls, timeout_s=timeout_s, api_version=api_version
        )

    def open(self, since_ns: int | None) -> Iterator[SwarmEvent]:
        """Subscribe; returns once the engine has accepted. Raises Unavailable, here and from the
        iterator, which ends in no other way.

        `since_ns` (the engine's clock) asks for what was missed. The engine keeps 256 events of
        all kinds, in memory: it may have forgotten, and may send some twice.
        """
        params = {"filters": FILTERS}
        if since_ns is not None:
            params["since"] = f"{since_ns // 10**9}.{since_ns % 10**9:09d}"
        response = self._transport.request(
            "GET", "/events", "subscribing to events", params=params, stream=True
        )
        return _events(response)

    def ping(self) -> None:
        """Raises unless the engine answers on another connection: a frozen one sends nothing, and
        so does a quiet one."""
        self._transport.ping()

    def interrupt(self) -> None:
        """End the open stream and every call under way."""
        self._transport.interrupt()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


def _events(response: requests.Response) -> Iterator[SwarmEvent]:
    try:
        # The engine ends every event with a newline (Go's json.Encoder), so none waits here for
        # the next one.
        for line in response.iter_lines(chunk_size=65536):
            event = _event(line)
            if event is not None:
                yield event
    except (requests.RequestException, OSError, AttributeError):
        # AttributeError: urllib3 reading from a connection that was closed under it.
        raise Unavailable("the stream of Docker's events broke") from None
    finally:
        response.close()
    raise Unavailable("the Docker Engine ended its stream of events")


def _event(line: bytes) -> SwarmEvent | None:
    try:
        raw = json.loads(line) if line else None
    except ValueError:
        return None  # the last, cut-off line of an engine that died
    return from_docker.event(raw) if isinstance(raw, dict) else None
