"""Tasks come home: the whole operator on a whole simulated swarm, in virtual time."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from desired_state import keys
from desired_state.records import Request, StackStatus
from swarm_operator.observed.json import dig
from swarm_operator.observed.kv import Put
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.images import Behaviour
from swarm_operator.simulation.engine.store import Change
from tests.laws.schedules.machines import Availability
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.people import Remove
from tests.laws.schedules.process import Process
from tests.rebalance.home import QUICK, Home

NODES = ["m1", "m2", "m3", "w1", "w2"]
START_FIRST = {"order": "start-first"}


def replicas(count: int, **deploy: Any) -> dict[str, Any]:
    return {"deploy": {"replicas": count, **deploy}}


SHOP = {"api": replicas(6), "web": replicas(4), "cache": replicas(3), "solo": replicas(1)}


class OneAtATime(Monitor):
    """Never two services with a move, whatever happens; and what was written to services."""

    def __init__(self, lab: Any) -> None:
        super().__init__(lab)
        self.written: list[str] = []
        lab.engine.store.observe(self._see)

    def _see(self, change: Change) -> None:
        del change
        services = self.lab.engine.store.services.all()
        moving = [s.name for s in services if LABEL in (s.spec.get("Labels") or {})]
        if len(moving) > 1:
            self.lab.broke("one move at a time", ", ".join(moving))

    def wrote(self, process: Process, request: ApiRequest, response: ApiResponse) -> None:
        del process, response
        self.written.append(str(dig(request.body, "Name") or request.path))


class Balances(Monitor):
    """What the operator says of nodes that have their share: the source of its metric."""

    def __init__(self, lab: Any) -> None:
        super().__init__(lab)
        self.told: list[tuple[str, float]] = []

    def said(self, level: str, event: str, fields: dict[str, object]) -> None:
        del level
        if event == "balanced":
            self.told.append((str(fields["node"]), float(str(fields["took_s"]))))


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home(monitors=[OneAtATime])
    yield made
    assert not made.broken, "\n".join(map(str, made.broken))


def settled(home: Home) -> bool:
    return home.status().state in {"Balanced", "Unbalanced"}


def assert_nothing_lost(home: Home, specs: dict[str, str]) -> None:
    """Running never below what is wished, specs as they were, one restart a move."""
    for service in home.engine.store.services.all():
        wished = dig(service.spec, "Mode", "Replicated", "Replicas")
        if isinstance(wished, int):
            assert home.lowest[service.name] >= wished, service.name
    assert home.specs() == specs
    assert len(home.started) == len(home.stopped) == len(home.events())


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


def drain(home: Home, hostname: str, availability: str) -> None:
    Availability(hostname, availability).do(home)


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


# --- what never moves -----------------------------------------------------------------------------------


def test_what_may_not_move_is_not_even_written(home: Home) -> None:
    home.push("shop", {"agent": {"deploy": {"mode": "global"}}, **SHOP})
    home.push(
        "other",
        {
            "never": {**replicas(4), "x-operator": {"rebalance": "never"}},
            "ordered": replicas(4, update_config={"order": "stop-first"}),
            "job": {"image": "job:1", "deploy": {"mode": "replicated-job", "replicas": 2}},
        },
    )
    home.world.images.scripted["job:1"] = Behaviour(exit_after_s=1.0)
    home.live()
    home.outage("w1")
    written = home.monitor(OneAtATime).written
    written.clear()
    home.watch()
    home.until(lambda: bool(home.started))
    home.until(lambda: settled(home))
    assert set(written) <= {"shop_api", "shop_web", "shop_cache"}
    assert home.spread("other_never", NODES) >= 1
    services = home.status().services
    stays = {name: services[name].message for name in services if services[name].surplus}
    for name, text in stays.items():
        assert name.startswith("other_")
        assert "its document" in text


def test_an_image_that_cannot_be_seen_is_recommended_only() -> None:
    """The managers take no tasks here, so their engines have no images."""
    home = Home(policy=QUICK.replace("default: auto", "default: safe"), workers=4)
    for manager in ("m1", "m2", "m3"):
        drain(home, manager, "drain")
    home.push("shop", SHOP)
    home.push("told", {"api": {**replicas(4), "x-operator": {"rebalance": "auto"}}})
    home.live()
    home.outage("w1")
    home.watch()
    home.until(lambda: bool(home.events()))
    home.until(lambda: home.status().state == "Recommending", within_s=60.0)
    home.run(120.0)
    moved = {event.name for event in home.events()}
    assert moved == {"told_api"}
    assert len(home.started) == len(home.events())
    status = home.status()
    assert "cannot be seen from here" in status.services["shop_api"].message
    assert {move.target for move in status.wished} == {"w1"}
    assert status.state == "Recommending"
    # A person tells it, and what was recommended is done.
    home.put_policy(QUICK)
    home.until(lambda: settled(home))
    assert len(home.events()) == 1 + len(status.wished)


def test_an_image_with_a_volume_is_stateful() -> None:
    home = Home(policy=QUICK.replace("default: auto", "default: safe"))
    home.world.images.scripted["galera:1"] = Behaviour(declares_volumes=True)
    home.push("shop", {**SHOP, "db": {"image": "galera:1", **replicas(5)}})
    home.live()
    home.outage("w1")
    home.until(lambda: bool(home.events()))
    home.until(lambda: settled(home))
    assert "shop_db" not in {event.name for event in home.events()}
    assert "its image declares a volume" in home.status().services["shop_db"].message


def test_a_paused_update_is_left_alone(home: Home) -> None:
    """Any write would resume its rollout."""
    home.push("shop", SHOP)
    home.live()
    home.world.images.scripted["bad:1"] = Behaviour(exit_after_s=0.5, exit_code=1)
    home.push("shop", {**SHOP, "api": {"image": "bad:1", **replicas(6)}})
    home.run(60.0)
    api = home.service("shop_api")
    assert api is not None
    assert api.update_status is not None
    assert api.update_status.state == "paused"
    home.outage("w1")
    version = home.service("shop_api")
    home.run(200.0)
    after = home.service("shop_api")
    assert version is not None
    assert after is not None
    assert after.spec == version.spec
    assert LABEL not in (after.previous_spec or {}).get("Labels", {})
    assert "shop_api" not in {event.name for event in home.events()}


def test_a_paused_or_observed_stack_is_not_touched(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    key = keys.DESIRED + keys.request_key("pause", "shop")
    home.people.commit([Put(key, Request(who="ann", reason="hands off").encode())])
    home.outage("w1")
    home.watch()
    home.run(300.0)
    assert home.started == []
    assert "its stack is paused" in home.status().message


# --- when -----------------------------------------------------------------------------------------------


def test_quiet_hours() -> None:
    """The world begins at midnight UTC."""
    home = Home(policy=QUICK[:-1] + ', quiet_hours: [{from: "00:00", to: "00:20"}]}')
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.watch()
    home.until(lambda: home.now >= 1195.0, within_s=2000.0)
    assert home.started == []
    assert "quiet hours until 2026-01-01T00:20:00Z" in home.status().message
    home.until(lambda: bool(home.started))
    assert home.now < 1210.0


def test_a_restart_asked_for_during_a_move_follows_it(home: Home) -> None:
    home.push("shop", {"api": {"deploy": {"replicas": 6}}})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    before = {task.id for task in home.tasks("shop_api")}
    home.people.commit(
        [
            Put(
                keys.DESIRED + keys.request_key("redeploy", "shop"),
                Request(who="ann", when=home.timeline.utc()).encode(),
            )
        ]
    )
    home.run(300.0)
    api = home.service("shop_api")
    assert api is not None
    assert dig(api.spec, "TaskTemplate", "ForceUpdate")
    assert not before & {task.id for task in home.tasks("shop_api")}


def test_a_person_pauses_and_resumes(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.ask(keys.PAUSE, reason="the big day")
    home.outage("w1")
    home.watch()
    home.run(300.0)
    assert home.started == []
    status = home.status()
    assert (status.state, status.message) == (
        "Paused", "rebalancing is paused by ann (the big day)"
    )  # fmt: skip
    home.take_back(keys.PAUSE)
    home.until(lambda: bool(home.started), within_s=30.0)


def test_a_pause_with_an_end_ends(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.ask(keys.PAUSE, until=home.timeline.utc() + timedelta(seconds=400))
    home.outage("w1")
    ends = home.now + 335.0
    home.watch()
    home.until(lambda: bool(home.started))
    assert ends <= home.now <= ends + 15.0
    assert home.people.get(keys.DESIRED + keys.request_key(keys.REBALANCE, keys.PAUSE)) is None


def test_a_person_s_wish_does_not_wait_for_the_hold_off() -> None:
    home = Home(policy=QUICK.replace("hold_off: 30s", "hold_off: 10m"))
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    back = home.now
    home.run(60.0)
    assert home.events() == []
    home.ask(keys.NOW)
    home.until(lambda: bool(home.events()), within_s=60.0)
    home.until(lambda: settled(home))
    home.run(2.0)
    assert home.people.get(keys.DESIRED + keys.request_key(keys.REBALANCE, keys.NOW)) is None
    assert home.now - back < 400.0


def test_recommend_says_and_does_not() -> None:
    home = Home(policy=QUICK[:-1] + ", mode: recommend}")
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.watch()
    home.run(300.0)
    assert home.started == []
    status = home.status()
    assert status.state == "Recommending"
    assert {move.target for move in status.wished} == {"w1"}


def test_off_looks_at_nothing() -> None:
    home = Home(policy="{mode: off}")
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.watch()
    home.run(300.0)
    assert home.started == []
    assert (home.status().state, home.status().wished) == ("Off", ())


def test_the_budget_of_an_hour() -> None:
    home = Home(policy=QUICK.replace("moves_per_hour: 600", "moves_per_hour: 1"))
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: len(home.events()) == 1)
    home.run(900.0)
    assert len(home.events()) == 1
    assert "1 moves an hour are enough until" in home.status().message


# --- trouble --------------------------------------------------------------------------------------------


def test_a_move_that_fails_costs_nothing_and_is_not_tried_again(home: Home) -> None:
    home.push("shop", {"api": {"image": "heavy:1", **replicas(10)}})
    home.live()
    home.outage("w1")
    home.world.images.scripted["heavy:1"] = Behaviour(missing=True)
    home.watch()
    specs = home.specs()
    home.until(lambda: bool(home.events("aborted")))
    home.run(400.0)
    assert home.lowest == {"shop_api": 10}
    assert home.specs() == specs
    assert home.started == []
    status = home.status()
    assert len(home.events("aborted")) == len(status.blocked) == 1
    assert status.blocked[0].service == "shop_api"


@pytest.mark.parametrize("after_s", [0.5, 2.0, 4.0, 5.0, 6.0])
def test_a_push_in_the_middle_of_a_move_wins(home: Home, after_s: float) -> None:
    """The move is ended first, then the new document is written: never with our fences in it."""
    careful = {"update_config": {"order": "start-first", "parallelism": 1}}
    home.push("shop", {"api": replicas(6, **careful)})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.run(after_s)
    home.push("shop", {"api": {"image": "app:2", **replicas(6, **careful)}})
    home.until(lambda: images(home, "shop_api") == ["app:2"] * 6, within_s=200.0)
    home.until(lambda: settled(home))
    assert home.lowest["shop_api"] >= 6
    api = home.service("shop_api")
    assert api is not None
    assert LABEL not in api.spec["Labels"]
    assert dig(api.spec, "TaskTemplate", "Placement") in (None, {})
    assert dig(api.spec, "UpdateConfig", "Delay") in (None, 0)
    assert dig(api.spec, "Mode", "Replicated", "Replicas") == 6


def images(home: Home, service: str) -> list[str]:
    return [str(dig(task.spec, "ContainerSpec", "Image")) for task in home.tasks(service)]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_service_that_was_yielded_to_a_person_is_left_for_ten_minutes(
    home: Home, is_restarted: bool
) -> None:
    """Though it is as its document says, and a person asks; and by the next process, too, which did
    not see it. Then it comes home."""
    home.push("shop", {"api": {**replicas(10), "x-operator": {"ignore": ["labels"]}}})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.run(1.0)
    api = home.hands.read().services_by_name["shop_api"]
    assert LABEL in api.labels
    spec = {**api.spec, "Labels": {**api.labels, "theirs": "too"}}
    home.hands.update_service(api.id, api.version, spec)
    home.until(lambda: bool(home.events("yielded")), within_s=120.0)
    yielded = home.events("yielded")[0]
    if is_restarted:
        home.processes["alpha"].die()
        home.start("alpha")
    record = home.service("shop_api")
    assert record is not None
    assert record.spec["Labels"]["theirs"] == "too"
    assert LABEL not in record.spec["Labels"]
    home.ask(keys.NOW)
    home.run(30.0)
    assert (
        "by another hand in a move: it is left until" in home.status().services["shop_api"].message
    )

    def moved_again() -> list[float]:
        later = (event.when - yielded.when for event in home.events("planned"))
        return [after.total_seconds() for after in later if after > timedelta(0)]

    home.until(lambda: bool(moved_again()), within_s=700.0)
    assert moved_again()[0] >= 600.0
    home.until(lambda: settled(home))
    assert home.lowest["shop_api"] >= 10
    assert home.hosts("shop_api")["w1"] == 2


def test_scaling_in_the_middle_of_a_move(home: Home) -> None:
    home.push("shop", {"api": replicas(6)})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.push("shop", {"api": replicas(8)})
    home.until(lambda: len(home.tasks("shop_api")) == 8)
    home.until(lambda: settled(home))
    assert home.lowest["shop_api"] >= 6
    assert home.spread("shop_api", NODES) <= 1


def test_a_stack_removed_in_the_middle_of_a_move(home: Home) -> None:
    home.push("shop", {"api": replicas(6)})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    Remove("shop").do(home)
    home.until(lambda: home.service("shop_api") is None, within_s=60.0)
    home.until(lambda: settled(home), within_s=60.0)


@pytest.mark.parametrize("seed", range(12))
def test_the_operator_killed_at_random_and_started_again(seed: int) -> None:
    """Moves are many here; each of their writes is somebody's last."""
    chance = random.Random(seed)
    home = Home(seed=seed, monitors=[OneAtATime])
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    originals = {
        name: text for name, text in home.specs().items() if LABEL not in text
    }  # of the one that moves: what the document says, below
    for _ in range(6):
        process = home.start("alpha")
        process.faults.crash_at(chance.randrange(6), applied=chance.random() < 0.5)
        home.run(chance.uniform(0.5, 40.0))
        if process.alive and chance.random() < 0.5:
            process.die()
            home.run(chance.uniform(0.5, 30.0))
    if (last := home.running("alpha")) is not None:
        last.faults.clear()
    home.start("alpha")
    home.run(60.0)
    home.until(lambda: settled(home))
    assert not home.broken, "\n".join(map(str, home.broken))
    for name, wished in (("shop_api", 6), ("shop_web", 4), ("shop_cache", 3), ("shop_solo", 1)):
        assert home.lowest[name] >= wished, name
        assert len(home.tasks(name)) == wished
    specs = home.specs()
    assert {name: specs[name] for name in originals} == originals
    assert all(LABEL not in text for text in specs.values())
    for service in ("shop_api", "shop_web", "shop_cache"):
        assert home.spread(service, NODES) <= 1


def test_another_operator_takes_over_in_the_middle(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.start("beta")
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.processes["alpha"].die()
    home.until(lambda: settled(home))
    for name, wished in (("shop_api", 6), ("shop_web", 4), ("shop_cache", 3)):
        assert home.lowest[name] >= wished
    assert all(LABEL not in text for text in home.specs().values())
    assert home.spread("shop_api", NODES) <= 1


def test_a_new_leader_in_the_middle(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    specs = {name: text for name, text in home.specs().items() if LABEL not in text}
    home.engine.change_leader()
    home.run(30.0)
    assert len(home.events()) <= 1, "the leader must be steady before the next move"
    home.until(lambda: settled(home))
    assert {name: home.specs()[name] for name in specs} == specs
    for name, wished in (("shop_api", 6), ("shop_web", 4), ("shop_cache", 3)):
        assert home.lowest[name] >= wished
    assert home.spread("shop_api", NODES) <= 1


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
