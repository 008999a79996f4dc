"""How far a write has come, from what the instances say."""

from dataclasses import replace

import pytest

from swarm_operator.plan.routes.states import (
    FROZEN_AFTER_S,
    UNSEEN_S,
    Instances,
    Seen,
    State,
    Writes,
    standing,
)
from swarm_operator.plan.routes.tree import ObjectId

ROUTER, SERVICE = ObjectId("http", "routers", "web"), ObjectId("http", "services", "web")
WRITES = Writes().next("aaa", 10.0).next("bbb", 20.0)
OLD = Seen("3.7.15", "aaa", answered_at=21.0)
NEW = Seen("3.7.15", "bbb", answered_at=21.0)
SILENT = replace(OLD, error="no answer")


def state(changed: int, *seen: Seen, now: float = 22.0) -> State:
    instances = Instances({f"i{number}": each for number, each in enumerate(seen)})
    return standing(ROUTER, SERVICE, changed, instances, WRITES, now).state


@pytest.mark.parametrize(
    ("changed", "seen", "wanted"),
    [
        (2, (NEW,), State.LIVE),
        (2, (OLD,), State.PENDING),
        (2, (NEW, OLD), State.PENDING),
        (1, (NEW, OLD), State.LIVE),
        (2, (NEW, SILENT), State.UNKNOWN),
        (2, (SILENT,), State.UNKNOWN),
        (2, (OLD, SILENT), State.PENDING),
        (2, (Seen(),), State.UNKNOWN),
        (2, (), State.UNKNOWN),
        (2, (replace(NEW, generation="zzz"),), State.PENDING),
    ],
)
def test_a_route_is_live_where_all_have_the_write_that_changed_it(
    changed: int, seen: tuple[Seen, ...], wanted: State
) -> None:
    assert state(changed, *seen) is wanted


def test_who_answers_and_never_shows_a_write_is_frozen() -> None:
    assert state(2, OLD, now=20 + FROZEN_AFTER_S - 0.1) is State.PENDING
    assert state(2, OLD, now=20 + FROZEN_AFTER_S) is State.FROZEN
    assert state(1, OLD, now=20 + FROZEN_AFTER_S) is State.LIVE


@pytest.mark.parametrize("named", [ROUTER, SERVICE])
def test_what_traefik_disables_is_so_in_its_words(named: ObjectId) -> None:
    instances = Instances({"a": replace(NEW, troubles={named: "the rule is bad"})})
    found = standing(ROUTER, SERVICE, 2, instances, WRITES, 22.0)
    assert (found.state, found.message) == (State.DISABLED, "a says: the rule is bad")


def test_an_answer_from_before_a_write_says_nothing_of_it() -> None:
    again = WRITES.next("aaa", 30.0)
    assert again.applied(replace(OLD, answered_at=29.9)) == -1
    assert again.applied(replace(OLD, answered_at=30.0)) == 3


def test_confirmed_is_what_every_running_instance_has() -> None:
    assert Instances({"a": NEW, "b": NEW}).confirm(2, WRITES, 22)
    assert not Instances({"a": NEW, "b": OLD}).confirm(2, WRITES, 22)
    assert not Instances({"a": NEW, "b": SILENT}).confirm(2, WRITES, 500)
    assert Instances({"a": OLD, "b": NEW}).confirm(1, WRITES, 22)


def test_with_nobody_to_ask_time_confirms() -> None:
    assert not Instances().confirm(2, WRITES, 20 + UNSEEN_S - 0.1)
    assert Instances().confirm(2, WRITES, 20 + UNSEEN_S)


def test_where_nothing_was_written_nobody_is_frozen_and_nothing_waited_for() -> None:
    instances = Instances({"a": Seen("3.7.15", "", answered_at=5.0)})
    assert instances.frozen(Writes(), 500.0) == ()
    assert instances.confirm(0, Writes(), 500.0)


def test_one_that_has_just_started_has_time_to_read() -> None:
    started = Seen("3.7.15", "", answered_at=101.0, since=100.0)
    instances = Instances({"a": started})
    assert instances.frozen(WRITES, 100 + FROZEN_AFTER_S - 0.1) == ()
    assert instances.frozen(WRITES, 100 + FROZEN_AFTER_S) == ("a",)
