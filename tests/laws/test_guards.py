"""Guards: no plan does more than its evidence, its brakes and its ownership allow."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desired_state import keys
from desired_state.records import Installation, Request, Tombstone
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.observed.swarm import STACK_LABEL
from swarm_operator.plan.actions import Create, Hold, Kind, Remove, UpdateService
from swarm_operator.plan.decide import Planned, plan_desired, plan_gone
from swarm_operator.plan.desired import DesiredStack, DesiredTree, read_tree
from swarm_operator.plan.missing import missing_stacks
from swarm_operator.plan.ownership import INSTALLATION_LABEL, PROTECT_LABEL
from swarm_operator.plan.world import World, incompleteness
from tests.laws.loop import Desk, apply, converged
from tests.laws.worlds import (
    INSTALLATION,
    OWNER,
    STACK,
    Document,
    bare_service,
    documents,
    specs_of,
    strangers,
)
from tests.simulated_swarm import START, SWARM_ID, SimulatedSwarm

# --- incomplete sources ---------------------------------------------------------------------------

_SENTINEL = KvEntry(INSTALLATION.encode(), 5)


def _tree(**entries: KvEntry) -> DesiredTree:
    return read_tree(KvTree(10, {".installation": _SENTINEL, **entries}))


_OTHER_SWARM = Installation(schema=1, installation="inst-one", swarm="swarm-two")
_NEWER = Installation(schema=99, installation="inst-one", swarm=SWARM_ID)

_DOUBTS: dict[str, tuple[DesiredTree, dict[str, Any]]] = {
    "the sentinel is missing": (DesiredTree(incomplete=read_tree(KvTree(1, {})).incomplete), {}),
    "the sentinel is unreadable": (read_tree(KvTree(1, {".installation": KvEntry(b"{", 1)})), {}),
    "a newer schema": (read_tree(KvTree(1, {".installation": KvEntry(_NEWER.encode(), 1)})), {}),
    "another swarm": (DesiredTree(installation=_OTHER_SWARM), {}),
    "a swarm that does not say its id": (_tree(), {"cluster_id": ""}),
    "an incomplete snapshot": (_tree(), {"incomplete": ("1 of 3 managers is reachable",)}),
}


@pytest.mark.parametrize("doubt", _DOUBTS)
@given(documents(), documents())
def test_nothing_is_removed_because_of_what_could_not_be_read(
    doubt: str, before: Document, after: Document
) -> None:
    """While anything is incomplete nothing is removed, nor written at all: not of a stack with a
    document, not of one with a tombstone, not of one whose folder is gone."""
    desired, changes = _DOUBTS[doubt]
    seen: Any = converged(SimulatedSwarm(), specs_of(before)).snapshot
    swarm = dataclasses.replace(seen, **changes)
    world = World(desired, swarm, OWNER, utc=START, incomplete=incompleteness(desired, swarm))
    assert world.incomplete
    planned = plan_desired(DesiredStack(STACK, specs_of(after)), world, {})
    assert planned.plan.actions == ()
    assert plan_gone(STACK, world, "removed").plan.actions == ()
    for item in missing_stacks(desired, swarm, OWNER, {STACK: -1e9}, 0.0):
        assert plan_gone(item.stack, world, "grace is over").plan.actions == ()


@given(documents())
def test_an_invalid_document_leaves_everything_as_it_is(document: Document) -> None:
    """A document that was not read whole is no evidence of any service's absence."""
    seen = converged(SimulatedSwarm(), specs_of(document)).snapshot
    world = World(DesiredTree(installation=INSTALLATION), seen, OWNER, utc=START)
    planned = plan_desired(DesiredStack(STACK, specs=None), world, {})
    assert list(planned.plan.everything()) == []


@given(documents(), st.sampled_from(["off", "auto"]), st.floats(0, 7200))
def test_a_vanished_folder_is_no_more_than_missing_until_its_grace_is_over(
    document: Document, prune: str, gone_s: float
) -> None:
    """Removal of a whole stack needs a tombstone, or the policy and its grace time."""
    seen = converged(SimulatedSwarm(), specs_of(document)).snapshot
    policy = KvEntry(f"prune_stacks: {prune}\ngrace: 1h\n".encode(), 6)
    desired = _tree(policy=policy)
    (missing,) = missing_stacks(desired, seen, OWNER, {STACK: 1000.0}, 1000.0 + gone_s)
    assert missing.removable == (prune == "auto" and gone_s >= 3600)
    tombstone = KvEntry(Tombstone(who="ann").encode(), 7)
    removed = _tree(**{keys.removed_key(STACK): tombstone})
    assert missing_stacks(removed, seen, OWNER, {}, 0.0) == ()
    assert removed.is_removed(STACK)


