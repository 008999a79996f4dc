"""Fixpoint, convergence, determinism: what the loop comes to, from anywhere."""

import copy
import dataclasses
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan import diff
from swarm_operator.plan.actions import Create, UpdateService, describe, digest
from tests.laws.engine import Engine
from tests.laws.loop import applied, converged, raw_plan, shown
from tests.laws.worlds import (
    OWNER,
    Document,
    deployed_by_docker,
    documents,
    specs_of,
    strangers,
)


@given(documents(), strangers())
def test_fixpoint(document: Document, engine: Engine) -> None:
    """After a plan was carried out on a swarm without the stack, the next plan is empty."""
    specs = specs_of(document)
    plan = raw_plan(specs, engine)
    assert all(isinstance(action, Create) for action in plan.actions)
    after = applied(engine, plan).settled()
    assert raw_plan(specs, after).actions == ()


@given(documents(), st.sampled_from([(1, 41), (1, 43), (1, 44), (1, 51)]))
def test_fixpoint_on_every_engine(document: Document, api_version: tuple[int, int]) -> None:
    """Fields that an older engine drops without a word are no difference."""
    specs = specs_of(document)
    engine = Engine()
    engine = dataclasses.replace(
        engine, swarm=dataclasses.replace(engine.swarm, api_version=api_version)
    )
    after = applied(engine, raw_plan(specs, engine)).settled()
    assert raw_plan(specs, after).actions == ()


@given(documents(), st.randoms(use_true_random=False))
def test_adoption_is_blind_to_what_means_the_same(document: Document, rng: random.Random) -> None:
    """Empty members, absent ones and another order, as other tools and older command lines write them:
    labels are all that is written, the rest is sent as it is stored, but never without a placement."""
    specs = specs_of(document)
    engine = deployed_by_docker(Engine(), specs)
    services = tuple(
        dataclasses.replace(service, spec=_as_another_tool_writes(service.spec, rng))
        for service in engine.swarm.services
    )
    engine = dataclasses.replace(engine, swarm=dataclasses.replace(engine.swarm, services=services))
    plan = raw_plan(specs, engine)
    assert len(plan.actions) == len(services)
    for action in plan.actions:
        assert isinstance(action, UpdateService)
        assert all(diff.is_bookkeeping(change) for change in action.changes), action.changes
        stored = engine.swarm.services_by_name[action.name].spec
        expected = {"Placement": {}, **stored["TaskTemplate"]}
        assert action.spec["TaskTemplate"] == expected
        if "EndpointSpec" in stored:
            assert action.spec["EndpointSpec"] == stored["EndpointSpec"]


def _as_another_tool_writes(spec: JsonObject, rng: random.Random) -> JsonObject:
    spec = copy.deepcopy(spec)
    task, container = spec["TaskTemplate"], spec["TaskTemplate"]["ContainerSpec"]
    for parent, key in ((task, "Resources"), (task, "Placement"), (container, "Privileges")):
        if rng.random() < 0.5 and not any((parent.get(key) or {}).values()):
            del parent[key]
    for parent, key, empty in (
        (container, "DNSConfig", {}),
        (container, "Healthcheck", {}),
        (container, "Mounts", []),
        (container, "Hosts", None),
        (task, "LogDriver", {}),
    ):
        if rng.random() < 0.5 and not parent.get(key):
            parent[key] = empty
    for parent, key in (
        (container, "Env"),
        (container, "Mounts"),
        (container, "Secrets"),
        (task, "Networks"),
        (spec["EndpointSpec"], "Ports"),
    ):
        if parent.get(key):
            rng.shuffle(parent[key])
    return spec


@given(documents(), st.booleans(), st.booleans())
def test_an_adopted_stack_gets_labels_only(
    document: Document, digests: bool, platforms: bool
) -> None:
    """What `docker stack deploy` wrote is taken over without a restart: service labels are the only
    change, task templates and end points are sent as they are stored."""
    specs = specs_of(document)
    resolved = "@sha256:" + "ab" * 32 if digests else ""
    engine = deployed_by_docker(Engine(), specs, digest=resolved, platforms=platforms)
    plan = raw_plan(specs, engine)
    for action in plan.actions:
        assert isinstance(action, UpdateService), action
        assert all(diff.is_bookkeeping(change) for change in action.changes), action.changes
        stored = engine.swarm.services_by_name[action.name].spec
        assert action.spec["TaskTemplate"] == stored["TaskTemplate"]
        assert action.spec["EndpointSpec"] == stored["EndpointSpec"]
    assert len(plan.actions) == len(specs.services)
    after = applied(engine, plan).settled()
    assert after.restarts == 0
    assert raw_plan(specs, after).actions == ()


