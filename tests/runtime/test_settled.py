"""Stacks that are settled are not judged anew: what is said of them is what would be said."""

import random
from collections.abc import Mapping

import pytest

from desired_state import keys
from desired_state.records import Request
from swarm_operator.runtime.settled import SettledStacks
from swarm_operator.simulation.docker_faults import Script, Slow
from tests.runtime.bench import Bench, one

STACKS = ("blog", "shop")


def _something_happens(bench: Bench, rng: random.Random, number: int) -> None:
    stack = rng.choice(STACKS)
    swarm = bench.swarm
    match rng.randrange(8):
        case 0:
            bench.push(stack, one(f"image{number}", deploy={"replicas": 2}))
        case 1 if not swarm.is_cut_off and f"{stack}_web" in bench.services:
            swarm.scale(f"{stack}_web", rng.randint(1, 5))
        case 2:
            bench.kv.put(f"desired/requests/pause/{stack}", Request(reason=str(number)).encode())
        case 3:
            for key in [k for k in bench.kv.entries if k.startswith("desired/requests/")]:
                bench.kv.delete(key)
        case 4:
            swarm.rejoin() if swarm.is_cut_off else swarm.cut_off()
        case 5:
            node = swarm.engine.agent("beta")
            (swarm.engine.kill_node if node.has_power else swarm.engine.return_node)("beta")
        case 6:
            bench.kv.put(f"desired/requests/retry/{stack}", b"{}")
        case _:
            bench.run(rng.choice([1, 20, 70]))
    bench.step(0.5, swarm_changed=rng.random() < 0.5)


def _said(bench: Bench) -> Mapping[str, bytes]:
    """Every status, with the memory of specs and the events."""
    entries = bench.kv.entries.items()
    return {key: entry.value for key, entry in entries if key.startswith(keys.STATUS)}


def _told(seed: int) -> tuple[list[Mapping[str, bytes]], int]:
    bench, rng = Bench(), random.Random(seed)
    told = []
    for number in range(80):
        _something_happens(bench, rng, number)
        told.append(_said(bench))
    return told, len(bench.swarm.calls)


@pytest.mark.parametrize("seed", range(6))
def test_it_makes_no_difference_but_of_time(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _told(seed)
    known: list[bool] = []
    monkeypatch.setattr(SettledStacks, "known", lambda _self, _stack: known.append(True))
    assert found == _told(seed)
    assert len(known) > 10, "nothing was ever settled"


def test_a_node_that_is_down_unsettles_the_stack() -> None:
    """Also in the moment before its tasks are replaced: they are listed first, then the nodes."""
    bench = Bench()
    bench.push("shop", one(deploy={"replicas": 2}))
    bench.run(30)
    assert bench.status("shop").state == "Ready"
    swarm = bench.swarm
    swarm.engine.kill_node("beta")
    swarm.wire.choosers.append(Script((Slow(8.0),), "GET", "/nodes", times=None))
    while len(swarm.snapshot.nodes_up) == len(swarm.snapshot.nodes):
        bench.step(0.1, swarm_changed=True)
    assert bench.status("shop").message == "shop_web: 1 of 2 running"


def test_a_settled_stack_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.push("shop", one())
    bench.run(30)
    assert bench.status("shop").state == "Ready"
    monkeypatch.setattr(
        "swarm_operator.plan.verdict.services_health", lambda *_: pytest.fail("judged anew")
    )
    bench.step(1, swarm_changed=True)
