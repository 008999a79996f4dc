"""The routes of configs and secrets (moby's daemon/cluster/configs.go, secrets.go)."""

from typing import Final

from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.filters import Filters
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.query import json_body, version_index
from swarm_operator.simulation.api.responses import answer, empty
from swarm_operator.simulation.engine.records import ConfigRecord, SecretRecord

_FILTERS: Final = frozenset({"name", "id", "label"})


def list_configs(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    filters = Filters.parse(request.query.get("filters", ""), _FILTERS)
    found = [each for each in backend.rendered.configs.by_id() if _matches(filters, each)]
    return answer(backend.rendered.configs.each(found))


def list_secrets(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    filters = Filters.parse(request.query.get("filters", ""), _FILTERS | {"names"})
    found = [
        each
        for each in backend.rendered.secrets.by_id()
        if _matches(filters, each) and filters.is_one_of("names", each.name)
    ]
    return answer(backend.rendered.secrets.each(found))


def inspect_config(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    return answer(backend.rendered.configs.of(backend.model.control.config(reference)))


def inspect_secret(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    return answer(backend.rendered.secrets.of(backend.model.control.secret(reference)))


def create_config(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    return answer({"ID": backend.model.control.create_config(json_body(request))}, 201)


def create_secret(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    return answer({"ID": backend.model.control.create_secret(json_body(request))}, 201)


def update_config(backend: Backend, request: ApiRequest, reference: str) -> ApiResponse:
    body = json_body(request)
    backend.model.control.update_config(reference, version_index(request, "config"), body)
    return empty()


def update_secret(backend: Backend, request: ApiRequest, reference: str) -> ApiResponse:
    body = json_body(request)
    backend.model.control.update_secret(reference, version_index(request, "secret"), body)
    return empty()


def remove_config(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    backend.model.control.remove_config(reference)
    return empty(204)


def remove_secret(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    backend.model.control.remove_secret(reference)
    return empty(204)


def _matches(filters: Filters, record: ConfigRecord | SecretRecord) -> bool:
    return (
        filters.has_prefix("name", record.name)
        and filters.has_prefix("id", record.id)
        and filters.has_labels("label", record.spec.get("Labels") or {})
    )
