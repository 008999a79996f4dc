"""The engine's events for a client in virtual time: taken when one looks, never waited for."""

import json

from swarm_operator.clients import docker_errors
from swarm_operator.clients.docker_events import FILTERS
from swarm_operator.observed import from_docker
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.events import SwarmEvent
from swarm_operator.simulation.api.event_stream import EventStream
from swarm_operator.simulation.api.message import ApiRequest
from swarm_operator.simulation.docker_transport import ADDRESS
from swarm_operator.simulation.docker_wire import Wire

OPEN_LIMIT_S = 10.0
"""As `DockerEventSource` has it."""


class EventFeed:
    """One subscription over a wire, begun anew where it broke: what `watch.DockerEvents` does with
    threads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._stream: EventStream | None = None
        self._since_ns: int | None = None

    def take(self) -> tuple[list[SwarmEvent], bool]:
        """The events since the last look, and whether some may be missing: the stream was opened
        only now. Raises Unavailable where it cannot be opened; then look again later."""
        is_new = self._stream is None or self._stream.is_over
        if is_new:
            self._stream = self._opened()
        assert self._stream is not None
        events = [e for e in map(from_docker.event, self._stream.take()) if e is not None]
        for event in events:
            self._since_ns = max(self._since_ns or 0, event.time_ns)
        return events, is_new

    def close(self) -> None:
        """End the subscription."""
        if self._stream is not None:
            self._stream.close()

    def _opened(self) -> EventStream:
        query = {"filters": FILTERS}
        if self._since_ns is not None:
            query["since"] = f"{self._since_ns // 10**9}.{self._since_ns % 10**9:09d}"
        try:
            response = self._wire.send(ApiRequest("GET", "/events", query=query), OPEN_LIMIT_S)
        except OSError as error:
            raise docker_errors.unreachable(error, ADDRESS) from None
        if response.stream is None:
            raise Unavailable(f"subscribing to events: {json.dumps(response.body)}")
        return response.stream
