"""The routes of networks (moby's api/server/router/network, daemon/cluster/networks.go)."""

from typing import Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.filters import Filters
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.network_json import with_tasks
from swarm_operator.simulation.api.query import json_body
from swarm_operator.simulation.api.renderings import Rendered
from swarm_operator.simulation.api.responses import answer, empty
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.networks import is_shown
from swarm_operator.simulation.engine.records import NetworkRecord

_FILTERS: Final = frozenset({"name", "id", "label", "driver", "scope", "type", "dangling"})
_PREDEFINED: Final = frozenset({"bridge", "host", "none", "default"})
_FLAGS: Final = {"1": True, "true": True, "0": False, "false": False}


def listing(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    """Those of the swarm, where the managers can be asked, then the engine's own."""
    filters = Filters.parse(request.query.get("filters", ""), _FILTERS)
    kinds, dangling = _kinds(filters), _dangling(filters)
    jsons = _rendered(backend).each(_visible(backend))
    return answer(
        [json for json in jsons if _matches(filters, json) and _is_kind(json, kinds, dangling)]
    )


def inspect(backend: Backend, request: ApiRequest, reference: str) -> ApiResponse:
    record = _find(backend, reference, request.query.get("scope", ""))
    json = _rendered(backend).of(record)
    if record.is_swarm_scope:
        json = with_tasks(json, backend.model.store, backend.node_id)
    return answer(json)


def create(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    backend.require_swarm(is_write=True)
    identity = backend.model.control.create_network(
        json_body(request), api_version=backend.version_of(request)
    )
    return answer({"Id": identity, "Warning": ""}, 201)


def remove(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    record = _find(backend, reference, "")
    if not record.is_swarm_scope:
        raise ApiError(403, f"{record.name} is a pre-defined network and cannot be removed")
    backend.require_swarm(is_write=True)
    backend.model.control.remove_network(record.id)
    return empty(204)


def _rendered(backend: Backend) -> Rendered[NetworkRecord]:
    shows_ipv4_flag = backend.newest_version >= (1, 48)
    return backend.rendered.networks if shows_ipv4_flag else backend.rendered.networks_before_28


def _visible(backend: Backend) -> list[NetworkRecord]:
    return [record for record in _known(backend) if is_shown(record)]


def _known(backend: Backend) -> list[NetworkRecord]:
    records = _rendered(backend).by_id()
    is_asked = backend.is_manager and not backend.trouble
    swarm = [record for record in records if record.is_swarm_scope and is_asked]
    return swarm + [record for record in records if not record.is_swarm_scope]


def _find(backend: Backend, reference: str, scope: str) -> NetworkRecord:
    """By whole id, whole name, beginning of the id. Raises ApiError 404 or 400.

    The swarm's twins of `host` and `bridge` stand in no list, but are found by id, and by name where
    the scope is asked for: so `docker service create --network host` comes to the id it needs.
    """
    wanted = {"swarm": True, "local": False}.get(scope)
    records = [
        record
        for record in _known(backend)
        if (record.is_swarm_scope and record.id.startswith(reference))  # whatever the scope
        or (wanted is None and is_shown(record))
        or (wanted is not None and record.is_swarm_scope is wanted)
    ]
    for how, matches in (
        ("", [r for r in records if r.id == reference]),
        ("name", [r for r in records if r.name == reference]),
        ("ID prefix", [r for r in records if r.id.startswith(reference)]),
    ):
        if len(matches) > 1:
            found = f"{len(matches)} matches found based on {how}"
            raise ApiError(400, f"{found}: network {reference} is ambiguous")
        if matches:
            return matches[0]
    raise ApiError(404, f"network {reference} not found")


def _kinds(filters: Filters) -> tuple[str, ...]:
    for kind in filters.get("type"):
        if kind not in {"builtin", "custom"}:
            raise ApiError(500, f"invalid filter: 'type'='{kind}'")
    return filters.get("type")


def _dangling(filters: Filters) -> bool | None:
    values = filters.get("dangling")
    if len(values) > 1:
        raise ApiError(400, 'got more than one value for filter key "dangling"')
    if not values:
        return None
    if values[0] not in _FLAGS:
        raise ApiError(
            400,
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
        )
    return _FLAGS[values[0]]


def _matches(filters: Filters, json: JsonObject) -> bool:
    return (
        filters.is_one_of("driver", json["Driver"])
        and filters.is_like("name", json["Name"])
        and filters.is_like("id", json["Id"])
        and filters.has_labels("label", json["Labels"] or {})
        and filters.is_one_of("scope", json["Scope"])
    )


def _is_kind(json: JsonObject, kinds: tuple[str, ...], dangling: bool | None) -> bool:
    """The managers know of no containers, so to them every network of people's own dangles."""
    is_builtin = json["Name"] in _PREDEFINED
    if kinds and ("builtin" if is_builtin else "custom") not in kinds:
        return False
    return dangling is None or dangling is not is_builtin
