"""Whose keys are touched, and which objects are left alone whole."""

import dataclasses

import pytest

from swarm_operator.observed import errors
from swarm_operator.observed.kv import Delete, KvEntry, KvTree, Put
from swarm_operator.plan.routes.changes import diff
from swarm_operator.plan.routes.conflicts import Conflict, Reason
from swarm_operator.plan.routes.ownership import flags_of, is_of_an_operator, owns
from swarm_operator.plan.routes.stamp import stamp_key, stamp_object
from swarm_operator.plan.routes.tree import ObjectId, RouteTree
from tests.plan.routes import worlds
from tests.plan.routes.worlds import INSTALLATION, OTHER, Desk, balancer, plan, router, tree

APP = tree({("services", "a"): balancer("t1"), ("routers", "r"): router("a")})
MOVED = tree({("services", "a"): balancer("t2"), ("routers", "r"): router("a", priority=5)})
NOTHING = RouteTree()


def held(desk: Desk, target: RouteTree) -> dict[str, Reason]:
    found = diff(target, desk.read(), INSTALLATION).conflicts
    return {conflict.id.path: conflict.reason for conflict in found}


def by_id(desk: Desk, target: RouteTree, path: str) -> Conflict:
    found = diff(target, desk.read(), INSTALLATION).conflicts
    return next(conflict for conflict in found if conflict.id.path == path)


def test_every_write_is_conditional_and_marked() -> None:
    desk = Desk()
    desk.write(APP)
    (stage,) = plan(MOVED, desk.read())
    assert {each.key for each in stage.operations} == {
        "http/services/a/loadbalancer/servers/t1/url",
        "http/services/a/loadbalancer/servers/t1/preservepath",
        "http/services/a/loadbalancer/servers/t2/url",
        "http/services/a/loadbalancer/servers/t2/preservepath",
        "http/routers/r/priority",
        stamp_key(INSTALLATION),
    }
    entries = desk.read().entries
    for each in stage.operations:
        assert isinstance(each, Put | Delete)
        known = entries.get(each.key)
        assert each.index == (known.modify_index if known is not None else 0)
        assert not isinstance(each, Put) or each.flags == flags_of(INSTALLATION)


def test_nothing_wanted_and_nothing_there_writes_nothing_not_even_a_stamp() -> None:
    desk = Desk()
    assert plan(NOTHING, desk.read()) == ()
    desk.by_hand({"http/routers/theirs/rule": b"Path(`/`)"})
    assert plan(NOTHING, desk.read()) == ()


def test_the_stamp_stays_when_the_last_route_goes() -> None:
    desk = Desk()
    desk.write(APP)
    desk.write(NOTHING)
    assert list(desk.lying()) == [stamp_key(INSTALLATION)]
    assert plan(NOTHING, desk.read()) == ()


def test_a_lost_stamp_is_written_again() -> None:
    desk = Desk()
    desk.write(APP)
    desk.model.delete(f"traefik/{stamp_key(INSTALLATION)}")
    (stage,) = plan(APP, desk.read())
    assert [each.key for each in stage.operations] == [stamp_key(INSTALLATION)]
    desk.client.commit(stage.operations)
    assert plan(APP, desk.read()) == ()


def test_a_wiped_root_is_written_again() -> None:
    desk = Desk()
    desk.write(APP)
    before = desk.lying()
    desk.model.delete_tree("")
    desk.write(APP)
    assert desk.lying() == before


def test_keys_of_others_elsewhere_do_not_matter() -> None:
    desk = Desk()
    desk.by_hand({"http/routers/theirs/rule": b"Path(`/`)", "note": b"mine"})
    desk.write(APP)
    desk.write(NOTHING)
    assert desk.lying().keys() == {"http/routers/theirs/rule", "note", stamp_key(INSTALLATION)}


@pytest.mark.parametrize("target", [MOVED, NOTHING], ids=["changed", "removed"])
def test_an_object_with_foreign_keys_is_left_alone_whole(target: RouteTree) -> None:
    """A first prototype deleted its own keys beside them, and broke the router."""
    desk = Desk()
    desk.write(APP)
    desk.by_hand({"http/routers/r/priority": b"7"})
    before = {key: value for key, value in desk.lying().items() if key.startswith("http/routers")}
    desk.write(target)
    after = {key: value for key, value in desk.lying().items() if key.startswith("http/routers")}
    assert after == before
    assert held(desk, target)["http/routers/r"] == Reason.FOREIGN_KEYS
    conflict = by_id(desk, target, "http/routers/r")
    assert conflict.keys == ("http/routers/r/priority",)
    assert "http/routers/r/priority" in conflict.message


def test_what_a_held_object_names_stays() -> None:
    desk = Desk()
    desk.write(APP)
    desk.by_hand({"http/routers/r/priority": b"7"})
    desk.write(NOTHING)
    assert "http/services/a/loadbalancer/servers/t1/url" in desk.lying()
    assert held(desk, NOTHING) == {
        "http/routers/r": Reason.FOREIGN_KEYS,
        "http/services/a": Reason.KEPT,
    }


def test_an_edit_by_hand_survives_and_is_reported() -> None:
    desk = Desk()
    desk.write(APP)
    desk.by_hand({"http/routers/r/rule": b"Host(`by.hand`)"})
    desk.write(APP)
    assert desk.lying()["http/routers/r/rule"] == b"Host(`by.hand`)"
    assert held(desk, APP) == {"http/routers/r": Reason.FOREIGN_KEYS}


