"""Tasks come home: the whole operator on a whole simulated swarm, in virtual time."""

from typing import Any

import pytest

from desired_state import keys
from desired_state.records import StackStatus
from swarm_operator.plan.rebalance.intent import LABEL
from tests.laws.schedules.monitor import Monitor
from tests.rebalance.home import QUICK, Home
from tests.rebalance.shop import (
    NODES,
    SHOP,
    OneAtATime,
    assert_nothing_lost,
    drain,
    replicas,
    settled,
)


class Balances(Monitor):
    """What the operator says of nodes that have their share: the source of its metric."""

    def __init__(self, lab: Any) -> None:
        super().__init__(lab)
        self.told: list[tuple[str, float]] = []

    def said(self, level: str, event: str, fields: dict[str, object]) -> None:
        del level
        if event == "balanced":
            self.told.append((str(fields["node"]), float(str(fields["took_s"]))))


# --- coming home ----------------------------------------------------------------------------------------


def test_after_an_outage_tasks_come_home_one_by_one(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    assert home.totals()["w1"] == 0
    home.watch()
    specs = home.specs()
    home.until(lambda: bool(home.status().wished))
    wished = home.status().wished
    home.until(lambda: settled(home))
    assert_nothing_lost(home, specs)
    assert len(home.started) == len(wished) == len(home.events())
    targets = [home.engine.store.nodes[task.node_id].hostname for task in home.started]
    assert targets[0] == "w1"
    assert sorted(targets) == sorted(move.target for move in wished)
    for service in ("shop_api", "shop_web", "shop_cache"):
        assert home.spread(service, NODES) <= 1
    totals = home.totals()
    assert max(totals.values()) - min(totals.values()) <= 1


def test_many_tasks_come_home_too(home: Home) -> None:
    """Of more than twelve Swarm's choice among the fullest nodes is not known, and each is as good."""
    home.push("shop", {"many": replicas(16)})
    home.live()
    home.outage("w1")
    home.watch()
    specs = home.specs()
    home.until(lambda: settled(home) and home.spread("shop_many", NODES) <= 1)
    assert_nothing_lost(home, specs)
    assert len(home.started) == len(home.events()) == 3
    assert home.hosts("shop_many")["w1"] == 3


@pytest.mark.parametrize("after_s", [0.0, 1.0, 3.5, 5.0])
def test_many_come_home_though_the_operator_dies(home: Home, after_s: float) -> None:
    home.push("shop", {"many": replicas(16)})
    home.live()
    home.outage("w1")
    home.watch()
    specs = home.specs()
    home.until(lambda: any(LABEL in text for text in home.specs().values()), step_s=0.1)
    home.run(after_s)
    home.processes["alpha"].die()
    home.start("alpha")
    home.until(lambda: settled(home) and home.spread("shop_many", NODES) <= 1)
    assert home.lowest["shop_many"] >= 16
    assert home.specs() == specs


@pytest.mark.parametrize("seed", range(4))
def test_how_long_it_took_from_ready_to_balanced_is_told_once(seed: int) -> None:
    """Not before the first task is home, however little is wished in the first moments."""
    home = Home(seed=seed, monitors=[Balances])
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    back = home.now - 5.0
    home.until(lambda: bool(home.events()))
    assert home.monitor(Balances).told == []
    home.until(lambda: settled(home))
    home.run(10.0)
    ((node, took_s),) = home.monitor(Balances).told
    assert node == "w1"
    assert 30.0 < took_s <= home.now - back
    home.run(300.0)
    assert len(home.monitor(Balances).told) == 1


def test_a_node_must_be_steady_first(home: Home) -> None:
    """30 s: to go once is no flapping."""
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    back = home.now
    home.watch()
    home.until(lambda: bool(home.started))
    assert 24.0 <= home.now - back <= 40.0
    planned = home.events("planned")[0]
    assert (planned.name, planned.message.split(" → ")[1]) == ("shop_api", "w1")


def test_a_worker_that_flaps_waits_longer_each_time(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    for _ in range(3):
        home.outage("w1", down_s=30.0)
        home.run(20.0)
    back = home.now - 20.0
    home.watch()
    home.run(80.0)
    assert home.started == []
    assert "w1 must be steady until" in home.status().message
    home.until(lambda: bool(home.started))
    assert 110.0 <= home.now - back <= 130.0


def test_two_workers_at_once(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.outage("w1", "w2")
    home.watch()
    specs = home.specs()
    home.until(lambda: settled(home) and bool(home.started))
    assert_nothing_lost(home, specs)
    assert home.spread("shop_api", NODES) <= 1
    assert max(home.totals().values()) - min(home.totals().values()) <= 1


def test_a_drain_that_is_lifted(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    node = home.engine.store.node_of_hostname("w1")
    assert node is not None
    drain(home, "w1", "drain")
    home.run(60.0)
    assert home.totals()["w1"] == 0
    drain(home, "w1", "active")
    home.watch()
    specs = home.specs()
    home.until(lambda: bool(home.started))
    home.until(lambda: settled(home))
    assert_nothing_lost(home, specs)
    assert max(home.totals().values()) - min(home.totals().values()) <= 1


def test_a_new_worker_gets_its_share(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.watch()
    specs = home.specs()
    home.engine.add_node("w3")
    home.until(lambda: bool(home.started))
    home.until(lambda: settled(home))
    assert_nothing_lost(home, specs)
    assert home.totals()["w3"] >= 2
    assert home.spread("shop_api", [*NODES, "w3"]) <= 1


def test_the_first_move_to_a_node_is_a_canary() -> None:
    home = Home(policy=QUICK.replace("canary: 5s", "canary: 2m"))
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: moves_to(home, "w1") == 1)
    first = home.now
    home.run(110.0)
    assert moves_to(home, "w1") == 1
    assert "the first task moved to w1 is watched until" in home.status().message
    home.until(lambda: moves_to(home, "w1") == 2)
    assert home.now - first >= 118.0


def moves_to(home: Home, node: str) -> int:
    return sum(1 for event in home.events("planned") if event.message.endswith(f"→ {node}"))


# --- what people see ------------------------------------------------------------------------------------


def test_the_stack_stays_ready_while_a_task_moves(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.run(30.0)
    seen = set()
    while not home.events():
        home.run(0.2)
        entry = home.people.get(keys.stack_status_key("shop"))
        assert entry is not None
        status = StackStatus.parse(entry.value)
        assert status is not None
        seen.add((status.state, status.message))
    assert seen == {("Ready", "")}


def test_nothing_is_written_while_it_only_waits() -> None:
    """Moments in the status, no seconds that count: a gate that stays closed is no news."""
    home = Home(policy=QUICK.replace("hold_off: 30s", "hold_off: 20m"))
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.run(60.0)
    entry = home.people.get(keys.REBALANCE_STATUS)
    assert entry is not None
    home.run(600.0)
    assert home.people.get(keys.REBALANCE_STATUS) == entry
    assert "w1 must be steady until" in home.status().message


def test_the_status_says_what_is_too_many_where(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.run(5.0)
    nodes = {node.hostname: node for node in home.status().nodes.values()}
    away = [node for node in nodes.values() if node.surplus]
    assert sum(node.surplus for node in away) == len(home.status().wished)
    for node in away:
        noun = "task" if node.surplus == 1 else "tasks"
        assert node.message.startswith(
            f"{node.surplus} {noun} too many on {node.hostname}; w1 must be"
        )
    assert len(nodes["w1"].downs) == 1


def test_a_balanced_swarm_gets_no_write(home: Home) -> None:
    """Neither to a service, nor to what people see: no self-test, no second status."""
    home.push("shop", SHOP)
    home.live()
    written = home.monitor(OneAtATime).written
    written.clear()
    index = home.kv.store.get(home.ROOT + keys.REBALANCE_STATUS)
    home.run(3600.0)
    assert written == []
    assert home.kv.store.get(home.ROOT + keys.REBALANCE_STATUS) == index
