"""Labels of moves that are not ours, labels that nobody can read, and what a rollback leaves behind."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from swarm_operator.plan.ownership import INSTALLATION_LABEL
from swarm_operator.plan.rebalance.begun import begun, unreadable
from swarm_operator.plan.rebalance.intent import LABEL, Fence, MoveIntent, labelled
from tests.cli.at_home import AtHome
from tests.rebalance.home import Home
from tests.rebalance.shop import SHOP, settled
from tests.rebalance.stage import API
from tests.rebalance.test_intent import intent_for
from tests.rebalance.worlds import service, swarm
from tests.simulation.whole import thawed

OURS = {INSTALLATION_LABEL: "ours"}
THEIRS = {INSTALLATION_LABEL: "theirs"}


def owns(labels: Mapping[str, str]) -> bool:
    return labels.get(INSTALLATION_LABEL) == "ours"


def spec_with(labels: Mapping[str, str], *, moving: bool = False) -> Any:
    spec = {**service("web", 2).spec, "Labels": dict(labels)}
    return labelled(spec, intent_for(spec)) if moving else spec


@pytest.mark.parametrize(
    ("live", "previous", "is_begun"),
    [
        (spec_with(OURS, moving=True), None, True),
        (spec_with(THEIRS, moving=True), None, False),
        (spec_with({}, moving=True), None, False),
        (spec_with(OURS), spec_with(OURS, moving=True), True),
        (spec_with({}), spec_with(OURS, moving=True), True),  # `docker stack deploy` in a move
        (spec_with(OURS), spec_with(THEIRS, moving=True), False),
        (spec_with(THEIRS, moving=True), spec_with(OURS, moving=True), False),
        (spec_with({**OURS, LABEL: "nonsense"}), None, False),
        (spec_with(OURS), spec_with({**OURS, LABEL: "nonsense"}), True),
        (spec_with(OURS), spec_with(OURS), False),
    ],
)
def test_the_spec_that_holds_the_label_says_whose_it_is(
    live: Any, previous: Any, is_begun: bool
) -> None:
    plain = service("web", 2)
    web = type(plain)(plain.id, plain.version, plain.name, live, previous_spec=previous)
    assert [s.name for s in begun(swarm([], [web], {}), owns)] == (["web"] if is_begun else [])


def test_only_what_is_ours_is_told_as_unreadable() -> None:
    for labels, is_told in ((OURS, True), (THEIRS, False), ({}, False)):
        web = service("web", 2)
        odd = type(web)(web.id, 1, web.name, spec_with({**labels, LABEL: "nonsense"}))
        assert (unreadable(odd, owns) is not None) is is_told


# --- in a whole world -----------------------------------------------------------------------------------


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home(monitors=[])
    yield made
    assert not made.broken, "\n".join(map(str, made.broken))


def make(home: Home, name: str, labels: Mapping[str, str], change: Any = None) -> None:
    """As `docker service create` does, with the fence of a surge."""
    spec = {
        "Name": name,
        "Labels": dict(labels),
        "TaskTemplate": {"ContainerSpec": {"Image": "app:1"}, "Placement": {}},
        "Mode": {"Replicated": {"Replicas": 2}},
    }
    home.engine.control.create_service(change(spec) if change else spec, api_version=API)


def surged(spec: Any) -> Any:
    plain = intent_for(spec)
    fields = {name: getattr(plain, name) for name in MoveIntent.__slots__}
    fields |= {"replicas": 1, "fence": Fence(("node.id!=zzz",), 5)}
    fenced = {"Constraints": ["node.id!=zzz"], "MaxReplicas": 5}
    template = {**spec["TaskTemplate"], "Placement": fenced}
    return labelled({**spec, "TaskTemplate": template}, MoveIntent(**fields))


@pytest.mark.parametrize("labels", [THEIRS, {"mine": "no"}], ids=["another's", "a clone"])
def test_a_move_of_another_installation_is_left_alone(
    home: Home, labels: Mapping[str, str]
) -> None:
    home.push("shop", SHOP)
    make(home, "alien", labels, surged)
    home.live()
    before = home.specs()["alien"]
    assert LABEL in before
    home.outage("w1")
    home.until(lambda: bool(home.events()))
    home.until(lambda: settled(home))
    assert home.specs()["alien"] == before
    assert not {event.name for event in home.events("step")} & {"alien"}


def test_a_label_of_others_that_cannot_be_read_stops_nothing(home: Home) -> None:
    home.push("shop", SHOP)
    make(home, "alien", {LABEL: "garbage"})
    home.live()
    home.outage("w1")
    home.until(lambda: bool(home.events()))
    home.until(lambda: settled(home))
    assert "alien" not in home.status().message


def label(home: Home, name: str, value: str | None) -> None:
    """`docker service update --label-add`, or `--label-rm`."""
    record = home.service(name)
    assert record is not None
    spec = thawed(record.spec)
    spec["Labels"] = {k: v for k, v in spec["Labels"].items() if k != LABEL}
    spec["Labels"] |= {LABEL: value} if value is not None else {}
    home.engine.control.update_service(name, record.meta.version, spec, api_version=API)


def test_a_label_of_ours_that_cannot_be_read_blocks_its_service_alone(home: Home) -> None:
    """In the midst of a move: what stands is told, with the way out, and the others come home."""
    home.push("shop", {**SHOP, "many": {"deploy": {"replicas": 10}}})
    home.live()
    home.outage("w1")

    def surging() -> str:
        services = home.engine.store.services.all()
        return next((s.name for s in services if LABEL in s.spec["Labels"]), "")

    home.until(lambda: bool(surging()), step_s=0.1)
    name = surging()
    label(home, name, "garbage")
    home.until(lambda: {e.name for e in home.events()} - {name} != set())
    home.until(lambda: home.status().state == "Blocked")
    record = home.service(name)
    assert record is not None
    assert record.spec["Labels"][LABEL] == "garbage"
    way_out = f"docker service update --label-rm {LABEL} {name}"
    status = home.status()
    assert way_out in status.message
    assert way_out in status.services[name].message
    people = AtHome(home)
    assert way_out in people.line("plan", "shop")
    assert way_out in people.line("why", name)
    assert way_out in people.line("status")
    label(home, name, None)
    home.until(lambda: settled(home))
    after = home.service(name)
    assert after is not None
    wished = {**SHOP, "many": {"deploy": {"replicas": 10}}}[name.removeprefix("shop_")]
    assert after.spec["Mode"]["Replicated"]["Replicas"] == wished["deploy"]["replicas"]
    assert not after.spec["TaskTemplate"]["Placement"].get("Constraints")


def test_after_a_rollback_that_is_done_tasks_come_home(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    record = home.service("shop_api")
    assert record is not None
    spec = thawed(record.spec)
    home.engine.control.update_service("shop_api", record.meta.version, spec, api_version=API)
    record = home.service("shop_api")
    assert record is not None
    home.engine.control.update_service(
        "shop_api", record.meta.version, None, rollback=True, api_version=API
    )
    home.run(30.0)
    record = home.service("shop_api")
    assert record is not None
    assert record.update_status is not None
    assert record.update_status.state == "rollback_completed"
    home.outage("w1")
    home.until(lambda: "shop_api" in {event.name for event in home.events()})


def test_a_policy_that_cannot_be_read_is_not_said_to_forbid(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.put_policy("{mode: perhaps}")
    home.until(lambda: home.status().state == "Off")
    assert "desired/policy cannot be read" in home.status().message
    home.outage("w1")
    said = AtHome(home).line("rebalance", "--dry-run")
    assert "all wait: desired/policy cannot be read, and it may forbid moves: correct it" in said
    assert "mode: off" not in said
    home.put_policy("{mode: off}")
    home.until(lambda: "the policy says" in home.status().message)