# --- ownership ------------------------------------------------------------------------------------


@given(
    documents(), documents(), strangers(), st.sampled_from(["service", "installation", "network"])
)
def test_only_what_is_ours_is_updated_or_removed(
    before: Document, after: Document, swarm: SimulatedSwarm, seized: str
) -> None:
    """No action ever names an object of somebody else, even one that has a name that we wish."""
    _seize_name(swarm, seized)
    for document in (before, after):
        desk = Desk(swarm, specs_of(document))
        for _ in range(3):
            _assert_ours(swarm, desk.planned())
            desk = desk.step()
    world = desk.world()
    _assert_ours(swarm, plan_gone(STACK, world, "removed"))


def _seize_name(swarm: SimulatedSwarm, kind: str) -> None:
    """Somebody's object stands where the stack wants one of that name."""
    match kind:
        case "service":
            swarm.hand.create_service(bare_service(f"{STACK}_web", {}))
        case "installation":
            theirs = {STACK_LABEL: STACK, INSTALLATION_LABEL: "inst-two"}
            body = {"Name": f"{STACK}_settings", "Data": "eA==", "Labels": theirs}
            swarm.hand.create_config(body)
            swarm.hand.create_service(bare_service(f"{STACK}_web", theirs))
        case _:
            swarm.hand.create_network({"Name": f"{STACK}_front", "Driver": "overlay", "Labels": {}})
    swarm.settle()


def _assert_ours(swarm: SimulatedSwarm, planned: Planned) -> None:
    by_id = {item.id: item for item in swarm.snapshot.labelled}
    for action in planned.plan.actions:
        if isinstance(action, Create):
            continue
        is_update = isinstance(action, UpdateService)
        item = by_id[action.service_id if isinstance(action, UpdateService) else action.object_id]
        owner = item.labels.get(INSTALLATION_LABEL)
        assert item.labels.get(STACK_LABEL) == STACK, action
        assert owner == "inst-one" or (is_update and owner is None), action


# --- brakes ---------------------------------------------------------------------------------------


def _three(*names: str, **options: object) -> Document:
    return {"services": {name: {"image": "x"} for name in names}, "x-operator": options}


def _removed_services(planned: Planned) -> list[str]:
    return [
        a.name for a in planned.plan.actions if isinstance(a, Remove) and a.kind is Kind.SERVICE
    ]


@given(
    st.sets(st.sampled_from("abcdef"), min_size=1),
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
    st.sampled_from(["auto", "confirm", "off"]),
    st.sampled_from(["none", "right", "wrong", "empty"]),
)
def test_guards_are_never_exceeded(
    had: set[str], kept: set[str], protected: set[str], prune: str, approval: str
) -> None:
    """Of services that are gone from the document: none where prune is off, none that is protected,
    none without `approve` where prune is confirm or more than half (and more than one) would go;
    `approve` counts for just the plan that was seen."""
    kept = (kept & had) or {"new"}
    specs = specs_of(
        {"services": {n: {"image": "x", "x-operator": {"protect": n in protected}} for n in had}}
    )
    swarm = converged(SimulatedSwarm(), specs)
    desk = Desk(swarm, specs_of(_three(*sorted(kept), prune=prune)))
    waiting = desk.planned()
    desk = dataclasses.replace(desk, desired=_approved(desk, waiting.approval.digest, approval))
    planned = desk.planned()
    removed = _removed_services(planned)
    going = had - kept
    free = going - protected
    needs = prune == "confirm" or (len(free) > 1 and 2 * len(free) > len(had))
    if prune == "off" or (needs and approval != "right"):
        assert removed == []
    else:
        assert removed == [f"{STACK}_{name}" for name in sorted(free)]
    assert bool(waiting.approval) == (bool(free) and prune != "off" and needs)


def _approved(desk: Desk, digest: str, approval: str) -> DesiredTree:
    texts = {"right": digest, "wrong": "0" * 16, "empty": ""}
    if approval == "none":
        return desk.desired
    request = Request(who="ann", digest=texts[approval])
    key = keys.RequestKey("approve", STACK)
    return dataclasses.replace(desk.desired, requests={key: (request, 9)})


