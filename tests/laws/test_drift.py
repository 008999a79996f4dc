"""Drift, tugs-of-war, rollbacks: when another hand's change is put back, and when it is left."""

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.plan.actions import Hold
from swarm_operator.plan.drift import ServiceMemory
from tests.laws.loop import Desk
from tests.laws.worlds import STACK, Document, specs_of
from tests.simulated_swarm import FAILS, SimulatedSwarm

WEB = f"{STACK}_web"


def _document(image: str = "one", **options: Any) -> Document:
    deploy = {"replicas": 2, "update_config": {"failure_action": "rollback"}}
    service: Document = {"image": image, "deploy": deploy, "x-operator": options}
    return {"services": {"web": service}}


def _running(**options: Any) -> Desk:
    return Desk(SimulatedSwarm(), specs_of(_document(**options))).until_still()


def _later(desk: Desk, seconds: float) -> Desk:
    desk.swarm.advance(seconds)
    return desk


def _scaled(desk: Desk, replicas: int) -> Desk:
    desk.swarm.scale(WEB, replicas)
    desk.swarm.settle()
    return desk


def _replicas(desk: Desk) -> int:
    mode = desk.swarm.snapshot.services_by_name[WEB].spec["Mode"]
    replicas = mode["Replicated"]["Replicas"]
    assert isinstance(replicas, int)
    return replicas


def _holds(desk: Desk) -> set[Hold]:
    return {held.hold for held in desk.planned().plan.held}


def _wished(desk: Desk, image: str) -> Desk:
    return dataclasses.replace(desk, specs=specs_of(_document(image)))


def test_drift_is_put_back_once() -> None:
    """At the first look, whoever changed it."""
    desk = _scaled(_running(), 5)
    assert desk.planned().drifted == {WEB}
    assert _replicas(desk.step()) == 2


def test_a_tug_of_war_is_left_until_it_is_quiet() -> None:
    """Changed again within ten minutes it is said and left; ten quiet minutes later it is put back."""
    desk = _scaled(_running(), 5).step().step()
    desk = _scaled(_later(desk, 60), 6)
    assert _holds(desk) == {Hold.CONTESTED}
    desk = desk.step()
    desk = _later(desk, 599)
    assert _holds(desk) == {Hold.CONTESTED}
    desk = _later(desk.step(), 2)
    assert _replicas(desk.step()) == 2


def test_each_further_change_begins_the_quiet_time_anew() -> None:
    """A hand that never rests is never fought."""
    desk = _scaled(_running(), 5).step().step()
    for replicas in range(6, 16):
        desk = _scaled(_later(desk, 300), replicas)
        assert _holds(desk) == {Hold.CONTESTED}
        desk = desk.step()
    assert _replicas(desk) == 15


@given(st.lists(st.tuples(st.floats(0, 1500), st.integers(3, 9)), max_size=12))
def test_no_field_is_put_back_twice_within_ten_minutes(changes: list[tuple[float, int]]) -> None:
    """Whatever another hand does, and when."""
    desk, put_back_at = _running(), -600.0
    for pause_s, replicas in changes:
        desk = _later(desk, pause_s)
        if _replicas(desk) != replicas:
            desk = _scaled(desk, replicas)
        for wait_s in (0.0, 30.0):
            desk = _later(desk, wait_s)
            before, now = _replicas(desk), desk.now
            desk = desk.step()
            if before != 2 and _replicas(desk) == 2:
                assert now - put_back_at >= 600
                put_back_at = now


def test_a_changed_document_ends_a_tug_of_war() -> None:
    """A new wish is a person's word."""
    desk = _scaled(_scaled(_running(), 5).step().step(), 6).step()
    assert _holds(desk) == {Hold.CONTESTED}
    desk = _wished(desk, "two").step()
    assert _replicas(desk) == 2


def test_drift_may_be_reported_only() -> None:
    """`drift: report`: said, never put back; a new document is carried out all the same."""
    desk = _scaled(_running(drift="report"), 5)
    assert _holds(desk) == {Hold.DRIFT_REPORTED}
    assert _replicas(desk.step()) == 5


