"""Schedules written by hand in which tasks are moved: the shortest roads to what the monitors watch for."""

from typing import Any

import pytest

from tests.laws.schedules.lab import Lab
from tests.laws.schedules.monitors.coverage import (
    CARRIED_OUT,
    ENDED_BY_ANOTHER,
    MEDDLED_WITH,
    UNDONE,
    Coverage,
)
from tests.laws.schedules.monitors.moves import Moves
from tests.laws.schedules.people import Document
from tests.laws.schedules.schedule import Schedule, take
from tests.laws.schedules.step import Step
from tests.laws.schedules.vocabulary import (
    Availability,
    ChangeLeader,
    Crash,
    Cut,
    ForceUpdate,
    Freeze,
    Image,
    Kill,
    Push,
    Rebalance,
    Reconnect,
    Remove,
    Return,
    RollBack,
    Scale,
    SetImage,
    Start,
    Trouble,
    Wait,
)

ALPHA, BETA = Start("alpha"), Start("beta")
AWAY = (Kill("w1"), Wait(25.0))
HOME = (Return("w1"), Wait(60.0))
AGAIN = (ALPHA, BETA, Wait(40.0))
ZONES = {"spread": "node.labels.zone"}
STOP_FIRST = {"replicas": 6, "update_config": {"order": "stop-first"}}


def stack(replicas: int = 6, **more: Any) -> Document:
    """One service that five nodes cannot share evenly, so that it is out of balance after an outage."""
    service = {"image": "app:1", "deploy": {"replicas": replicas}, **more}
    return {"services": {"api": service}}


def says(word: str) -> dict[str, Any]:
    """A service's `x-operator`."""
    return {"x-operator": {"rebalance": word}}


def singles(word: str) -> Document:
    """Eight services of one replica each."""
    service = {"image": "app:1", **says(word)}
    return {"services": dict.fromkeys("abcdefgh", service)}


def begun(document: Document) -> tuple[Step, ...]:
    return (ALPHA, BETA, Rebalance("act"), Push("shop", document), Wait(10.0), *AWAY)


STARTED = begun(stack())[:-2]
OUT = (*STARTED, *AWAY)
MEANWHILE: dict[str, Step] = {
    "a restart": ForceUpdate("shop_api"),
    "an image": SetImage("shop_api", "app:2"),
    "a scale": Scale("shop_api", 5),
    "a rollback": RollBack("shop_api"),
    "a push": Push("shop", stack(5)),
    "a removal": Remove("shop"),
    "a policy": Rebalance("off"),
    "a new leader": ChangeLeader(),
    "a death": Kill("w1"),
    "a drain": Availability("w2", "drain"),
}