@given(documents(), documents(), strangers(), st.booleans())
def test_convergence_from_any_state(
    before: Document, after: Document, engine: Engine, adopted: bool
) -> None:
    """Whatever runs, the loop ends at the document: the same specs and the same contents as on an
    empty swarm."""
    first, second = specs_of(before), specs_of(_without_ignore(after))
    engine = deployed_by_docker(engine, first) if adopted else converged(engine, first)
    engine = converged(engine, first)
    ended = shown(converged(engine, second))
    wished = shown(converged(Engine(), second))
    assert {name: ended[name] for name in wished} == wished
    assert not ended.keys() - wished.keys() - {s.name for s in engine.swarm.services}
    protected = {name for name in ended.keys() - wished.keys() if not name.startswith("stranger")}
    assert not protected, "plan_stack holds nothing back: all that is ours and not wished is gone"


@given(documents(), st.lists(documents(), min_size=1, max_size=4), st.booleans())
def test_contents_are_those_of_the_document(
    first: Document, edits: list[Document], adopted: bool
) -> None:
    """However often a config or secret changes, services get just the content that the document has
    now: never that of an older version."""
    specs = specs_of(first)
    engine = deployed_by_docker(Engine(), specs) if adopted else Engine()
    engine = converged(engine, specs)
    for edit in edits:
        document = {**first, "configs": edit["configs"], "secrets": edit["secrets"]}
        engine = converged(engine, specs_of(document))
        _assert_contents(engine, document)


def _assert_contents(engine: Engine, document: Document) -> None:
    for name, service in shown(engine).items():
        assert isinstance(service, dict)
        for file, content in service["files"].items():
            source = {"/etc/s": "settings"}.get(file, file)
            kind = "configs" if source == "settings" else "secrets"
            assert content.decode() == document[kind][source]["content"], (name, file)


@given(documents(), documents(), st.data())
def test_crash_anywhere_end_the_same(
    before: Document, after: Document, data: st.DataObject
) -> None:
    """Killed after any action, the next start comes to the same state."""
    first, second = specs_of(before), specs_of(after)
    engine = converged(Engine(), first)
    plan = raw_plan(second, engine)
    done = data.draw(st.integers(0, len(plan.actions)), label="actions done")
    crashed = applied(engine, plan, actions=done)
    if data.draw(st.booleans(), label="tasks followed meanwhile"):
        crashed = crashed.settled()
    assert shown(converged(crashed, second)) == shown(converged(engine, second))


@given(documents(), documents(), strangers(), st.randoms(use_true_random=False))
def test_determinism_and_order_independence(
    before: Document, after: Document, engine: Engine, rng: random.Random
) -> None:
    """The same world gives the same plan, in whatever order it was listed or written."""
    engine = converged(engine, specs_of(before))
    plan = raw_plan(specs_of(after), engine)
    mixed = dataclasses.replace(engine, swarm=_shuffled(engine.swarm, rng))
    again = raw_plan(specs_of(_shuffled_document(after, rng)), mixed)
    assert [describe(action) for action in again.actions] == [
        describe(action) for action in plan.actions
    ]
    assert again.findings == plan.findings
    assert digest(again, OWNER) == digest(plan, OWNER)
    assert raw_plan(specs_of(after), engine) == plan


def _shuffled(swarm: Swarm, rng: random.Random) -> Swarm:
    kinds = ("services", "tasks", "networks", "configs", "secrets", "nodes")
    lists: dict[str, Any] = {
        kind: tuple(rng.sample(getattr(swarm, kind), len(getattr(swarm, kind)))) for kind in kinds
    }
    return dataclasses.replace(swarm, **lists)


def _shuffled_document(document: Document, rng: random.Random) -> Document:
    sections = rng.sample(sorted(document), len(document))
    return {
        section: {
            key: document[section][key]
            for key in rng.sample(sorted(document[section]), len(document[section]))
        }
        for section in sections
    }


def _without_ignore(document: Document) -> Document:
    """An ignored field rightly stays as it was found."""
    services = {
        name: {
            key: value
            for key, value in service.items()
            if not (key == "x-operator" and "ignore" in value)
        }
        for name, service in document["services"].items()
    }
    return {**document, "services": services}


@given(documents(min_services=2), st.data())
def test_a_changed_service_is_one_write_and_its_neighbours_get_none(
    document: Document, data: st.DataObject
) -> None:
    """One service's change is one action, and no other action."""
    engine = converged(Engine(), specs_of(document))
    name = data.draw(st.sampled_from(sorted(document["services"])))
    changed = {**document["services"][name], "image": "changed:2"}
    specs = specs_of({**document, "services": {**document["services"], name: changed}})
    plan = raw_plan(specs, engine)
    assert [(type(a), a.name) for a in plan.actions] == [(UpdateService, f"shop_{name}")]
    after = applied(engine, plan).settled()
    assert after.writes == engine.writes + 1
    assert raw_plan(specs, after).actions == ()


@given(documents(), strangers())
def test_an_unchanged_world_gets_no_action(document: Document, engine: Engine) -> None:
    """However often one looks; and `PreviousSpec` stays what it was."""
    specs = specs_of(document)
    engine = converged(engine, specs)
    for _ in range(3):
        assert raw_plan(specs, engine).actions == ()
        assert applied(engine, raw_plan(specs, engine)).settled() == engine
