"""Each gate, open and closed, with what it says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from desired_state.policy import Policy
from desired_state.problems import DocumentRefused
from desired_state.rebalance_policy import RebalancePolicy
from desired_state.rebalance_records import (
    BlockedMove,
    RebalanceNode,
    RebalanceService,
    RebalanceStatus,
)
from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from swarm_operator.plan.rebalance import memory as remembered
from swarm_operator.plan.rebalance.closed import Closed
from swarm_operator.plan.rebalance.gates import Gates
from swarm_operator.plan.rebalance.intent import LABEL, labelled
from tests.rebalance.test_intent import intent_for
from tests.rebalance.worlds import UTC_NOW, node, service, swarm


def at(seconds: float) -> datetime:
    return UTC_NOW + timedelta(seconds=seconds)


def stamp(seconds: float) -> str:
    return f"{at(seconds):%Y-%m-%dT%H:%M:%S.%f}123Z"


MANAGER = node("m1", role="manager", reachability="reachable", is_leader=True)
WEB = replace(service("web", 2), updated_at=stamp(-3600))
LONG_AGO = at(-90_000)


def world(*, web: Service = WEB, nodes: tuple[Node, ...] = (), tasks: Any = None) -> Swarm:
    found = swarm([MANAGER, *(nodes or (node("w1"), node("w2")))], [web], {"web": ["w1", "w1"]})
    return found if tasks is None else replace(found, tasks=tuple(tasks(found.tasks)))


def known_node(name: str, **changes: Any) -> RebalanceNode:
    plain: dict[str, Any] = {"hostname": name, "state": "ready", "steady_since": LONG_AGO}
    return RebalanceNode(**{**plain, **changes})


def memory(**changes: Any) -> RebalanceStatus:
    nodes = {name: known_node(name) for name in ("m1", "w1", "w2")}
    plain: dict[str, Any] = {"nodes": nodes, "leader": "m1", "leader_since": LONG_AGO}
    return RebalanceStatus(**{**plain, **changes})


def with_w2(**changes: Any) -> RebalanceStatus:
    known = memory()
    return known.model_copy(update={"nodes": {**known.nodes, "w2": known_node("w2", **changes)}})


def gates(found: Swarm | None = None, **changes: Any) -> Gates:
    plain: dict[str, Any] = {
        "policy": RebalancePolicy(),
        "memory": memory(),
        "swarm": found or world(),
        "utc": UTC_NOW,
        "watching_since": LONG_AGO,
        "owns": lambda labels: "stranger" not in labels,
    }
    return Gates(**{**plain, **changes})


def of_move(all_gates: Gates) -> Closed | None:
    nodes = all_gates.swarm.nodes_by_id
    return all_gates.move(all_gates.swarm.services[0], nodes["w1"], nodes["w2"])


def test_on_a_quiet_swarm_all_gates_are_open() -> None:
    assert gates().cluster() is None
    assert of_move(gates()) is None


# --- all moves ------------------------------------------------------------------------------------------


def policy(text: str) -> RebalancePolicy:
    return Policy.parse_yaml(f"rebalance: {text}".encode()).rebalance


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": policy("{mode: recommend}")}, "the policy says rebalance: {mode: recommend}"),
        ({"policy": policy("{mode: off}")}, "the policy says rebalance: {mode: off}"),
        ({"acts": False}, "the operator observes only"),
        ({"paused": Closed("paused by ann", at(60))}, "paused by ann until 2026-11-21T12:01:00Z"),
        (
            {"policy": policy('{quiet_hours: [{from: "11:00", to: "13:00"}]}')},
            "quiet hours until 2026-11-21T13:00:00Z",
        ),
        ({"memory": memory(leader="")}, "the swarm has no leader"),
        (
            {"memory": memory(leader_since=at(-119))},
            "the swarm's leader is new: it must be steady until 2026-11-21T12:00:01Z",
        ),
        (
            {"memory": with_w2(state="down", steady_since=None, away_since=at(-60))},
            "w2 is down: Swarm is left to its work until 2026-11-21T12:01:00Z",
        ),
        (
            {"memory": memory(tokens=0.5, tokens_at=at(0))},
            "30 moves an hour are enough until 2026-11-21T12:01:00Z",
        ),
    ],
)
def test_what_closes_the_gate_of_all_moves(changes: dict[str, Any], said: str) -> None:
    assert str(gates(**changes).cluster()) == said


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": policy('{quiet_hours: [{from: "13:00", to: "14:00"}]}')},
        {"memory": memory(leader_since=at(-120))},
        {"memory": with_w2(state="down", steady_since=None, away_since=at(-120))},
        {"memory": memory(tokens=1.0, tokens_at=at(0))},
        {"memory": memory(tokens=0.5, tokens_at=at(-60))},
    ],
)
def test_what_opens_it_again(changes: dict[str, Any]) -> None:
    assert gates(**changes).cluster() is None


def test_a_day_of_24_hours_is_refused_with_the_way_to_write_it() -> None:
    with pytest.raises(DocumentRefused, match='from "00:00" to "00:00"'):
        policy('{quiet_hours: [{from: "00:00", to: "24:00"}]}')
    whole = policy('{quiet_hours: [{from: "00:00", to: "00:00"}]}')
    assert whole.quiet_until(UTC_NOW) == UTC_NOW.replace(day=22, hour=0)


def test_a_manager_that_cannot_be_reached_closes_it() -> None:
    away = node("m2", role="manager", reachability="unreachable", state="down")
    found = gates(world(nodes=(away, node("w1"), node("w2")))).cluster()
    assert found == Closed("the manager m2 cannot be reached")


@pytest.mark.parametrize("where", ["spec", "previous_spec"])
def test_another_move_under_way_closes_it(where: str) -> None:
    changes: dict[str, Any] = {where: labelled(WEB.spec, intent_for(WEB.spec))}
    moving = replace(WEB, **changes)
    assert gates(world(web=moving)).cluster() == Closed("a task of web is being moved")


@pytest.mark.parametrize("where", ["spec", "previous_spec"])
def test_a_move_of_another_installation_does_not(where: str) -> None:
    theirs = labelled({**WEB.spec, "Labels": {"stranger": "yes"}}, intent_for(WEB.spec))
    changes: dict[str, Any] = {where: theirs}
    assert gates(world(web=replace(WEB, **changes))).cluster() is None


def test_a_label_that_cannot_be_read_closes_its_service_alone() -> None:
    found = gates(world(web=replace(WEB, spec={**WEB.spec, "Labels": {LABEL: "nonsense"}})))
    assert found.cluster() is None
    why = found.stuck()["web"]
    assert of_move(found) == Closed(f"web: {why}")
    assert "cannot be read" in why
    assert f"`docker service update --label-rm {LABEL} web`" in why


# --- the target -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("downs", "since", "until"),
    [
        (0, -119, 1),
        (0, -120, None),
        (1, -119, 1),  # to go once is no flapping
        (1, -120, None),
        (2, -239, 1),
        (2, -240, None),
        (3, -479, 1),
        (9, -3599, 1),  # an hour is the most
        (9, -3600, None),
    ],
)
def test_the_hold_off_doubles_with_each_flap(downs: int, since: float, until: float | None) -> None:
    known = with_w2(steady_since=at(since), downs=(at(since - 60),) * downs)
    closed = of_move(gates(memory=known))
    assert closed == (None if until is None else Closed("w2 must be steady", at(until)))


def test_downs_of_yesterday_are_forgiven() -> None:
    known = with_w2(steady_since=at(-150), downs=(at(-86_400), at(-300)))
    assert of_move(gates(memory=known)) is None
    known = with_w2(steady_since=at(-150), downs=(at(-86_300), at(-300)))
    assert of_move(gates(memory=known)) == Closed("w2 must be steady", at(90))


def test_a_short_hold_off_is_for_the_leader_and_lost_nodes_too() -> None:
    """And a long one is not: two minutes are enough for Swarm's own work."""
    quick, slow = policy("{hold_off: 50s}"), policy("{hold_off: 30m}")
    away = {"state": "down", "steady_since": None}
    for known in (memory(leader_since=at(-49)), with_w2(**away, away_since=at(-49))):
        closed = gates(policy=quick, memory=known).cluster()
        assert closed is not None
        assert closed.until == at(1)
        assert gates(policy=quick, memory=known, utc=at(1)).cluster() is None
        closed = gates(policy=slow, memory=known).cluster()
        assert closed is not None
        assert closed.until == at(71)
    # Never so short that the dead seem alive; a new leader believes them twice as long.
    least = policy("{hold_off: 1s}")
    young = gates(policy=least, memory=memory(leader_since=at(-44))).cluster()
    assert young == Closed("the swarm's leader is new: it must be steady", at(1))
    lost = gates(policy=least, memory=with_w2(**away, away_since=at(-29))).cluster()
    assert lost == Closed("w2 is down: Swarm is left to its work", at(1))