@given(documents(), documents(), st.sampled_from(["observe mode", "sync", "paused", "asked"]))
def test_no_action_while_observing_or_paused(before: Document, after: Document, brake: str) -> None:
    """Everything is planned and shown, and nothing is done."""
    swarm = converged(SimulatedSwarm(), specs_of(before))
    index = swarm.index
    sync: dict[str, object] = {
        "sync": "observe",
        "paused": {"paused": {"reason": "a fair", "until": "2026-11-21T13:00:00Z"}},
    }
    options = {"sync": {"sync": sync["sync"]}, "paused": {"sync": sync["paused"]}}.get(brake, {})
    desk = Desk(swarm, specs_of({**after, "x-operator": options}))
    free = Desk(swarm, specs_of(after)).planned()
    if brake == "observe mode":
        desk = dataclasses.replace(desk, mode="observe")
    if brake == "asked":
        asked = Request(who="ann", until=swarm.utc() + timedelta(hours=1), reason="a fair")
        requests = {keys.RequestKey("pause", STACK): (asked, 9)}
        desk = dataclasses.replace(
            desk, desired=dataclasses.replace(desk.desired, requests=requests)
        )
    planned = desk.planned()
    assert planned.plan.actions == ()
    assert {a.name for a in planned.plan.everything()} == {a.name for a in free.plan.everything()}
    assert desk.step().swarm.index == index


def test_a_pause_ends_by_itself() -> None:
    """At its `until`, and not a moment earlier."""
    sync = {"paused": {"reason": "a fair", "until": "2026-11-21T12:00:00Z"}}
    specs = specs_of({"services": {"web": {"image": "x"}}, "x-operator": {"sync": sync}})
    desk = Desk(SimulatedSwarm(), specs)
    assert desk.world().utc == START
    assert desk.planned().plan.actions != ()
    world = dataclasses.replace(desk.world(), utc=START - timedelta(seconds=1))
    planned = plan_desired(DesiredStack(STACK, specs), world, {})
    assert {held.hold for held in planned.plan.held} == {Hold.PAUSED}


def test_a_protected_service_outlives_document_and_tombstone() -> None:
    """The protection is on the service itself: no prune, no tombstone, no approval ends it."""
    specs = specs_of({"services": {"db": {"image": "x", "x-operator": {"protect": True}}}})
    swarm = converged(SimulatedSwarm(), specs)
    assert swarm.snapshot.services[0].labels[PROTECT_LABEL] == "true"
    planned = plan_gone(STACK, Desk(swarm, specs).world(), "removed")
    assert planned.plan.actions == ()
    assert {held.hold for held in planned.plan.held} == {Hold.PROTECTED}


@given(documents(), documents(), documents())
def test_no_service_is_ever_written_without_placement(
    first: Document, second: Document, third: Document
) -> None:
    """SwarmKit panics the manager on one, for good."""
    swarm = SimulatedSwarm()
    for document in (first, second, third):
        desk = Desk(swarm, specs_of(document))
        for action in desk.planned().plan.actions:
            spec: JsonObject = {"TaskTemplate": {"Placement": {}}}
            if isinstance(action, UpdateService):
                spec = action.spec
            elif isinstance(action, Create) and action.kind is Kind.SERVICE:
                spec = action.body
            assert dig(spec, "TaskTemplate", "Placement") is not None
        desk.step()


def test_ports_are_handed_over_in_one_pass() -> None:
    """Whoever gives a published port up goes first, in chains too, and removals count."""
    ports = [("a", 80), ("b", 81), ("c", 82)]
    before = {"services": {n: {"image": "x", "ports": [f"{p}:80"]} for n, p in ports}}
    swarm = converged(SimulatedSwarm(), specs_of(before))
    after = {
        "services": {
            "a": {"image": "x", "ports": ["81:80"]},
            "b": {"image": "x", "ports": ["82:80"]},
            "d": {"image": "x", "ports": ["80:80"]},
        }
    }
    desk = Desk(swarm, specs_of(after))
    apply(swarm, desk.planned().plan)
    names = {service.name for service in swarm.settle().snapshot.services}
    assert names == {"shop_a", "shop_b", "shop_d"}
