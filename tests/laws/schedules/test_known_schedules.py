"""Schedules written by hand, one for each thing that the monitors watch for.

What holds at every step and at the end is not said here: see `monitors` and `ending`. These are the
shortest roads to the places where a missing guard shows (see tests/mutants).
"""

from typing import Any

import pytest

from swarm_operator.plan.ownership import INSTALLATION_LABEL
from tests.laws.schedules.monitors.secrecy import MARK
from tests.laws.schedules.people import Document
from tests.laws.schedules.schedule import Schedule
from tests.laws.schedules.step import Step
from tests.laws.schedules.vocabulary import (
    Approve,
    Ask,
    BeginPush,
    Bury,
    Consul,
    Crash,
    CreateForeign,
    Deaf,
    DeployByDocker,
    Edit,
    EndSession,
    Freeze,
    Image,
    Kill,
    LoseSentinel,
    Meddle,
    Policy,
    Push,
    Quorum,
    Remove,
    RemoveService,
    RollBack,
    Scale,
    Stale,
    Start,
    Stop,
    Trouble,
    Vanish,
    Wait,
    WipeKv,
)

STACK = "com.docker.stack.namespace"
ROLLS_BACK = {"update_config": {"failure_action": "rollback", "monitor": "2s"}}


def stack(*names: str, image: str = "app:1", **more: Any) -> Document:
    """A document with these services, all alike."""
    return {"services": {name: {"image": image, **more} for name in names}}


def secretive(word: str) -> Document:
    """A document with a secret in each place where one may stand."""
    web = {
        "image": "app:1",
        "command": ["serve", f"--token={MARK}-{word}"],
        "environment": {"PASSWORD": f"{MARK}-{word}"},
        "secrets": ["password"],
    }
    return {
        "services": {"web": web},
        "secrets": {"password": {"content": f"{MARK}-{word}"}},
    }


def ported(**ports: int) -> Document:
    """A document whose services publish these ports."""
    services = {name: {"image": "app:1", "ports": [f"{p}:80"]} for name, p in ports.items()}
    return {"services": services}


TWO_PORTS = {"image": "app:1", "ports": ["8400:80", "8401:81"]}
PROTECTED = {
    "services": {
        name: {"image": "app:1", "x-operator": {"protect": True}} for name in ("db", "web")
    }
}
ALPHA = Start("alpha")
BETA = Start("beta")
THREE = (ALPHA, Push("shop", stack("api", "db", "web")), Wait(10.0))
FAILING = (
    ALPHA,
    Push("shop", stack("web", "db", deploy=ROLLS_BACK)),
    Wait(10.0),
    Image("app:2", "crash"),
    Push("shop", stack("web", image="app:2", deploy=ROLLS_BACK)),
)

