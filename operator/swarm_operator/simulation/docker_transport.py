"""The operator's own Docker client over a simulated engine: no sockets, no JSON text, virtual time.

What goes wrong becomes the same errors as with a real engine, by the same code.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_operator.clients import docker_errors
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.docker_transport import ApiVersion, negotiate
from swarm_operator.clients.timing import CallTimer, NoMetrics
from swarm_operator.observed.errors import OutsideError, Unavailable
from swarm_operator.simulation.api.event_stream import EventStream
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.docker_wire import Wire
from swarm_operator.simulation.timeline import Timeline

ADDRESS: Final = "the simulated swarm"
"""In the place of an engine's address in texts for people."""


@dataclass(frozen=True, slots=True)
class MemoryResponse:
    """Hands out decoded JSON that nobody ever wrote as text."""

    body: Any = field(repr=False)
    stream: EventStream | None = None

    @property
    def content(self) -> None:
        return None

    def json(self) -> Any:
        return self.body


class MemoryTransport:
    """Carries requests over a wire (implements `clients.docker_transport.Transport`).

    Limits of time are those of the real transport, in seconds of the timeline.
    """

    def __init__(
        self,
        wire: Wire,
        timeline: Timeline,
        *,
        timeout_s: float = 25,
        read_timeout_s: float = 10,
        api_version: ApiVersion | None = None,
        timer: CallTimer | None = None,
    ) -> None:
        self._wire = wire
        self._timeout_s = timeout_s
        self._read_timeout_s = min(read_timeout_s, timeout_s)
        self._fixed_version = api_version
        self._version: ApiVersion | None = None
        self._timer = timer or CallTimer("docker", NoMetrics(), lambda: timeline.now)

    def request(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> MemoryResponse:
        request = ApiRequest(
            method,
            path,
            api_version=self.api_version(),
            query=dict(params or {}),
            headers=dict(headers or {}),
            body=copy.deepcopy(body),  # the engine keeps it; whoever sent it may go on with it
        )
        response = self._send(request)
        if response.status >= 400:
            raise self._refusal(response, operation, has_spec=body is not None)
        return MemoryResponse(response.body, response.stream)

    def api_version(self) -> ApiVersion:
        if self._version is None:
            self._version = self._fixed_version or negotiate(self._ping())
        return self._version

    def ping(self) -> None:
        self._ping()

    def close(self) -> None:
        """Nothing is open."""

    def _ping(self) -> str:
        response = self._send(ApiRequest("GET", "/_ping"))
        if response.status >= 400:
            raise self._refusal(response, "asking the engine's version", has_spec=False)
        return response.headers.get("Api-Version", "")

    def _send(self, request: ApiRequest) -> ApiResponse:
        limit_s = self._read_timeout_s if request.method == "GET" else self._timeout_s
        with self._timer.timed(request.method) as call:
            try:
                response = self._wire.send(request, limit_s)
            except OSError as error:
                self._version = None
                raise docker_errors.unreachable(error, ADDRESS) from None
            call.code = str(response.status)
            return response

    def _refusal(self, response: ApiResponse, operation: str, *, has_spec: bool) -> OutsideError:
        message = response.body.get("message", "") if isinstance(response.body, dict) else ""
        error = docker_errors.outside_error(response.status, message, operation, has_spec=has_spec)
        if isinstance(error, Unavailable):
            self._version = None  # another engine may answer next
        return error


def over(
    wire: Wire,
    timeline: Timeline,
    *,
    timeout_s: float = 25,
    read_timeout_s: float = 10,
    api_version: ApiVersion | None = None,
) -> DockerSwarm:
    """The real client over a wire: its clock and its pauses are the timeline's."""
    transport = MemoryTransport(
        wire,
        timeline,
        timeout_s=timeout_s,
        read_timeout_s=read_timeout_s,
        api_version=api_version,
    )
    return DockerSwarm.over(
        transport,
        clock=lambda: timeline.now,
        sleep=lambda seconds: timeline.advance(timeline.now + seconds),
        rng=lambda: 0.5,
    )
