"""What a move writes, what it puts back, and what it takes out of somebody else's spec."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.rebalance import specs, strip, unfenced
from swarm_operator.plan.rebalance.intent import (
    LABEL,
    MoveIntent,
    Unreadable,
    from_text,
    has_label,
    holds_our_write,
    intent_of,
    to_text,
)
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.simulation.engine import normalise

UTC_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NODES = ["n1", "n2", "n3", "n4"]

constraints = st.lists(
    st.sampled_from(["node.role==worker", "node.id!=n1", "node.labels.a != b"]), unique=True
)
placements = st.fixed_dictionaries(
    {},
    optional={
        "Constraints": constraints,
        "MaxReplicas": st.integers(0, 4),
        "Preferences": st.just([{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]),
        "Platforms": st.just([{"Architecture": "x86_64", "OS": "linux"}]),
    },
)
update_configs = st.fixed_dictionaries(
    {"Parallelism": st.integers(0, 3)},
    optional={
        "Delay": st.sampled_from([0, 10**9, 3600 * 10**9]),
        "Monitor": st.just(10**9),
        "FailureAction": st.sampled_from(["pause", "continue", "rollback"]),
        "MaxFailureRatio": st.sampled_from([0, 0.5]),
        "Order": st.sampled_from(["start-first", "stop-first"]),
    },
)


@st.composite
def shown_specs(draw: st.DrawFn) -> JsonObject:
    """A replicated service as the engine shows it."""
    template: JsonObject = {"ContainerSpec": {"Image": "web:1", "Env": ["A=1"]}}
    if draw(st.booleans()):
        template["Placement"] = draw(placements)
    body: JsonObject = {
        "Name": "web",
        "Labels": draw(st.dictionaries(st.sampled_from("abc"), st.text(max_size=3))),
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": draw(st.integers(1, 4))}},
    }
    if draw(st.booleans()):
        body["UpdateConfig"] = draw(update_configs)
    return normalise.service_spec(body, (1, 45))


def intent_for(spec: JsonObject, how: How = How.DIRECTED) -> MoveIntent:
    replicas: int = spec["Mode"]["Replicated"]["Replicas"]
    return MoveIntent(
        id="m1",
        who="a",
        how=how,
        source="n1",
        target="n3",
        landings=frozenset({"n3"}),
        replicas=replicas,
        source_copies=1,
        slots=frozenset(range(1, replicas + 1)),
        before=specs.before_of(spec),
        settle_s=10,
        limit_s=300,
        deadline=UTC_NOW,
    )


def all_steps(spec: JsonObject) -> list[JsonObject]:
    intent, copies = intent_for(spec), {"n1": 1, "n2": 1}
    more = {**copies, "n3": 1}
    pinned = intent_for(spec, How.STOP_FIRST)
    return [
        specs.surge(intent, spec, copies, NODES, UTC_NOW),
        specs.mark(intent, spec, more, NODES, UTC_NOW),
        specs.abort_mark(intent, spec, more, NODES, UTC_NOW, "n3"),
        specs.pin(pinned, spec, UTC_NOW),
    ]


def with_placement(spec: JsonObject) -> JsonObject:
    template = {"Placement": {}, **spec["TaskTemplate"]}
    return {**spec, "TaskTemplate": template}


@given(shown_specs())
def test_the_original_comes_out_of_every_step_exactly(spec: JsonObject) -> None:
    for written in all_steps(spec):
        intent = intent_of(written)
        assert intent is not None
        assert specs.original(written, intent) == with_placement(spec)


@given(shown_specs())
def test_the_engine_shows_what_was_written(spec: JsonObject) -> None:
    """So that a digest tells an edit from our own write, also after a crash."""
    for written in all_steps(spec):
        shown = normalise.service_spec(written, (1, 45))
        intent = intent_of(shown)
        assert shown == written
        assert intent is not None
        assert holds_our_write(shown, intent)


@given(shown_specs())
def test_an_untouched_step_strips_to_the_original(spec: JsonObject) -> None:
    for written in all_steps(spec):
        intent = intent_of(written)
        assert intent is not None
        assert strip.without_traces(written, intent) == with_placement(spec)


EDITS: list[tuple[tuple[str, ...], Any]] = [
    (("TaskTemplate", "ContainerSpec", "Image"), "web:2"),
    (("TaskTemplate", "Placement", "Constraints"), ["node.role==manager"]),
    (("TaskTemplate", "Placement", "MaxReplicas"), 9),
    (("Mode", "Replicated", "Replicas"), 9),
    (("UpdateConfig", "Parallelism"), 9),
    (("UpdateConfig", "Order"), "stop-first"),
    (("Labels", "theirs"), "yes"),
]


def put(spec: JsonObject, path: tuple[str, ...], value: Any) -> JsonObject:
    key, *rest = path
    return {**spec, key: put(spec.get(key) or {}, tuple(rest), value) if rest else value}


@given(shown_specs(), st.sampled_from(EDITS))
def test_an_edit_stays_and_all_else_goes_back(
    spec: JsonObject, edit: tuple[tuple[str, ...], Any]
) -> None:
    for written in all_steps(spec):
        intent = intent_of(written)
        assert intent is not None
        edited = put(written, *edit)
        bare = strip.without_traces(edited, intent)
        wished = with_placement(spec)
        if edit[0][0] == "UpdateConfig":
            if edited == written:
                continue
            wished = {**wished, "UpdateConfig": wished.get("UpdateConfig", specs.SWARM_DEFAULTS)}
        assert bare == put(wished, *edit)
        once = unfenced.without_fence(edited, intent)
        assert unfenced.without_fence(once, intent) == once
        assert has_label(once)
        assert not has_label(bare)


def test_a_label_of_a_thousand_slots_is_short() -> None:
    spec = normalise.service_spec(
        {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "a"}, "Placement": {}}}, (1, 45)
    )
    intent = intent_for(spec)
    many = MoveIntent(**{**fields_of(intent), "slots": frozenset({*range(1, 1000), 1005, 1007})})
    assert '"slots":"1-999,1005,1007"' in to_text(many)
    assert from_text(to_text(many)) == many


def fields_of(intent: MoveIntent) -> dict[str, Any]:
    return {name: getattr(intent, name) for name in MoveIntent.__slots__}


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"version":2}', '{"version":1,"id":"a"}']
)
def test_a_label_that_nobody_understands_is_said(text: str) -> None:
    with pytest.raises(Unreadable):
        intent_of({"Labels": {LABEL: text}})


def test_several_sources_are_noted_and_one_is_not() -> None:
    """Labels of before have none: then the source alone may be left."""
    alone = intent_for({"Mode": {"Replicated": {"Replicas": 2}}})
    several = replace(alone, sources=frozenset({"n1", "n2"}))
    assert "sources" not in json.loads(to_text(alone))
    assert from_text(to_text(alone)).leaves == {"n1"}
    assert from_text(to_text(several)) == several
    assert several.leaves == {"n1", "n2"}
