"""A chunked plan: each transaction leaves behind what is consistent in itself, whoever dies in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.observed.errors import Conflict
from swarm_operator.observed.kv import Delete, KvTree, Put
from swarm_operator.plan.routes import room
from swarm_operator.plan.routes.changes import diff
from swarm_operator.plan.routes.keys import merged
from swarm_operator.plan.routes.ownership import owns
from swarm_operator.plan.routes.stamp import stamp_key
from swarm_operator.plan.routes.tree import Body, ObjectId, RouteTree
from tests.plan.routes import worlds
from tests.plan.routes.trees import LAW
from tests.plan.routes.worlds import INSTALLATION, Desk, balancer, plan, router, tree, wanted

EMPTY = RouteTree()


@contextmanager
def small_transactions(keys: int) -> Iterator[None]:
    """Transactions that hold few keys, so that small worlds need many."""
    with mock.patch.object(room, "MAX_KEYS", keys):
        yield


class Watcher:
    """Looks at the KV after each transaction."""

    def __init__(self, before: KvTree, targets: list[RouteTree]) -> None:
        self.dangling = worlds.dangling(before)
        self.foreign = {
            key: entry for key, entry in before.entries.items() if not owns(entry, INSTALLATION)
        }
        self.mixed = worlds.mixed(before)
        self.states = [worlds.bodies(before)]
        for target in targets:
            self.add(target)

    def add(self, target: RouteTree) -> None:
        self.states.append({item.id: item.body for item in target})

    def look(self, after: KvTree) -> None:
        theirs = {k: e for k, e in after.entries.items() if not owns(e, INSTALLATION)}
        assert theirs == self.foreign, "a plan touched a foreign key"
        assert worlds.mixed(after) == self.mixed, "half of an object with foreign keys was written"
        assert worlds.dangling(after) <= self.dangling, "names something that is not there"
        used = worlds.named_by_routers(after)
        for named, body in worlds.bodies(after).items():
            self._is_whole(named, body, is_used=named in used)

    def _is_whole(self, named: ObjectId, body: Body, *, is_used: bool) -> None:
        """Equal to what it was or is to be; of a service the servers may be from both, each whole."""
        known = [state[named] for state in self.states if named in state]
        if any(body == each for each in known):
            return
        kin = [each for each in known if "loadbalancer" in each]
        base = worlds.without_servers(body)
        assert base in [worlds.without_servers(each) for each in kin], f"half of {named}"
        for name, server in worlds.servers(body).items():
            assert server in [worlds.servers(each).get(name) for each in kin]
        assert worlds.servers(body) or not is_used, "a service in use without any server"


@LAW
@given(
    was=wanted(),
    targets=st.lists(wanted(), min_size=1, max_size=3),
    by_hand=worlds.foreign_keys,
    keys=st.integers(5, 12),
    crashes=st.lists(st.integers(0, 4), max_size=6),
)
def test_any_sequence_of_parts_of_plans_is_consistent(
    was: RouteTree,
    targets: list[RouteTree],
    by_hand: dict[str, bytes],
    keys: int,
    crashes: list[int],
) -> None:
    desk = Desk()
    desk.write(was)
    desk.by_hand(by_hand)
    with small_transactions(keys):
        watcher = Watcher(desk.read(), targets)
        for number, parts in enumerate(crashes):
            for stage in plan(targets[number % len(targets)], desk.read())[:parts]:
                desk.client.commit(stage.operations)
                watcher.look(desk.read())
        _finish(desk, targets[-1], watcher)


def _finish(desk: Desk, target: RouteTree, watcher: Watcher) -> None:
    for _ in range(2):
        for stage in plan(target, desk.read()):
            desk.client.commit(stage.operations)
            watcher.look(desk.read())
    found = diff(target, desk.read(), INSTALLATION)
    assert found.is_empty
    held = {merged(conflict.id) for conflict in found.conflicts}
    now = worlds.bodies(desk.read())
    assert {item.id: item.body for item in target if merged(item.id) not in held} == {
        named: body for named, body in now.items() if merged(named) not in held
    }


@LAW
@given(was=wanted(), target=wanted(), by_hand=worlds.foreign_keys)
def test_what_is_done_is_not_done_again(
    was: RouteTree, target: RouteTree, by_hand: dict[str, bytes]
) -> None:
    desk = Desk()
    desk.write(was)
    desk.by_hand(by_hand)
    # In a large plan, names that change in their case alone wait until the rest is written.
    for _ in range(2):
        desk.write(target)
    index = desk.index
    assert plan(target, desk.read()) == ()
    desk.write(target)
    assert desk.index == index


@LAW
@given(
    was=wanted(), target=wanted(), by_hand=worlds.foreign_keys.filter(bool), late=st.integers(0, 3)
)
def test_a_conflict_is_planned_anew_and_converges(
    was: RouteTree, target: RouteTree, by_hand: dict[str, bytes], late: int
) -> None:
    """Somebody writes while we do: the transaction fails as a whole, or their key is seen later."""
    desk = Desk()
    desk.write(was)
    with small_transactions(8):
        planned = plan(target, desk.read())
        for stage in planned[:late]:
            desk.client.commit(stage.operations)
        desk.by_hand(by_hand)
        for stage in planned[late:]:
            before = desk.read()
            try:
                desk.client.commit(stage.operations)
            except Conflict:
                assert desk.read() == before
                break
        watcher = Watcher(desk.read(), [was, target])
        _finish(desk, target, watcher)


def test_nobody_new_uses_what_is_left_of_a_removal_that_was_cut_off() -> None:
    """The large service lost its servers, not yet itself, when it is wanted again: as one that names a
    service whose name changes in its case, which waits for the rest of a large plan."""
    desk = Desk()
    servers = [f"t{number}" for number in range(40)]
    desk.write(tree({("services", "B"): balancer("t1"), ("services", "c"): balancer(*servers)}))
    leftover = tree({("services", "B"): balancer("t1")})
    for stage in plan(leftover, desk.read())[:-1]:
        desk.client.commit(stage.operations)
    target = tree(
        {("services", "a"): balancer(*servers), ("services", "b"): balancer("t1")}
        | {("services", "c"): {"weighted": {"services": {"0": {"name": "b"}}}}}
        | {("routers", "r"): router("c")}
    )
    for stage in plan(target, desk.read()):
        assert "http/routers/r/service" not in worlds.touched(stage.operations)
        desk.client.commit(stage.operations)
    (stage,) = plan(target, desk.read())
    assert "http/routers/r/service" in worlds.touched(stage.operations)
    desk.client.commit(stage.operations)
    assert worlds.bodies(desk.read()) == {item.id: item.body for item in target}


def test_one_transaction_where_it_fits() -> None:
    first = tree({("services", "a"): balancer("t1"), ("routers", "r"): router("a")})
    other = tree({("services", "b"): balancer("t2"), ("routers", "r"): router("b")})
    desk = Desk()
    desk.write(first)
    (stage,) = plan(other, desk.read())
    assert not stage.awaits_confirmation
    assert {type(each) for each in stage.operations} == {Put, Delete}
    assert worlds.touched(stage.operations) >= {stamp_key(INSTALLATION), "http/routers/r/service"}


def test_additions_then_the_switch_then_a_confirmation_then_removals() -> None:
    many = [f"t{number}" for number in range(40)]
    first = tree({("services", "a"): balancer(*many), ("routers", "r"): router("a")})
    other = tree({("services", "b"): balancer(*many), ("routers", "r"): router("b")})
    desk = Desk()
    desk.write(first)
    found = plan(other, desk.read())
    kinds = [
        {"removal" if isinstance(each, Delete) else "addition" for each in stage.operations[:-1]}
        for stage in found
    ]
    assert kinds == [{"addition"}, {"addition"}, {"removal"}, {"removal"}]
    assert "http/routers/r/service" in worlds.touched(found[1].operations)
    assert [stage.awaits_confirmation for stage in found] == [False, False, True, False]
    assert len({stage.generation for stage in found}) == 4


def test_servers_of_a_large_service_come_before_others_go() -> None:
    old, new = ([f"{when}{number}" for number in range(100)] for when in ("old", "new"))
    desk = Desk()
    desk.write(tree({("services", "a"): balancer(*old), ("routers", "r"): router("a")}))
    found = plan(
        tree({("services", "a"): balancer(*new), ("routers", "r"): router("a")}), desk.read()
    )
    first_removal = next(
        number
        for number, stage in enumerate(found)
        if any(isinstance(each, Delete) for each in stage.operations)
    )
    for number, stage in enumerate(found):
        keys = [each for each in stage.operations if each.key != stamp_key(INSTALLATION)]
        assert all(isinstance(each, Delete) == (number >= first_removal) for each in keys)
        assert stage.awaits_confirmation == (number == first_removal)
        assert all(_pairs(worlds.touched(keys)))


def _pairs(keys: set[str]) -> Iterator[bool]:
    """Both keys of every server are in one transaction."""
    for key in filter(worlds.is_server, keys):
        folder = key.rpartition("/")[0]
        yield {f"{folder}/url", f"{folder}/preservepath"} <= keys


@pytest.mark.parametrize(("servers", "transactions"), [(29, 1), (31, 2)])
def test_64_operations_fit_with_the_proof_of_leadership_and_no_more(
    servers: int, transactions: int
) -> None:
    """Two keys of each server, passhostheader, three of the router, the stamp, the lease."""
    names = [f"t{number}" for number in range(servers)]
    target = tree({("services", "a"): balancer(*names), ("routers", "r"): router("a")})
    found = plan(target, Desk().read())
    assert len(found) == transactions
    assert all(len(stage.operations) <= 63 for stage in found)
    assert sum(len(stage.operations) for stage in found) == 2 * servers + 3 + transactions


def test_much_text_is_cut_too() -> None:
    """Consul takes 512 KiB of JSON, in which values grow by a third."""
    rule = "Host(`" + "x" * 200_000 + "`)"
    target = tree(
        {("services", "a"): balancer("t")}
        | {("routers", name): {"rule": rule, "service": "a"} for name in ("r", "q", "p")}
    )
    desk = Desk()
    found = plan(target, desk.read())
    assert len(found) == 3
    for stage in found:
        desk.client.commit(stage.operations)
    assert plan(target, desk.read()) == ()