def test_an_ignored_field_is_no_drift() -> None:
    """`ignore: [replicas]`: another hand scales, and nothing is said or done."""
    desk = _scaled(_running(ignore=["replicas"]), 5)
    assert desk.planned().plan.is_empty


def test_force_update_is_no_drift() -> None:
    """`docker service update --force` restarts tasks and changes nothing."""
    desk = _running()
    live, running = desk.swarm.snapshot.services_by_name[WEB], desk.swarm.running
    desk.swarm.edit(WEB, TaskTemplate={**live.spec["TaskTemplate"], "ForceUpdate": 7})
    assert desk.planned().plan.is_empty
    assert not desk.swarm.settle().running & running
    assert desk.planned().plan.is_empty


# --- rollbacks ------------------------------------------------------------------------------------


def _rejected(desk: Desk, image: str) -> Desk:
    """The image is wished and sent, its tasks fail, and Swarm goes back to the spec before."""
    return _sent_and_rejected(_wished(desk, image), image)


def _sent_and_rejected(desk: Desk, image: str) -> Desk:
    desk.swarm.engine.images.scripted[image] = FAILS
    desk = desk.step()
    service = desk.swarm.snapshot.services_by_name[WEB]
    assert ("update", WEB) in desk.swarm.calls
    assert service.update_state == "rollback_completed"
    assert service.previous_spec is None
    return desk


def test_a_rejected_spec_is_never_sent_again() -> None:
    """However often one looks, until the wish changes."""
    desk = _rejected(_running(), "two")
    for _ in range(5):
        assert _holds(desk) == {Hold.REJECTED}
        desk = _later(desk.step(), 10_000)
    assert _wished(desk, "three").planned().plan.actions != ()


def test_a_persons_rollback_is_no_drift() -> None:
    """`docker service rollback` is a condition, not a fight, also right after the adoption."""
    desk = _later(_wished(_running(), "two").until_still(), 5000)
    desk.swarm.roll_back(WEB)
    assert _holds(desk) == {Hold.REJECTED}
    desk.swarm.settle()
    assert _holds(desk) == {Hold.REJECTED}
    assert _holds(_later(desk.step(), 10_000)) == {Hold.REJECTED}


def test_retry_sends_a_rejected_spec_once_more() -> None:
    """What is remembered of the service is forgotten, and it is a new wish."""
    desk = _rejected(_running(), "two").step()
    desk = dataclasses.replace(desk, memories={WEB: ServiceMemory()})
    assert desk.planned().plan.actions != ()


def test_the_rollback_of_an_older_spec_is_no_rejection_of_the_new_one() -> None:
    """While the old one is being rolled back, or after that, a new wish is sent."""
    desk = _rejected(_running(), "two").step()
    desk = _wished(desk, "three")
    assert desk.planned().plan.actions != ()
    noted = desk.planned().memories  # noted, and killed before it was sent
    desk = dataclasses.replace(desk, memories=noted)
    assert desk.planned().plan.actions != ()
    assert _holds(desk) == set()


def test_a_rejection_of_one_service_is_not_its_neighbours() -> None:
    """Editing service A does not send B's rejected spec again."""

    def pair(web: str, api: str) -> Document:
        return {"services": {**_document(web)["services"], "api": {"image": api}}}

    desk = Desk(SimulatedSwarm(), specs_of(pair("one", "one"))).until_still()
    desk = dataclasses.replace(desk, specs=specs_of(pair("bad", "one")))
    desk = _sent_and_rejected(desk, "bad").step()
    desk = dataclasses.replace(desk, specs=specs_of(pair("bad", "two")))
    assert [action.name for action in desk.planned().plan.actions] == [f"{STACK}_api"]
    desk = desk.step()
    assert _holds(desk) == {Hold.REJECTED}
    assert desk.planned().plan.actions == ()
