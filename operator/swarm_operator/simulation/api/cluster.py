"""The swarm's own route."""

from swarm_operator.simulation.api import cluster_json
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.responses import answer


def inspect(backend: Backend, _request: ApiRequest, _: str) -> ApiResponse:
    json = cluster_json.cluster(backend.model.timeline, backend.model.cluster_id)
    tokens = {"Worker": "SWMTKN-1-simulated-worker", "Manager": "SWMTKN-1-simulated-manager"}
    return answer({**json, "JoinTokens": tokens})