def test_adopting_an_object_takes_its_keys() -> None:
    desk = Desk()
    desk.write(APP)
    desk.by_hand({"http/routers/r/rule": b"Host(`by.hand`)", "http/routers/r/priority": b"7"})
    adopted = diff(APP, desk.read(), INSTALLATION, adopt=[ObjectId("http", "routers", "r")])
    assert adopted.conflicts == ()
    (change,) = adopted.changes
    desk.client.commit(change.operations)
    assert worlds.bodies(desk.read()) == {item.id: item.body for item in APP}


def test_a_name_that_differs_in_case_from_somebody_elses_is_refused() -> None:
    desk = Desk()
    desk.by_hand({"http/routers/R/rule": b"Path(`/`)"})
    desk.write(APP)
    assert not [key for key in desk.lying() if key.startswith("http/routers/r/")]
    assert held(desk, APP) == {"http/routers/r": Reason.CASE_COLLISION}
    assert "upper and lower case" in by_id(desk, APP, "http/routers/r").message


def test_ours_go_from_beside_a_name_that_differs_in_case() -> None:
    """Not wanted any more, they only change what Traefik makes of the other's."""
    desk = Desk()
    desk.write(APP)
    desk.by_hand({"http/routers/R/rule": b"Path(`/`)"})
    desk.write(NOTHING)
    assert desk.lying().keys() == {"http/routers/R/rule", stamp_key(INSTALLATION)}
    assert held(desk, NOTHING) == {}


def test_of_two_wanted_names_that_differ_in_case_none_is_written() -> None:
    both = tree({("services", "a"): balancer("t1"), ("services", "A"): balancer("t2")})
    desk = Desk()
    desk.write(both)
    assert list(held(desk, both).values()) == [Reason.CASE_COLLISION]


def test_a_router_waits_for_its_service() -> None:
    desk = Desk()
    desk.by_hand({"http/services/A/loadbalancer/passhostheader": b"true"})
    desk.write(APP)
    assert held(desk, APP) == {
        "http/services/a": Reason.CASE_COLLISION,
        "http/routers/r": Reason.WAITS,
    }
    assert worlds.dangling(desk.read()) == set()


def test_a_router_may_use_a_service_of_the_same_name_that_is_there() -> None:
    desk = Desk()
    desk.by_hand({"http/services/a/loadbalancer/servers/x/url": b"http://x"})
    desk.write(APP)
    assert held(desk, APP) == {"http/services/a": Reason.FOREIGN_KEYS}
    assert worlds.dangling(desk.read()) == set()


def test_two_installations_share_a_root() -> None:
    theirs = tree({("services", "x"): balancer("t9"), ("routers", "x"): router("x")})
    desk = Desk()
    desk.write(APP)
    desk.write(theirs, OTHER)
    for target, installation in ((APP, INSTALLATION), (theirs, OTHER)):
        assert plan(target, desk.read(), installation) == ()
    desk.write(NOTHING)
    assert plan(theirs, desk.read(), OTHER) == ()
    assert stamp_object(INSTALLATION) != stamp_object(OTHER)


def test_a_stamp_that_somebody_wrote_is_not_touched() -> None:
    desk = Desk()
    desk.write(APP)
    desk.by_hand({stamp_key(INSTALLATION): b"mine"})
    (stage,) = plan(MOVED, desk.read())
    assert stage.generation is None
    desk.client.commit(stage.operations)
    assert desk.lying()[stamp_key(INSTALLATION)] == b"mine"
    assert plan(MOVED, desk.read()) == ()
    assert held(desk, MOVED) == {stamp_object(INSTALLATION).path: Reason.FOREIGN_KEYS}


def test_a_key_written_between_reading_and_writing_stops_the_write() -> None:
    desk = Desk()
    desk.write(APP)
    (stage,) = plan(MOVED, desk.read())
    desk.by_hand({"http/services/a/loadbalancer/servers/t1/url": b"http://by.hand"})
    before = desk.lying()
    with pytest.raises(errors.Conflict):
        desk.client.commit(stage.operations)
    assert desk.lying() == before


def test_a_change_of_too_many_fields_is_refused() -> None:
    headers = {f"X-{number}": "1" for number in range(40)}
    others = {f"Y-{number}": "1" for number in range(40)}
    first, second = (
        tree({("middlewares", "m"): {"headers": {"customrequestheaders": each}}})
        for each in (headers, others)
    )
    desk = Desk()
    desk.write(first)
    before = desk.lying()
    desk.write(second)
    assert desk.lying() == before
    assert held(desk, second) == {"http/middlewares/m": Reason.TOO_LARGE}


def test_flags_tell_installations_and_people_apart() -> None:
    mine = KvEntry(b"", 1, flags=flags_of(INSTALLATION))
    assert owns(mine, INSTALLATION)
    assert not owns(mine, OTHER)
    assert is_of_an_operator(mine)
    by_hand = dataclasses.replace(mine, flags=0)
    assert not owns(by_hand, INSTALLATION)
    assert not is_of_an_operator(by_hand)
    assert 0 < flags_of(INSTALLATION) < 2**64


def test_the_generation_depends_on_the_keys_alone() -> None:
    first, second = Desk(), Desk()
    first.write(MOVED)
    second.write(APP)
    second.write(MOVED)
    key = stamp_key(INSTALLATION)
    assert first.lying()[key] == second.lying()[key]
    assert diff(MOVED, KvTree(1, {}), INSTALLATION).generation.encode() == first.lying()[key]
