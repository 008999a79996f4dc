"""Terse routes on their way: document, label, and what is told before anything runs."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desired_state import DocumentRefused, StackFolder
from desired_state.problems import Severity
from swarm_operator.plan.compose import render, specs_of
from swarm_operator.plan.ownership import ROUTES_LABEL, Owner
from swarm_operator.plan.routes import terse_label
from swarm_operator.plan.routes.terse_label import NotTerseRoutes
from swarm_operator.plan.services import with_bookkeeping


def specs(routes: Any, more: dict[str, Any] | None = None) -> Any:
    document = {
        "services": {"web": {"image": "x", "x-operator": {"routes": routes}}, **(more or {})}
    }
    files = {"compose.yaml": json.dumps(document).encode()}
    return specs_of(StackFolder("shop", files))[1]


def told(routes: Any, more: dict[str, Any] | None = None) -> list[str]:
    try:
        return [str(each) for each in specs(routes, more).warnings]
    except DocumentRefused as refused:
        return [str(each) for each in refused.problems if each.severity is Severity.ERROR]


def test_a_label_of_the_service_and_nothing_else() -> None:
    found = specs({"host": "a.org", "port": 80}).services["shop_web"]
    spec = with_bookkeeping(found, found.spec, Owner("i", b"k"), {})
    assert json.loads(spec["Labels"][ROUTES_LABEL]) == [{"host": ["a.org"], "port": 80}]
    assert ROUTES_LABEL not in json.dumps(spec["TaskTemplate"])
    without = specs([]).services["shop_web"]
    assert (
        ROUTES_LABEL not in with_bookkeeping(without, without.spec, Owner("i", b"k"), {})["Labels"]
    )


def test_what_docker_would_get_is_the_same_with_and_without_routes() -> None:
    with_them, without = specs({"host": "a.org", "port": 80}), specs([])
    assert render(with_them, show_secrets=True) == render(without, show_secrets=True)


def test_the_label_says_the_same_however_it_was_written() -> None:
    short, long = (
        specs({"host": "A.org", "port": 80}),
        specs([{"port": 80, "target": "auto", "host": ["a.org"], "strip": False}]),
    )
    first, second = (
        terse_label.written(each.services["shop_web"].options.routes) for each in (short, long)
    )
    assert first == second


@given(
    st.lists(
        st.fixed_dictionaries(
            {"host": st.just(["a.org"]), "port": st.integers(1, 65535)},
            optional={
                "path": st.just("/x"),
                "https": st.sampled_from([True, False, "le"]),
                "sticky": st.sampled_from([True, "sid"]),
                "middlewares": st.just(["auth@file"]),
                "priority": st.integers(-5, 5),
                "drain": st.sampled_from(["5s", "1m"]),
                "target": st.sampled_from(["tasks", "dns", "vip", "node"]),
                "canary": st.just({"service": "next", "weight": 5}),
            },
        ),
        max_size=3,
    )
)
def test_reading_the_label_gives_what_was_written(routes: list[dict[str, Any]]) -> None:
    read = terse_label.read(json.dumps(routes))
    assert terse_label.read(terse_label.written(read)) == read
    assert json.loads(terse_label.written(read)) == [
        {k: v for k, v in route.items() if k != "target" or v != "auto"} for route in routes
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "7", '"x"', "[7]", '[{"host":"hunter2 x","port":1}]', "[" * 9999, "9" * 9999),
        '[{"host":"hunter2","path":"/\\ud800","port":1}]',
        '[{"host":"hunter2","network":"\\udfff","port":1}]',
        '[{"host":"hunter2","sticky":"\\ud800","port":1}]',
        '[{"host":"hunter2","drain":"-5s","port":1}]',
        '[{"host":"hunter2","drain":"9999h","port":1}]',
    ],
)
def test_a_label_that_cannot_be_read_is_told_without_its_value(text: str) -> None:
    with pytest.raises(NotTerseRoutes) as fault:
        terse_label.read(text)
    assert "hunter2" not in str(fault.value)


def test_a_rule_is_read_before_anything_runs() -> None:
    (fault,) = told([{"rule": "Host(`a`", "port": 80}])
    assert fault.startswith("compose.yaml:1:")
    assert "services.web.x-operator.routes[0].rule: the rule cannot be read" in fault
    (doubt,) = told({"rule": "HostRegexp(`{a:.*}`)", "port": 80})
    assert "routes" in doubt


def test_a_canary_is_a_service_of_the_document() -> None:
    routes = {"host": "a", "port": 80, "canary": {"service": "next", "weight": 5}}
    (fault,) = told(routes)
    assert "there is no service next in the document" in fault
    assert told(routes, {"next": {"image": "x"}}) == []