def test_a_dead_worker_that_shows_as_ready_is_never_a_target() -> None:
    """However small the hold-off, and even where a person asks: 15 s and the swarm's own grace."""
    for changes in ({"policy": policy("{hold_off: 1s}")}, {"asked": True}):
        known = with_w2(steady_since=at(-29))
        assert of_move(gates(memory=known, **changes)) == Closed("w2 must be steady", at(1))
        assert of_move(gates(memory=with_w2(steady_since=at(-30)), **changes)) is None
    slow = gates(memory=with_w2(steady_since=at(-44)), asked=True, grace_s=30.0)
    assert of_move(slow) == Closed("w2 must be steady", at(1))


def test_who_has_just_begun_to_look_has_not_seen_a_node_steady() -> None:
    assert of_move(gates(watching_since=at(-29))) == Closed("w2 must be steady", at(1))


def left(state: str, desired: str, created: float) -> Callable[[Any], list[Task]]:
    other = Task("old", "id-web", "w2", 2, desired, state, created_at=stamp(created))
    return lambda tasks: [*tasks, other]


def test_containers_of_the_outage_must_be_gone() -> None:
    known = with_w2(steady_since=at(-600))
    there = gates(world(tasks=left("running", "shutdown", -900)), memory=known)
    assert "containers of before run on w2 still" in str(of_move(there))
    for tasks in (left("shutdown", "shutdown", -900), left("running", "shutdown", -300)):
        assert of_move(gates(world(tasks=tasks), memory=known)) is None


