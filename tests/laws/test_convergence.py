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
from tests.laws.loop import apply, converged, raw_plan, shown
from tests.laws.worlds import (
    OWNER,
    Document,
    deployed_by_docker,
    documents,
    specs_of,
    strangers,
)
from tests.simulated_swarm import SimulatedSwarm


@given(documents(), strangers())
def test_fixpoint(document: Document, swarm: SimulatedSwarm) -> None:
    """After a plan was carried out on a swarm without the stack, the next plan is empty."""
    specs = specs_of(document)
    plan = raw_plan(specs, swarm.snapshot)
    assert all(isinstance(action, Create) for action in plan.actions)
    apply(swarm, plan)
    assert raw_plan(specs, swarm.settle().snapshot).actions == ()


@given(documents(), st.sampled_from(["20.10.24", "24.0.9", "25.0.5", "28.5.1"]))
def test_fixpoint_on_every_engine(document: Document, engine_version: str) -> None:
    """Fields that an older engine drops without a word are no difference."""
    specs = specs_of(document)
    swarm = SimulatedSwarm(engine_version=engine_version)
    apply(swarm, raw_plan(specs, swarm.snapshot))
    assert raw_plan(specs, swarm.settle().snapshot).actions == ()


@given(documents(), st.randoms(use_true_random=False))
def test_adoption_is_blind_to_what_means_the_same(document: Document, rng: random.Random) -> None:
    """Empty members, absent ones and another order, as other tools and older command lines write them:
    labels are all that is written, the rest is sent as it is stored, but never without a placement."""
    specs = specs_of(document)
    seen = deployed_by_docker(SimulatedSwarm(), specs).snapshot
    services = tuple(
        dataclasses.replace(service, spec=_as_another_tool_writes(service.spec, rng))
        for service in seen.services
    )
    seen = dataclasses.replace(seen, services=services)
    plan = raw_plan(specs, seen)
    assert len(plan.actions) == len(services)
    for action in plan.actions:
        assert isinstance(action, UpdateService)
        assert all(diff.is_bookkeeping(change) for change in action.changes), action.changes
        stored = seen.services_by_name[action.name].spec
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
    swarm = deployed_by_docker(SimulatedSwarm(), specs, digest=resolved, platforms=platforms)
    seen, running = swarm.snapshot, swarm.running
    plan = raw_plan(specs, seen)
    for action in plan.actions:
        assert isinstance(action, UpdateService), action
        assert all(diff.is_bookkeeping(change) for change in action.changes), action.changes
        stored = seen.services_by_name[action.name].spec
        assert action.spec["TaskTemplate"] == stored["TaskTemplate"]
        assert action.spec["EndpointSpec"] == stored["EndpointSpec"]
    assert len(plan.actions) == len(specs.services)
    apply(swarm, plan)
    assert swarm.settle().running == running
    assert raw_plan(specs, swarm.snapshot).actions == ()


@given(documents(), documents(), strangers(), st.booleans())
def test_convergence_from_any_state(
    before: Document, after: Document, swarm: SimulatedSwarm, adopted: bool
) -> None:
    """Whatever runs, the loop ends at the document: the same specs and the same contents as on an
    empty swarm."""
    first, second = specs_of(before), specs_of(_without_ignore(after))
    if adopted:
        deployed_by_docker(swarm, first)
    converged(swarm, first)
    known = {service.name for service in swarm.snapshot.services}
    ended = shown(converged(swarm, second))
    wished = shown(converged(SimulatedSwarm(), second))
    assert {name: ended[name] for name in wished} == wished
    assert not ended.keys() - wished.keys() - known
    protected = {name for name in ended.keys() - wished.keys() if not name.startswith("stranger")}
    assert not protected, "plan_stack holds nothing back: all that is ours and not wished is gone"


@given(documents(), st.lists(documents(), min_size=1, max_size=4), st.booleans())
def test_contents_are_those_of_the_document(
    first: Document, edits: list[Document], adopted: bool
) -> None:
    """However often a config or secret changes, services get just the content that the document has
    now: never that of an older version."""
    specs = specs_of(first)
    swarm = SimulatedSwarm()
    if adopted:
        deployed_by_docker(swarm, specs)
    converged(swarm, specs)
    for edit in edits:
        document = {**first, "configs": edit["configs"], "secrets": edit["secrets"]}
        _assert_contents(converged(swarm, specs_of(document)), document)


def _assert_contents(swarm: SimulatedSwarm, document: Document) -> None:
    for name, service in shown(swarm).items():
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
    crashed = converged(SimulatedSwarm(), first)
    plan = raw_plan(second, crashed.snapshot)
    done = data.draw(st.integers(0, len(plan.actions)), label="actions done")
    apply(crashed, plan, actions=done)
    crashed.advance(data.draw(st.sampled_from([0.0, 1.0, 60.0]), label="tasks followed meanwhile"))
    undisturbed = converged(converged(SimulatedSwarm(), first), second)
    assert shown(converged(crashed, second)) == shown(undisturbed)


@given(documents(), documents(), strangers(), st.randoms(use_true_random=False))
def test_determinism_and_order_independence(
    before: Document, after: Document, swarm: SimulatedSwarm, rng: random.Random
) -> None:
    """The same world gives the same plan, in whatever order it was listed or written."""
    seen = converged(swarm, specs_of(before)).snapshot
    plan = raw_plan(specs_of(after), seen)
    again = raw_plan(specs_of(_shuffled_document(after, rng)), _shuffled(seen, rng))
    assert [describe(action) for action in again.actions] == [
        describe(action) for action in plan.actions
    ]
    assert again.findings == plan.findings
    assert digest(again, OWNER) == digest(plan, OWNER)
    assert raw_plan(specs_of(after), seen) == plan


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
    swarm = converged(SimulatedSwarm(), specs_of(document))
    name = data.draw(st.sampled_from(sorted(document["services"])))
    changed = {**document["services"][name], "image": "changed:2"}
    specs = specs_of({**document, "services": {**document["services"], name: changed}})
    plan = raw_plan(specs, swarm.snapshot)
    assert [(type(a), a.name) for a in plan.actions] == [(UpdateService, f"shop_{name}")]
    swarm.calls.clear()
    apply(swarm, plan)
    assert swarm.calls == [("update", f"shop_{name}")]
    assert raw_plan(specs, swarm.settle().snapshot).actions == ()


@given(documents(), strangers())
def test_an_unchanged_world_gets_no_action(document: Document, swarm: SimulatedSwarm) -> None:
    """However often one looks; and `PreviousSpec` stays what it was."""
    specs = specs_of(document)
    index, services = converged(swarm, specs).index, swarm.snapshot.services
    for _ in range(3):
        plan = raw_plan(specs, swarm.snapshot)
        assert plan.actions == ()
        apply(swarm, plan)
        swarm.advance(600)
    assert (swarm.index, swarm.snapshot.services) == (index, services)
