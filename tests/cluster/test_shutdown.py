"""SIGTERM: the daemon ends within five seconds, also while an engine or Consul does not answer."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import ROOT, Stage, document, service
from tests.cluster.scenarios.stage import end_sessions

LIMIT_S = 5


@pytest.fixture
def stage(shared_swarm: Lab) -> Iterator[Stage]:
    with contextlib.ExitStack() as stack:
        stack.callback(end_sessions, shared_swarm)
        yield stack.enter_context(Stage.of(shared_swarm, name="ending"))


def _one() -> str:
    return document({"web": service(replicas=0)})


def _holder(stage: Stage) -> str:
    found = stage.kv.get(f"{ROOT}lock/leader")[1]
    session: str = (found or {}).get("Session", "")
    return session


def _ended_in(stage: Stage) -> float:
    started = time.monotonic()
    assert stage.operator.stop(within=LIMIT_S) == 0
    return time.monotonic() - started


def test_it_ends_at_once_and_releases_the_lock(stage: Stage) -> None:
    assert _holder(stage)
    assert _ended_in(stage) < LIMIT_S
    assert not _holder(stage)


def test_it_ends_while_the_engine_holds_a_write_up_and_keeps_the_lock(stage: Stage) -> None:
    """The write may still arrive: until the session has run out nobody else may act."""
    stage.docker.delay(30, method="POST", path="/services/create")
    stage.put("demo", _one())
    eventually(lambda: "POST /networks/create" in stage.writes() or stage.writes(), 10, "it acts")
    time.sleep(1)
    assert _ended_in(stage) < LIMIT_S
    assert _holder(stage), "the lock is left to its session"


def test_it_ends_while_consul_is_frozen(stage: Stage) -> None:
    consul = stage.lab.consul
    consul.freeze()
    try:
        time.sleep(2)
        assert _ended_in(stage) < LIMIT_S
    finally:
        consul.thaw()
