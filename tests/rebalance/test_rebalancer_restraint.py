"""What the rebalancer leaves where it is, and when it waits, on a whole simulated swarm."""

from datetime import timedelta

from desired_state import keys
from desired_state.records import Request
from swarm_operator.observed.json import dig
from swarm_operator.observed.kv import Put
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.simulation.engine.images import Behaviour
from tests.rebalance.home import QUICK, Home
from tests.rebalance.shop import NODES, SHOP, OneAtATime, drain, replicas, settled

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
