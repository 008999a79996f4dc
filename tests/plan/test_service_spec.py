"""The comparable form of a spec: made from a spec, never of it."""

import copy

import pytest
from hypothesis import given, settings

from swarm_operator.plan.service_spec import comparable
from tests.laws.worlds import Document, documents, specs_of

VERSIONS = ((1, 41), (1, 44), (1, 51))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"API {v[0]}.{v[1]}")
@given(document=documents())
@settings(max_examples=30)
def test_comparing_changes_neither_spec(document: Document, version: tuple[int, int]) -> None:
    """The specs of a snapshot are shared: an old API that drops fields must not drop them there."""
    for service in specs_of(document).services.values():
        before = copy.deepcopy(service.spec)
        comparable(service.spec, {}, version)
        assert service.spec == before


def test_an_old_api_drops_what_it_does_not_know() -> None:
    spec = {
        "TaskTemplate": {"ContainerSpec": {"Healthcheck": {"StartInterval": 5, "Retries": 3}}},
    }
    old = comparable(spec, {}, (1, 41))
    new = comparable(spec, {}, (1, 44))
    assert old["TaskTemplate"]["ContainerSpec"]["Healthcheck"] == {"Retries": 3}
    assert new["TaskTemplate"]["ContainerSpec"]["Healthcheck"] == {"StartInterval": 5, "Retries": 3}