MOVED: dict[str, tuple[Step, ...]] = {
    "a node comes home": (*OUT, *HOME),
    "a drained node takes tasks again": (
        *STARTED,
        Availability("w1", "drain"),
        Wait(25.0),
        Availability("w1", "active"),
        Wait(60.0),
    ),
    "one replica that may run twice": (
        *begun(singles("overlap")),
        *HOME,
    ),
    "one replica that may have a gap": (
        *begun(singles("stop-first")),
        *HOME,
    ),
    "the self-test comes first": (*OUT, Rebalance("act", self_test=True), *HOME, Wait(60.0)),
}
STAYS: dict[str, Document] = {
    "its document says never": stack(**says("never")),
    "a volume": {**stack(volumes=["data:/data"]), "volumes": {"data": {}}},
    "it stops first": stack(deploy=STOP_FIRST),
    "a gap that is for one replica alone": stack(**says("stop-first")),
    "one replica each": singles("auto"),
}
HINDERED: dict[str, tuple[Step, ...]] = {
    **{
        f"dies {'after' if applied else 'before'} write {number}": (
            *OUT,
            Crash("leader", number, applied, "docker"),
            *HOME,
            *AGAIN,
        )
        for number in range(4)
        for applied in (True, False)
    },
    **{
        f"{name} before write {number}": (
            *OUT,
            Freeze("leader", number, 0.1, step, "docker"),
            *HOME,
            *AGAIN,
        )
        for name, step in MEANWHILE.items()
        for number in (0, 1, 2)
    },
    # The hand's write is what the seal would be: a rollback finds the same spec.
    "another hand writes the same before the seal": (
        *OUT,
        Freeze("leader", 2, 0.1, SetImage("shop_api", "app:1"), "docker"),
        *HOME,
        *AGAIN,
    ),
    **{
        f"stands still at write {number}": (
            *OUT,
            Freeze("leader", number, 45.0, None, "docker"),
            *HOME,
            *AGAIN,
        )
        for number in range(4)
    },
    **{
        f"a new task is {behaviour}": (*OUT, Image("app:1", behaviour), *HOME, *AGAIN)
        for behaviour in ("crash", "hanging", "missing", "slow", "stubborn")
    },
    **{
        f"a {fault} write": (*OUT, Trouble("leader", "docker", fault, 2, True), *HOME, *AGAIN)
        for fault in ("lost", "stuck", "slow", "refused", "moved")
    },
    "killed while the new task starts": (
        *OUT,
        Image("app:1", "hanging"),
        Crash("leader", 0, True, "docker"),
        *HOME,
        *AGAIN,
    ),
    "all at once": (
        *OUT,
        Image("app:1", "slow"),
        Crash("leader", 1, False, "docker"),
        *HOME,
        Kill("w2"),
        *AGAIN,
        ForceUpdate("shop_api"),
        Wait(10.0),
        Return("w2"),
    ),
    "changed as soon as its node is steady": (
        *OUT,
        Return("w1"),
        Wait(29.0),
        Scale("shop_api", 7),
        Wait(31.0),
    ),
    "the leader sees nothing for a while": (
        *STARTED[1:],
        Wait(60.0),
        Cut("m2"),
        Wait(25.0),
        Reconnect("m2"),
        Wait(30.0),
    ),
}


def reached(*steps: Step) -> set[str]:
    return Schedule(steps).play().monitor(Coverage).reached


@pytest.mark.parametrize("name", MOVED)
def test_tasks_come_home(name: str) -> None:
    assert CARRIED_OUT in reached(*MOVED[name])


@pytest.mark.parametrize("name", STAYS)
def test_what_may_not_be_moved_stays(name: str) -> None:
    """The control arm is a stack of the same shape that is moved."""
    assert not {CARRIED_OUT, UNDONE} & reached(*begun(STAYS[name]), *HOME)


@pytest.mark.parametrize("mode", ["recommend", "off"])
def test_what_may_not_be_moved_stays_by_policy(mode: str) -> None:
    lab = Lab()
    for step in (*OUT, Rebalance(mode), Return("w1"), Wait(90.0)):
        take(lab, step, Schedule())
    assert lab.monitor(Moves).begun == 0


@pytest.mark.parametrize("name", HINDERED)
def test_every_law_holds(name: str) -> None:
    Schedule(HINDERED[name]).play()


def test_what_is_aimed_at_a_move_hits_it() -> None:
    assert MEDDLED_WITH in reached(*HINDERED["a restart before write 1"])
    assert ENDED_BY_ANOTHER in reached(*HINDERED["dies after write 0"])
    assert UNDONE in reached(*HINDERED["a new task is crash"])


def test_a_node_of_which_a_new_leader_never_heard() -> None:
    """It was away for 25 s, and nobody ever called it down."""
    spread = stack(3, deploy={"replicas": 3, "placement": {"preferences": [ZONES]}})
    steps = (
        ALPHA,
        Rebalance("act"),
        Push("shop", {"services": {"a": {"image": "app:1"}, "b": stack(6)["services"]["api"]}}),
        Wait(10.0),
        Push("shop", spread),
        Kill("w2"),
        ChangeLeader(),
        Wait(25.0),
    )
    Schedule(steps, seed=3).play()


def test_another_service_is_rolled_out_between_the_decision_and_the_move() -> None:
    """What is even then was even when it was decided; no version tells that it is not any more."""
    services = {**stack()["services"], "capped": {"image": "app:1", "deploy": {"replicas": 3}}}
    steps = (
        ALPHA,
        Rebalance("act"),
        Push("shop", {"services": {**services, "role": {"image": "app:1"}}}),
        Wait(10.0),
        *AWAY,
        Freeze("leader", 3, 0.1, ForceUpdate("shop_api"), "docker"),
        *HOME,
    )
    Schedule(steps, seed=3).play()
