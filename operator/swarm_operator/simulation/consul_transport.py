"""The operator's own Consul client over the embedded Consul: no sockets, no text, virtual time.

A call that has to wait lets the timeline go on until its answer is there; whatever else is due
in that time happens meanwhile, as it would in the world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.consul_transport import Answer
from swarm_operator.clients.timing import CallTimer, NoMetrics
from swarm_operator.observed.errors import Unavailable
from swarm_operator.simulation.kv import durations
from swarm_operator.simulation.kv.http import (
    NOTHING,
    Broken,
    Later,
    Outcome,
    Refused,
    Request,
    Response,
)
from swarm_operator.simulation.timeline import Timeline

NAME: Final = "the simulated Consul"


class Handler(Protocol):
    """`ConsulApi`, or faults in front of it."""

    def handle(self, request: Request) -> Outcome:
        """Raises Broken where no answer will come."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryAnswer(Answer):
    """Hands out the objects themselves, whose text nobody ever wrote."""

    content: Any = field(default=None, repr=False)

    def json(self) -> Any:
        return self.content


class ConsulMemoryTransport:
    """Carries requests to a model (implements `clients.consul_transport.Transport`).

    Times out as the real one does: after `timeout_s`, for a blocking read after its wait and a
    sixteenth on top of that. An answer that comes later than this comes to nobody; what it did
    is done all the same.
    """

    def __init__(
        self,
        handler: Handler,
        timeline: Timeline,
        *,
        timeout_s: float = 10,
        timer: CallTimer | None = None,
    ) -> None:
        self._handler = handler
        self._timeline = timeline
        self._timeout_s = timeout_s
        self._timer = timer or CallTimer("consul", NoMetrics(), lambda: timeline.now)
        self._waits: list[_Wait] = []

    def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        return self._send("GET", path, params, b"")

    def put(
        self, path: str, params: Sequence[tuple[str, str]] = (), body: bytes | str = ""
    ) -> Answer:
        return self._send("PUT", path, params, body.encode() if isinstance(body, str) else body)

    def delete(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        return self._send("DELETE", path, params, b"")

    def interrupt(self) -> None:
        """Make the calls that wait fail now."""
        for wait in self._waits:
            wait.interrupt()

    def close(self) -> None:
        """Nothing is open."""

    def _send(
        self, method: str, path: str, params: Sequence[tuple[str, str]], body: bytes
    ) -> Answer:
        query = dict(reversed(params))
        with self._timer.timed(method) as call:
            try:
                outcome = self._handler.handle(Request(method, path, query, body))
                deadline = self._timeline.now + self._timeout_s + _longest_wait_s(query)
                while isinstance(outcome, Later):
                    self._wait(outcome, deadline)
                    outcome = outcome.answer()
            except Refused:
                raise Unavailable(f"nothing listens at {NAME}: Consul is down") from None
            except Broken:
                raise Unavailable(f"the connection to {NAME} broke or could not be made") from None
            call.code = str(outcome.status)
            return _answer(outcome)

    def _wait(self, later: Later, deadline: float) -> None:
        """Until the answer is there. Raises Unavailable at the deadline, Broken if interrupted."""
        wait = _Wait()
        self._waits.append(wait)
        take_back = later.subscribe(wait.end)
        try:
            until = min(later.until, deadline)
            while not wait.is_over and self._timeline.now < until:
                due = self._timeline.next_due()
                self._timeline.advance(until if due is None else min(until, due))
        finally:
            take_back()
            self._waits.remove(wait)
        if wait.is_interrupted:
            raise Broken
        if not wait.is_over and deadline < later.until:
            raise Unavailable(f"Consul at {NAME} did not answer in time")


@dataclass(slots=True, eq=False)
class _Wait:
    """One call that waits."""

    is_over: bool = False
    is_interrupted: bool = False

    def end(self) -> None:
        self.is_over = True

    def interrupt(self) -> None:
        self.is_over = self.is_interrupted = True


def over(
    handler: Handler, timeline: Timeline, root: str = "swarm-operator", *, timeout_s: float = 10
) -> ConsulKv:
    """The real client over a model. Each has an `interrupt` of its own."""
    return ConsulKv.over(ConsulMemoryTransport(handler, timeline, timeout_s=timeout_s), root)


def _longest_wait_s(query: Mapping[str, str]) -> float:
    if "index" not in query or not query.get("wait"):
        return 0.0
    return durations.parse(query["wait"]) / 1e9 * 17 / 16


def _answer(response: Response) -> Answer:
    if response.content is NOTHING:
        return Answer(response.status, response.headers, response.data.decode("utf-8", "replace"))
    if response.content is True or response.content is False or response.status >= 300:
        body = response.body.decode("utf-8", "replace")
        return MemoryAnswer(response.status, response.headers, body, response.content)
    return MemoryAnswer(response.status, response.headers, "", response.content)