def test_the_first_move_to_a_node_is_watched() -> None:
    known = with_w2(first_move=at(-119))
    assert of_move(gates(memory=known)) == Closed("the first task moved to w2 is watched", at(1))
    assert of_move(gates(memory=with_w2(first_move=at(-120)))) is None
    assert of_move(gates(memory=known, asked=True)) is None


def test_a_node_to_which_moves_fail_is_blocked() -> None:
    known = with_w2(blocked_until=at(5))
    assert of_move(gates(memory=known)) == Closed("two moves to w2 failed: it gets none", at(5))


def test_a_move_that_failed_is_not_tried_again() -> None:
    block = BlockedMove(service="web", node="w2", spec="", session=None, why="no such image")
    closed = of_move(gates(memory=memory(blocked=(block,))))
    assert closed is not None
    assert "a move to w2 failed (no such image)" in closed.reason
    elsewhere = block.model_copy(update={"node": "w1"})
    assert of_move(gates(memory=memory(blocked=(elsewhere,)))) is None


# --- the service ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["updating", "paused", "rollback_started", "rollback_paused"])
def test_an_update_that_is_not_done_closes_it(state: str) -> None:
    """Of a paused one any write resumes the rollout: healthy tasks would go."""
    closed = of_move(gates(world(web=replace(WEB, update_state=state))))
    assert closed == Closed(f"web: its update is {state}")


@pytest.mark.parametrize("state", ["completed", "rollback_completed"])
def test_an_update_that_is_over_does_not(state: str) -> None:
    """Swarm keeps the state until the next write, which may never come."""
    assert of_move(gates(world(web=replace(WEB, update_state=state)))) is None


def test_a_service_that_differs_from_its_document() -> None:
    closed = of_move(gates(out_of_line=lambda _service: "it is not as its document says"))
    assert closed == Closed("web: it is not as its document says")


def changed(**changes: Any) -> Callable[[Any], list[Task]]:
    return lambda tasks: [tasks[0], replace(tasks[1], **changes)]


