"""Two operators: one acts, the other waits and takes over; never do both write."""

import contextlib
import itertools
import json
import time
from collections.abc import Iterator

import pytest
import requests

from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import ROOT, Stage, document, service
from tests.cluster.scenarios.stage import end_sessions

EXPIRY_S = 25
"""Consul ends a session that nobody renews within twice its TTL, of 10 s here."""

_numbers = itertools.count(1)


@pytest.fixture
def pair(shared_swarm: Lab) -> Iterator[tuple[Stage, Stage]]:
    """A leader and a standby with proxies of their own, and the settled stack `demo`."""
    number = next(_numbers)
    with contextlib.ExitStack() as stack:
        stack.callback(end_sessions, shared_swarm)
        leader = stack.enter_context(Stage.of(shared_swarm, name=f"leader{number}"))
        standby = Stage(shared_swarm, name=f"standby{number}")
        stack.callback(standby.close)
        standby.operator.start(ready=True)
        leader.deploy("demo", _demo(0))
        eventually(lambda: leader.spec("demo_web")["Labels"]["number"] == "0", 5, "as at first")
        _forget(leader, standby)
        yield leader, standby


def _demo(number: int) -> str:
    return document({"web": service(replicas=0, deploy={"labels": {"number": str(number)}})})


def _forget(*stages: Stage) -> None:
    for stage in stages:
        stage.forget()


def _change(writer: Stage, other: Stage, number: int) -> None:
    """Change the document: one of the two acts on it, once; the other writes nothing at all."""
    _forget(writer, other)
    writer.put("demo", _demo(number))
    eventually(lambda: writer.spec("demo_web")["Labels"]["number"] == str(number), 10, "it acts")
    writer.wait_until_ready("demo")
    assert writer.writes() == ["POST /services/demo_web/update"]
    assert other.writes() == []
    assert [write for write in other.kv_writes() if "/session/" not in write] == []


def _holder(stage: Stage) -> str:
    """The session that holds the lock; empty if there is none."""
    found = stage.kv.get(f"{ROOT}lock/leader")[1]
    session: str = (found or {}).get("Session", "")
    return session


def test_only_the_leader_acts_and_both_are_ready(pair: tuple[Stage, Stage]) -> None:
    leader, standby = pair
    assert standby.operator.get("/readyz").status == 200, "it could take over"
    assert standby.operator.metric("swarm_operator_leader") == 0
    _change(leader, standby, 1)


def test_a_leader_that_ends_hands_over_at_once(pair: tuple[Stage, Stage]) -> None:
    leader, standby = pair
    before = leader.lab.services()
    assert leader.operator.stop(within=5) == 0
    ended_at = time.monotonic()
    standby.wait_until_leading(within=5)
    print(f"from the end of the one to the lead of the other: {time.monotonic() - ended_at:.2f} s")
    time.sleep(1)
    assert standby.writes() == []
    assert standby.lab.services() == before
    _change(standby, leader, 1)
    leader.operator.start(ready=True)
    _change(standby, leader, 2)


def test_a_killed_leader_is_followed_when_its_session_ends(pair: tuple[Stage, Stage]) -> None:
    """Its session is ended here; that Consul does it by itself after the TTL is tested below."""
    leader, standby = pair
    session = _holder(leader)
    leader.operator.kill()
    leader.put("demo", _demo(1))
    standby.assert_no_writes(1.5)
    url = f"{leader.lab.consul.url}/v1/session/destroy/{session}"
    requests.put(url, timeout=5).raise_for_status()
    standby.wait_until_leading(within=5)
    eventually(lambda: standby.spec("demo_web")["Labels"]["number"] == "1", 5, "it goes on")
    assert standby.writes() == ["POST /services/demo_web/update"]


def test_a_frozen_leader_is_followed_and_does_nothing_after_its_thaw(
    pair: tuple[Stage, Stage],
) -> None:
    """Frozen in the middle of an update, thawed long after its lease is over."""
    leader, standby = pair
    leader.docker.delay(3, times=1, method="POST", path="/services/*/update")
    leader.put("demo", _demo(1))
    eventually(leader.docker.writes, 5, "the update is on its way")
    leader.operator.freeze()
    standby.wait_until_leading(within=EXPIRY_S)
    eventually(lambda: standby.spec("demo_web")["Labels"]["number"] == "1", 5, "whoever wrote it")
    _change(standby, leader, 2)
    time.sleep(1.5)  # a status is written at most once a second
    status = standby.key("status/stacks/demo")
    # There is work, and the one who may do it is frozen now: its lease lasts for another while.
    standby.operator.freeze()
    _forget(leader, standby)
    leader.put("demo", _demo(3))
    leader.operator.thaw()
    leader.operator.wait_until_ready()
    leader.assert_no_writes(3)
    assert standby.key("status/stacks/demo") == status
    applied = [request for request in leader.consul.writes("/v1/txn") if request.status == 200]
    assert applied == [], "what it still wanted to write was fenced"
    assert leader.operator.metric("swarm_operator_leader") == 0
    standby.operator.thaw()
    eventually(lambda: standby.spec("demo_web")["Labels"]["number"] == "3", 5, "its lease is on")
    _change(standby, leader, 4)


def test_a_lock_taken_away_ends_the_lead_at_once(pair: tuple[Stage, Stage]) -> None:
    leader, standby = pair
    url = leader.lab.consul.url
    wish = {"Name": "foreign", "LockDelay": "0s"}
    made = requests.put(f"{url}/v1/session/create", json=wish, timeout=5).json()["ID"]
    session = _holder(leader)
    # Frozen, so that the foreign hand is the quicker one.
    leader.operator.freeze()
    standby.operator.freeze()
    try:
        requests.put(f"{url}/v1/session/destroy/{session}", timeout=5).raise_for_status()
        key = f"{url}/v1/kv/{ROOT}lock/leader?acquire={made}"
        assert requests.put(key, data=json.dumps({}), timeout=5).text.strip() == "true"
        _forget(leader, standby)
        leader.operator.thaw()
        eventually(lambda: leader.operator.metric("swarm_operator_leader") == 0, 5, "it knows")
        leader.put("demo", _demo(1))
        leader.assert_no_writes(2)
        requests.put(f"{url}/v1/session/destroy/{made}", timeout=5).raise_for_status()
        leader.wait_until_leading(within=5)
        eventually(lambda: leader.spec("demo_web")["Labels"]["number"] == "1", 5, "it goes on")
    finally:
        leader.operator.thaw()
        standby.operator.thaw()
