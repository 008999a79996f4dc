"""Schedules written by hand with routes: the shortest roads to what the machine `Routes` looks for."""

from typing import Any

import pytest

from swarm_operator.observed.kv import Delete
from swarm_operator.plan.routes.ownership import flags_of
from tests.laws.schedules.lab import Lab
from tests.laws.schedules.monitors.coverage import (
    CUT_SHORT,
    FROZE,
    GIVEN_UP,
    HELD,
    IN_PARTS,
    WITHDRAWN,
    Coverage,
)
from tests.laws.schedules.schedule import LawBroken, Schedule, take
from tests.laws.schedules.step import Step
from tests.laws.schedules.vocabulary import (
    Crash,
    Freeze,
    Image,
    Instance,
    Kill,
    PushRouted,
    PutKey,
    Rebalance,
    Relabel,
    Return,
    RunTraefik,
    SpoilKey,
    Start,
    Trouble,
    Wait,
    WipeKv,
    WipeRoutes,
    Withdraw,
)

MANY = ("api", "blog", "chat", "docs", "feed", "web")
BEGUN = (RunTraefik(2), Start("alpha"), Start("beta"))


def web(**words: Any) -> Step:
    """A stack of one service with a route."""
    return PushRouted("shop", {"services": {"web": {"replicas": 2, **words}}})


ONE = (*BEGUN, web(), Wait(10.0))
OURS = "http/routers/shop-web/rule"
FREEZES = PutKey("http/routers/theirs/nosuch", "1")


def many(routes: str, host: str = "test") -> Step:
    """A stack of which all services change their routes at once."""
    words = {"routes": routes, "host": host, "order": "start-first"}
    return PushRouted("shop", {"services": {name: dict(words) for name in MANY}})


def in_parts(*trouble: Step) -> tuple[Step, ...]:
    again = (Wait(45.0), Start("alpha"), Start("beta"))
    return (*BEGUN, many("none"), Wait(15.0), *trouble, many("two"), *again, many("none"), *again)


REACHED: dict[str, tuple[Step, ...]] = {
    IN_PARTS: in_parts(),
    CUT_SHORT: in_parts(Crash("leader", 0, True, "traefik")),
    WITHDRAWN: (*ONE, Withdraw("shop_web", 20.0)),
    GIVEN_UP: (*ONE, Instance(1, "hang"), Withdraw("shop_web", 40.0)),
    HELD: (*ONE, PutKey(OURS, "Host(`hand.test`)"), Wait(10.0), web(routes="two")),
    FROZE: (*ONE, FREEZES, web(replicas=3), Wait(20.0)),
}
HINDERED: dict[str, tuple[Step, ...]] = {
    **{
        f"killed {'after' if applied else 'before'} write {number}": in_parts(
            Crash("leader", number, applied, "traefik")
        )
        for number in (0, 1, 2)
        for applied in (True, False)
    },
    **{
        f"a {fault} write": in_parts(Trouble("leader", "traefik", fault, 2, True))
        for fault in ("lost", "stuck", "slow", "refused")
    },
    "stands still between two writes": in_parts(Freeze("leader", 1, 45.0, None, "traefik")),
    "a hand is quicker": (
        *ONE,
        Freeze("leader", 0, 0.1, PutKey(OURS, "Host(`hand.test`)"), "traefik"),
        web(host="example.org"),
        Wait(10.0),
    ),
    "another installation's key": (
        *ONE,
        PutKey(OURS, "Host(`hand.test`)", flags_of("another-swarm another-root")),
        web(routes="none"),
        Wait(10.0),
    ),
    "somebody else labels a service": (*ONE, Relabel("shop_web", "shown"), Wait(10.0)),
    "all tasks are replaced at once": (*ONE, web(image="app:2"), Wait(30.0)),
    "a task more, and the last one dies": (
        *ONE,
        web(replicas=1),
        Wait(5.0),
        Image("app:1", "crash"),
        Wait(20.0),
    ),
    "a key of ours is gone, another is spoilt": (
        *ONE,
        SpoilKey(3),
        Wait(1.0),
        SpoilKey(5, "spoilt", keeps_mark=True),
        Wait(10.0),
    ),
    "a hand takes away what the second transaction names": in_parts(
        Freeze("leader", 1, 0.1, SpoilKey(1), "traefik")
    ),
    "all is wiped": (*ONE, WipeRoutes(), WipeKv(), Wait(10.0), web(replicas=3), Wait(5.0)),
    "withdrawn while Traefik takes nothing": (*ONE, FREEZES, Withdraw("shop_web", 40.0)),
    "withdrawn, and killed": (
        *ONE,
        Withdraw("shop_web", 20.0, stays=False),
        Crash("leader", 0, True, "traefik"),
        web(replicas=4),
        Wait(45.0),
        Start("alpha"),
        Start("beta"),
    ),
    "tasks are moved": (
        *BEGUN,
        Rebalance("act"),
        web(replicas=6, order="start-first"),
        Wait(10.0),
        Kill("w1"),
        Wait(25.0),
        Return("w1"),
        Wait(90.0),
    ),
}


def played(*steps: Step) -> Lab:
    return Schedule(steps).play()


@pytest.mark.parametrize("word", REACHED)
def test_what_is_aimed_at_is_reached(word: str) -> None:
    assert word in played(*REACHED[word]).monitor(Coverage).reached


@pytest.mark.parametrize("name", HINDERED)
def test_every_law_holds(name: str) -> None:
    lab = played(*HINDERED[name])
    assert lab.traefiks is not None
    assert lab.traefiks.own_keys()


def test_a_wiped_root_is_written_again_within_five_seconds() -> None:
    """Though the whole KV of the operator is gone too, and its sentinel."""
    lab = Lab()
    schedule = Schedule([])
    for step in ONE:
        take(lab, step, schedule)
    assert lab.traefiks is not None
    before = {key: entry.value for key, entry in lab.traefiks.keys().items()}
    lab.traefiks.wipe()
    lab.run(5.0)
    assert {key: entry.value for key, entry in lab.traefiks.keys().items()} == before


def test_a_foreign_key_that_an_operator_wrote_is_noticed() -> None:
    """The control: a writer that takes a foreign key for its own."""
    steps = (*ONE, PutKey("http/middlewares/theirs/compress", "true"))
    lab, schedule = Lab(), Schedule(list(steps))
    for step in steps:
        take(lab, step, schedule)
    process = lab.running("leader")
    assert process is not None
    assert process.routing is not None
    assert lab.traefiks is not None
    root, fence = process.routing.controller._root, process.fence
    assert fence is not None
    entry = lab.traefiks.keys()["http/middlewares/theirs/compress"]
    root.kv.commit((Delete("http/middlewares/theirs/compress", entry.modify_index),), fence=fence)
    with pytest.raises(LawBroken, match="no foreign key is ever changed"):
        take(lab, Wait(0.1), schedule)
