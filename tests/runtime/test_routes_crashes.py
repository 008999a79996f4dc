"""Killed at any write, and whatever goes wrong with Consul: the same end, and never half a route."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from desired_state import keys
from desired_state.records import SCHEMA_VERSION, Installation
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.references import references
from tests.runtime.routes_lab import Process, RoutesLab, routed

NAMES = [f"s{number:02d}" for number in range(12)]
"""Of so many services that their routes fill several transactions."""


def many(lab: RoutesLab) -> None:
    for name in NAMES:
        lab.service(f"shop_{name}", replicas=2)


def all_live(lab: RoutesLab) -> bool:
    states = lab.states("shop")
    return len(states) == len(NAMES) and set(states.values()) == {"live"}


def watch(lab: RoutesLab) -> list[int]:
    """At every write the keys must be whole: nothing that is named may be missing. Returns how many
    objects each look saw."""
    looks: list[int] = []

    def look() -> None:
        looks.append(0)
        decoded = decode(lab.written())
        assert decoded.faults == ()
        for item in decoded.tree:
            missing = [each for each in references(item) if each not in decoded.tree]
            assert not missing, (item.id, missing)
            looks[-1] += 1

    original = lab.world.consul_api.handle

    def handle(request):  # type: ignore[no-untyped-def]
        outcome = original(request)
        if request.path == "/v1/txn":
            look()
        return outcome

    lab.world.consul_api.handle = handle  # type: ignore[method-assign]
    return looks


def story(lab: RoutesLab) -> list[Callable[[], None]]:
    """What people do, one after another; each step's routes come to rest before the next."""
    return [
        lambda: many(lab),
        lambda: lab.relabel("shop_s00", routed("s00", rule="Host(`new.test`)")),
        lambda: lab.scale("shop_s01", 4),
        lambda: lab.relabel("shop_s02", {}),
    ]


def at_the_end(lab: RoutesLab) -> bool:
    keys = lab.written()
    return (
        keys.get("http/routers/s00/rule") == b"Host(`new.test`)"
        and not any("/s02/" in key for key in keys)
        and all(
            sorted(lab.servers(name)) == lab.running(f"shop_{name}")
            for name in NAMES
            if name != "s02"
        )
        and all(lab.serves(name) for name in NAMES if name != "s02")
    )


def play(lab: RoutesLab, process: Process) -> None:
    for act in story(lab):
        act()
        lab.run(25)
        if not process.alive:
            process = lab.start()
            lab.run(60)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_at_any_write_the_end_is_the_same(before: bool) -> None:
    deaths = 0
    for number in itertools.count():
        lab = RoutesLab()
        watch(lab)
        process = lab.start()
        process.writes_left, process.dies_before = number, before
        play(lab, process)
        lab.until(lambda lab=lab: at_the_end(lab), 60)  # type: ignore[misc]
        if process.alive:
            break
        deaths += 1
    assert deaths > 15


def test_several_transactions_are_consistent_each() -> None:
    lab = RoutesLab()
    looks = watch(lab)
    many(lab)
    lab.run(30)
    process = lab.start()
    lab.until(lambda: all_live(lab), 60)
    assert len(process.root.commits) > 1
    assert max(looks) > 2 * len(NAMES)
    assert all(len(each) <= 63 for each in process.root.commits)


def test_two_operators_never_mix() -> None:
    lab = RoutesLab()
    watch(lab)
    first = lab.start()
    second = lab.start()
    many(lab)
    lab.until(lambda: all_live(lab), 90)
    assert (first.root.commits == []) != (second.root.commits == [])
    leader = first if first.root.commits else second
    leader.die()
    lab.scale("shop_s01", 4)
    lab.until(lambda: sorted(lab.servers("s01")) == lab.running("shop_s01"), 90)


@pytest.mark.parametrize("fault", ["kill", "freeze", "lose_leader"])
def test_what_consul_does_is_over_when_it_is_back(fault: str) -> None:
    mend = {"kill": "start", "freeze": "thaw", "lose_leader": "elect_leader"}[fault]
    lab = RoutesLab()
    lab.start()
    many(lab)
    lab.until(lambda: all_live(lab), 90)
    getattr(lab.consul, fault)()
    lab.scale("shop_s01", 4)
    lab.run(40)
    getattr(lab.consul, mend)()
    lab.until(lambda: len(lab.servers("s01")) == 4, 90)
    lab.until(lambda: all_live(lab), 90)


def test_while_docker_cannot_be_asked_everything_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = RoutesLab()
    process = lab.start()
    many(lab)
    lab.until(lambda: all_live(lab), 90)
    before = lab.written()
    swarm = process.controller.around.swarm

    def unavailable(*_arguments: object, **_more: object) -> Swarm:
        raise Unavailable("the engine does not answer")

    for name in ("read", "read_progress", "services"):
        monkeypatch.setattr(swarm, name, unavailable)
    lab.run(60)
    assert lab.written() == before
    assert "state='Waiting'" in repr(lab.traefik())
    monkeypatch.undo()
    lab.scale("shop_s01", 4)
    lab.until(lambda: len(lab.servers("s01")) == 4, 90)
    lab.until(lambda: "state='Publishing'" in repr(lab.traefik()), 20)


def test_what_a_cut_off_manager_says_takes_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = RoutesLab()
    process = lab.start()
    many(lab)
    lab.until(lambda: all_live(lab), 90)
    before = lab.written()
    swarm = process.controller.around.swarm
    whole = swarm.read()
    partial = replace(whole, services=(), tasks=(), incomplete=("1 of 3 managers are reachable",))
    for name in ("read", "read_progress"):
        monkeypatch.setattr(swarm, name, lambda *_arguments: partial)
    lab.run(60)
    assert lab.written() == before
    assert "managers are reachable" in repr(lab.traefik())
    monkeypatch.undo()
    lab.run(20)
    assert lab.written() == before
    assert all_live(lab)


def test_another_swarms_kv_is_left_alone() -> None:
    lab = RoutesLab(sentinel=False)
    value = Installation(schema=SCHEMA_VERSION, installation="other", swarm="other", key="00" * 16)
    lab.kv.put(f"swarm-operator/{keys.DESIRED}{keys.INSTALLATION}", value.encode())
    process = lab.start()
    many(lab)
    lab.run(60)
    assert process.root.commits == []
    assert lab.written() == {}