KNOWN: dict[str, tuple[Step, ...]] = {
    "half a document is not acted on": (
        *THREE,
        BeginPush("shop", stack("db", "web")),
        Wait(70.0),
        Push("shop", stack("api", "db", "web")),
    ),
    "an unusable document removes nothing": (
        *THREE,
        Edit("shop", text="services: ["),
        Wait(70.0),
        Edit("shop", text="42"),
    ),
    "a vanished folder removes nothing": (*THREE, Vanish("shop"), Wait(200.0)),
    "a folder that is back in its grace time": (
        *THREE,
        Policy("auto"),
        Vanish("shop"),
        Wait(30.0),
        Stop("alpha"),
        BETA,
        Wait(20.0),
        Push("shop", stack("web")),
    ),
    "a folder that is gone for good": (*THREE, Policy("auto"), Vanish("shop"), Wait(70.0)),
    "more than half waits for approval": (
        *THREE,
        Push("shop", stack("web")),
        Wait(30.0),
        Approve("shop"),
    ),
    "an approval is for one plan": (
        *THREE,
        Push("shop", stack("web")),
        Wait(5.0),
        Approve("shop"),
        Push("shop", stack("db")),
    ),
    "what is protected stays": (
        ALPHA,
        Push("shop", PROTECTED),
        Wait(10.0),
        Push("shop", stack("web")),
        Wait(10.0),
        Remove("shop"),
    ),
    "a tombstone beside an older document": (*THREE, Bury("shop"), Wait(20.0)),
    "a document younger than the tombstone": (
        *THREE,
        Remove("shop"),
        Push("shop", stack("api", "web", image="app:2")),
    ),
    "strangers in the namespace": (
        CreateForeign("shop_stranger", {STACK: "shop"}),
        CreateForeign("shop_db", {STACK: "shop", INSTALLATION_LABEL: "inst-two"}),
        ALPHA,
        Push("shop", stack("web")),
        Wait(10.0),
        Remove("shop"),
    ),
    "strangers with our names": (
        CreateForeign("shop_web", {}),
        CreateForeign("wiki_web", {STACK: "wiki", INSTALLATION_LABEL: "inst-two"}),
        ALPHA,
        Push("shop", stack("web", "db")),
        Push("wiki", stack("web", "db")),
        Wait(10.0),
    ),
    "a stack is adopted as it runs": (
        DeployByDocker("shop", {**secretive("one"), "configs": {"page": {"content": "x"}}}),
        DeployByDocker("wiki", {"services": {"web": TWO_PORTS}}, untidy=True),
        ALPHA,
        Push("shop", {**secretive("one"), "configs": {"page": {"content": "x"}}}),
        Push("wiki", {"services": {"web": TWO_PORTS}}),
        Wait(10.0),
    ),
    "ports change hands": (
        ALPHA,
        Push("shop", ported(api=8000, db=8001, web=8002)),
        Wait(10.0),
        Push("shop", ported(api=8001, db=8002, web=8003)),
    ),
    "a spec that fails is rolled back": (*FAILING, Wait(200.0)),
    "a rollback that nobody saw": (
        *FAILING,
        Crash("alpha", 0, applied=False),
        Wait(0.5),
        ALPHA,
        Wait(1.0),
        Crash("alpha", 1, applied=True),
        Wait(60.0),
        ALPHA,
        Wait(120.0),
    ),
    **{
        f"an operator that dies at write {number} of a spec that fails": (
            *FAILING,
            Crash("alpha", number, applied=True),
            Wait(100.0),
            ALPHA,
            Wait(120.0),
        )
        for number in range(4)
    },
    "a restart is asked for while a service stays that is in no document": (
        *THREE,
        Push("shop", {**stack("web", "new"), "x-operator": {"prune": "off"}}),
        Ask("redeploy", "shop"),
        Wait(10.0),
    ),
    "a person rolls back": (
        *THREE,
        Push("shop", stack("api", "db", "web", image="app:2")),
        Wait(20.0),
        RollBack("shop_web"),
        Wait(60.0),
    ),
    "a tug of war": (
        *THREE,
        Scale("shop_web", 3),
        Wait(30.0),
        Scale("shop_web", 4),
        Wait(30.0),
        Scale("shop_web", 5),
        Wait(30.0),
    ),
    "a KV that lost its sentinel": (
        *THREE,
        LoseSentinel(),
        Push("shop", stack("api", "db", "web", image="app:2")),
        Wait(30.0),
    ),
    "a KV that lost everything": (
        *THREE,
        WipeKv(),
        Wait(30.0),
        Push("wiki", stack("web")),
        Wait(30.0),
    ),
    "secrets change": (
        ALPHA,
        Push("shop", secretive("one")),
        Wait(10.0),
        Push("shop", secretive("two")),
        Wait(10.0),
        Image("app:1", "crash"),
        Push("shop", secretive("three")),
        Wait(20.0),
        Push("shop", stack("web")),
    ),
    "a holder that stands still": (
        ALPHA,
        Wait(1.0),
        BETA,
        Push("shop", stack("api", "db", "web")),
        Freeze("alpha", 2, 40.0),
        Push("wiki", stack("api", "db", "web")),
        Wait(60.0),
    ),
    "a holder that stands still alone": (
        ALPHA,
        Wait(1.0),
        Push("shop", stack("api", "db", "web")),
        Freeze("alpha", 2, 20.0),
        Wait(60.0),
    ),
    "a session that Consul ends early": (
        ALPHA,
        Wait(1.0),
        BETA,
        Wait(1.0),
        Trouble("alpha", "consul", "slow", 1, writes_only=True),
        Push("shop", stack("web")),
        EndSession(),
        Wait(20.0),
    ),
    "killed after each write": (
        ALPHA,
        BETA,
        Push("shop", secretive("one")),
        *(
            step
            for number in range(6)
            for step in (
                Crash("alpha", number, applied=number % 2 == 0),
                Crash("beta", number, applied=number % 2 == 1),
                Push("shop", secretive(f"round{number}")),
                Wait(40.0),
                ALPHA,
                BETA,
            )
        ),
    ),
    "a manager that hears nothing new": (
        *THREE,
        Stale("alpha", 14.0),
        Scale("shop_web", 3),
        Push("shop", stack("web", "db", image="app:2")),
        Wait(30.0),
    ),
    "no events": (*THREE, Deaf("alpha", 60.0), Scale("shop_web", 3), Kill("w1"), Wait(70.0)),
    "everything is meddled with": (
        *THREE,
        CreateForeign("stranger", {}),
        Kill("w1"),
        Meddle("stranger", 60, 0.5),
        Meddle("shop_web", 20, 0.5),
    ),
    "policy removes a stack whose network somebody else uses": (
        Start("alpha"),
        Push("wiki", stack("db")),
        Wait(3.0),
        WipeKv(),
        Policy("auto"),
        DeployByDocker("wiki", stack("api", image="app:2")),
    ),
    "no majority": (*THREE, Quorum(lost=True), Push("shop", stack("web", "db")), Wait(40.0)),
    "the document changes while a pass waits for Consul": (
        ALPHA,
        Push("shop", stack("web", image="app:2")),
        Wait(5.0),
        Trouble("leader", "consul", "stuck", 2, writes_only=True),
        Push("shop", stack("web", image="app:3")),
        Wait(5.5),
        Push("shop", {"services": {"web": {}}}),
        Trouble("leader", "consul", "slow", 1, writes_only=True),
        Wait(30.0),
    ),
    "a manager that is cut off shows what another hand removed": (
        ALPHA,
        Push("shop", stack("api")),
        Wait(3.0),
        RemoveService("shop_api"),
        Stale("alpha", 5.0),
        Push("shop", stack("api", deploy={"update_config": {"order": "start-first"}})),
        Wait(15.0),
    ),
    "Consul freezes": (
        *THREE,
        BETA,
        Consul("frozen"),
        Push("shop", stack("web", "db")),
        Wait(60.0),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_every_law_holds(name: str) -> None:
    Schedule(KNOWN[name]).play()
