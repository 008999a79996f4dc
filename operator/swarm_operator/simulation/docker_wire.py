"""What lies between a client and an engine's API, where a request may find no answer."""

from typing import Final, Protocol

from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.errors import ManagerPanic

SWARM_PATIENCE_S: Final = 20.0
"""How long a manager waits for its leader, or for a majority, before it says so (moby,
swarmRequestTimeout)."""


class Wire(Protocol):
    """Carries one request after another. Layers of faults implement it too."""

    def send(self, request: ApiRequest, limit_s: float) -> ApiResponse:
        """The answer, after at most `limit_s` of virtual time.

        Raises ConnectionRefusedError where nobody listens, TimeoutError where the limit passed,
        ConnectionResetError where the connection broke: whether it was done, nobody knows then.
        """
        ...


class DirectWire:
    """Straight to the API of one engine; to nobody while its machine is off.

    No time passes, unless a manager waits for a leader or for a majority before it answers.
    """

    def __init__(self, api: EngineApi, engine: Engine) -> None:
        self._api = api
        self._engine = engine

    def send(self, request: ApiRequest, limit_s: float) -> ApiResponse:
        timeline = self._engine.timeline
        deadline = timeline.now + min(limit_s, SWARM_PATIENCE_S)
        while True:
            response = self._answer(request)
            if not _is_about_waiting(response) or timeline.now >= deadline:
                break
            due = timeline.next_due()
            timeline.advance(deadline if due is None else min(due, deadline))
        if _is_about_waiting(response) and limit_s < SWARM_PATIENCE_S:
            raise TimeoutError  # it would have said so later
        return response

    def _answer(self, request: ApiRequest) -> ApiResponse:
        agent = self._engine.agents.get(self._api.node_id)
        if agent is None or not agent.has_power:
            raise ConnectionRefusedError
        try:
            return self._api.handle(request)
        except ManagerPanic:
            raise ConnectionResetError from None


def _is_about_waiting(response: ApiResponse) -> bool:
    """The API answers at once what a real manager says after its patience is at an end."""
    return response.status == 500 and "DeadlineExceeded" in str(response.body)