@pytest.mark.parametrize(
    "tasks",
    [
        changed(state="starting"),
        changed(state="pending", node_id=None),
        changed(desired_state="shutdown"),
        lambda tasks: [*tasks, replace(tasks[1], id="twin", state="starting")],
        lambda tasks: [*tasks, replace(tasks[1], id="third", slot=3)],
    ],
)
def test_all_tasks_must_run_and_no_others(tasks: Callable[[Any], list[Task]]) -> None:
    assert "of 2 tasks run" in str(of_move(gates(world(tasks=tasks))))


def test_a_task_on_a_node_that_is_down_does_not_run() -> None:
    found = world(nodes=(node("w1", state="down"), node("w2")))
    assert of_move(gates(found)) == Closed("web: 0 of 2 tasks run")


def failed(when: float, created: float = -4000) -> Callable[[Any], list[Task]]:
    task = Task(
        "failed", "id-web", "w2", 2, "shutdown", "failed",
        timestamp=stamp(when), created_at=stamp(created),
    )  # fmt: skip
    return lambda tasks: [*tasks, task]


def test_a_task_that_failed_lately_closes_it() -> None:
    closed = of_move(gates(world(tasks=failed(-299))))
    assert closed is not None
    assert str(closed).startswith("web: a task failed, it is watched until 2026-11-21T12:00:0")
    assert of_move(gates(world(tasks=failed(-301)))) is None
    quick = policy("{min_age: 10s}")
    assert of_move(gates(world(tasks=failed(-9)), policy=quick)) is not None
    assert of_move(gates(world(tasks=failed(-11)), policy=quick)) is None
    slow = policy("{min_age: 1h}")
    old = replace(WEB, updated_at=stamp(-7200))
    assert of_move(gates(world(web=old, tasks=failed(-301)), policy=slow)) is None


def test_tasks_that_went_with_their_node_are_no_failures() -> None:
    """A node that lost its power says so of its tasks when it is back."""
    back = with_w2(steady_since=at(-250), downs=(at(-400),))
    assert of_move(gates(world(tasks=failed(-249)), memory=back)) is None
    assert of_move(gates(world(tasks=failed(-100)), memory=back)) is not None
    assert of_move(gates(world(tasks=failed(-249, created=-240)), memory=back)) is not None


def test_a_change_must_be_old_enough() -> None:
    young = replace(WEB, updated_at=stamp(-299))
    assert "web was changed: it must be left until" in str(of_move(gates(world(web=young))))
    assert of_move(gates(world(web=replace(WEB, updated_at=stamp(-301))))) is None


def known_web(**changes: Any) -> RebalanceStatus:
    return memory(services={"web": RebalanceService(**changes)})


def test_our_own_moves_are_no_change_but_keep_their_distance() -> None:
    ours = replace(WEB, updated_at=stamp(-121))
    known = {"sealed": stamp(-121), "changed": stamp(-3600)}
    assert of_move(gates(world(web=ours), memory=known_web(**known, moved_at=at(-120)))) is None
    closed = of_move(gates(world(web=ours), memory=known_web(**known, moved_at=at(-119))))
    assert closed == Closed("web was moved: it is left", at(1))


def test_a_service_that_was_changed_in_a_move_is_left_alone() -> None:
    closed = of_move(gates(memory=known_web(left_until=at(5))))
    assert closed is not None
    assert closed.until == at(5)


def test_a_person_s_wish_passes_the_hold_off_and_nothing_else() -> None:
    """Not a pause, quiet hours, an update or a service that was just changed."""
    young = replace(WEB, updated_at=stamp(-10))
    assert of_move(gates(world(web=young), asked=True)) is not None
    assert gates(asked=True, paused=Closed("paused")).cluster() is not None
    flapping = with_w2(steady_since=at(-31), downs=(at(-40),) * 5)
    assert of_move(gates(memory=flapping, asked=True)) is None


def test_what_is_remembered_of_a_look_opens_the_gates_in_time() -> None:
    known = remembered.looked(RebalanceStatus(), world(), UTC_NOW)
    young = gates(memory=known, watching_since=UTC_NOW)
    assert str(young.cluster()) == (
        "the swarm's leader is new: it must be steady until 2026-11-21T12:02:00Z"
    )
    later = gates(memory=known, watching_since=UTC_NOW, utc=at(120))
    assert later.cluster() is None
    assert of_move(later) is None
