"""The routes of nodes (moby's daemon/cluster/nodes.go, SwarmKit's controlapi/node.go)."""

from typing import Final

from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.filters import Filters
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.query import json_body, loose_flag, version_index
from swarm_operator.simulation.api.responses import answer, empty
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.records import NodeRecord

_FILTERS: Final = frozenset({"name", "id", "label", "role", "membership", "node.label"})
_WORDS: Final = {"role": ("worker", "manager"), "membership": ("pending", "accepted")}


def listing(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    filters = Filters.parse(request.query.get("filters", ""), _FILTERS)
    for key, words in _WORDS.items():
        for value in filters.get(key):
            if value and value.lower() not in words:
                raise ApiError(500, f"Invalid {key} filter: '{value}'")
    found = [node for node in backend.rendered.nodes.by_id() if _matches(filters, node)]
    return answer(backend.rendered.nodes.each(found))


def inspect(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    return answer(backend.rendered.nodes.of(backend.model.control.node(reference)))


def update(backend: Backend, request: ApiRequest, reference: str) -> ApiResponse:
    body = json_body(request)
    backend.model.control.update_node(reference, version_index(request, "node"), body)
    return empty()


def remove(backend: Backend, request: ApiRequest, reference: str) -> ApiResponse:
    backend.model.control.remove_node(reference, force=loose_flag(request, "force"))
    return empty()


def _matches(filters: Filters, node: NodeRecord) -> bool:
    roles = {role.lower() for role in filters.get("role") if role}
    memberships = {word.lower() for word in filters.get("membership") if word}
    return (
        filters.has_prefix("name", node.hostname)
        and filters.has_prefix("id", node.id)
        and filters.has_labels("label", node.engine_labels)
        and filters.has_labels("node.label", node.labels)
        and (not roles or node.role in roles)
        and (not memberships or "accepted" in memberships)
    )
