"""What is remembered of nodes, services and moves, look by look."""

from dataclasses import replace
from datetime import timedelta

from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.observed.swarm import Node, Swarm
from swarm_operator.plan.rebalance import memory
from swarm_operator.plan.rebalance.intent import digest
from swarm_operator.plan.rebalance.memory import looked
from swarm_operator.plan.rebalance.steps import Outcome
from tests.rebalance.worlds import UTC_NOW, node, service, swarm

LEADER = node("m1", role="manager", reachability="reachable", is_leader=True)


def after(*steps: tuple[float, Node], start: RebalanceStatus | None = None) -> RebalanceStatus:
    """The memory after looks at a node, each so many seconds after the first."""
    known = start or RebalanceStatus()
    for seconds, seen in steps:
        known = looked(known, swarm([LEADER, seen], [], {}), at(seconds))
    return known


def at(seconds: float):  # type: ignore[no-untyped-def] # a moment
    return UTC_NOW + timedelta(seconds=seconds)


READY, DOWN, UNKNOWN = node("w1"), node("w1", state="down"), node("w1", state="unknown")
DRAINED = node("w1", availability="drain")


def test_a_node_that_is_seen_first_is_steady_since_then() -> None:
    known = after((0, READY)).nodes["w1"]
    assert (known.steady_since, known.downs, known.away_since) == (at(0), (), None)
    assert known.balanced  # where nothing is known yet, nothing came back


def test_a_node_that_joins_has_not_its_share_yet() -> None:
    known = looked(after((0, READY)), swarm([LEADER, READY, node("w2")], [], {}), at(60))
    assert known.nodes["w1"].balanced
    assert not known.nodes["w2"].balanced


def test_nothing_new_is_the_very_same_record() -> None:
    """So that nothing is written as time goes by."""
    once = after((0, READY))
    assert after((3600, READY), start=once) is once


def test_each_down_is_counted_once_and_forgotten_after_a_day() -> None:
    known = after((0, READY), (10, DOWN), (20, DOWN), (30, READY), (40, DOWN)).nodes["w1"]
    assert known.downs == (at(10), at(40))
    assert (known.steady_since, known.away_since) == (None, at(40))
    back = after((0, READY), (10, DOWN), (30, READY), (86411, READY)).nodes["w1"]
    assert (back.steady_since, back.downs) == (at(30), ())


def test_a_node_that_was_down_when_it_was_seen_first_is_no_flap() -> None:
    assert after((0, DOWN), (10, READY)).nodes["w1"].downs == ()


def test_a_new_leader_s_unknown_interrupts_nothing() -> None:
    known = after((0, READY), (10, UNKNOWN), (15, READY)).nodes["w1"]
    assert (known.steady_since, known.downs, known.away_since) == (at(0), (), None)
    assert after((0, READY), (10, UNKNOWN)).nodes["w1"].away_since == at(10)


def test_unknown_and_then_down_is_one_down() -> None:
    known = after((0, READY), (10, UNKNOWN), (20, DOWN), (30, READY)).nodes["w1"]
    assert (known.downs, known.steady_since) == ((at(20),), at(30))


def test_a_drained_node_begins_anew_when_it_is_active_again() -> None:
    known = after((0, READY), (10, DRAINED)).nodes["w1"]
    assert (known.steady_since, known.away_since, known.downs) == (None, None, ())
    assert after((0, READY), (10, DRAINED), (50, READY)).nodes["w1"].steady_since == at(50)


def test_a_node_that_is_gone_is_forgotten() -> None:
    known = looked(after((0, READY)), swarm([LEADER], [], {}), at(5))
    assert set(known.nodes) == {"m1"}


def test_the_leader_is_steady_since_it_was_seen_first() -> None:
    known = after((0, READY), (50, READY))
    assert (known.leader, known.leader_since) == ("m1", at(0))
    other = replace(LEADER, id="m2", hostname="m2")
    changed = looked(known, swarm([other, READY], [], {}), at(60))
    assert (changed.leader, changed.leader_since) == ("m2", at(60))


# --- moves ----------------------------------------------------------------------------------------------


def web(updated_at: str = "2026-11-21T11:00:00Z") -> Swarm:
    return swarm([LEADER, READY], [replace(service("web", 2), updated_at=updated_at)], {})


def moved(known: RebalanceStatus, outcome: Outcome, seconds: float = 100) -> RebalanceStatus:
    spec = digest(web().services[0].spec)
    return memory.ended(known, "web", "w1", spec, outcome, "why", at(seconds))


def test_our_own_writes_are_no_change_of_the_service() -> None:
    world = web()
    known = memory.began(looked(RebalanceStatus(), world, at(0)), world.services[0])
    known = moved(known, Outcome.MOVED)
    sealed = web("2026-11-21T12:01:40Z")
    known = looked(known, sealed, at(101))
    assert known.services["web"].sealed == "2026-11-21T12:01:40Z"
    assert known.services["web"].changed == "2026-11-21T11:00:00Z"
    # A second move: what changed before the first one is still what changed last.
    again = memory.began(known, sealed.services[0])
    assert again.services["web"].changed == "2026-11-21T11:00:00Z"
    edited = web("2026-11-21T12:30:00Z")
    later = memory.began(known, edited.services[0])
    assert later.services["web"].changed == "2026-11-21T12:30:00Z"


def test_the_first_move_is_noted_once_and_ends_a_row_of_failures() -> None:
    known = moved(after((0, READY)), Outcome.ABORTED)
    known = moved(moved(known, Outcome.MOVED, 200), Outcome.MOVED, 300)
    assert known.nodes["w1"].first_move == at(200)
    assert known.nodes["w1"].failed_moves == ()


def test_two_failures_in_a_row_block_the_node_for_an_hour() -> None:
    known = moved(after((0, READY)), Outcome.ABORTED)
    assert known.nodes["w1"].blocked_until is None
    known = moved(known, Outcome.LOST, 200)
    assert known.nodes["w1"].blocked_until == at(3800)
    assert after((3799, READY), start=known).nodes["w1"].blocked_until is not None
    assert after((3800, READY), start=known).nodes["w1"].blocked_until is None


def test_a_failed_move_is_blocked_until_the_spec_or_the_node_s_session_changes() -> None:
    known = moved(looked(RebalanceStatus(), web(), at(0)), Outcome.ABORTED)
    assert [(block.service, block.node) for block in known.blocked] == [("web", "w1")]
    assert looked(known, web("later"), at(200)).blocked
    other = swarm([LEADER, READY], [service("web", 3)], {})
    assert not looked(known, other, at(200)).blocked
    gone = swarm([LEADER, READY], [], {})
    assert not looked(known, gone, at(200)).blocked
    down = replace(web(), nodes=(LEADER, DOWN))
    assert not looked(looked(known, down, at(200)), web(), at(210)).blocked


def test_a_service_that_somebody_else_changed_is_left_alone() -> None:
    known = moved(after((0, READY)), Outcome.YIELDED)
    assert known.services["web"].left_until == at(700)
    assert known.blocked == ()
    assert known.nodes["w1"].failed_moves == ()


# --- the budget -----------------------------------------------------------------------------------------


def test_the_bucket_is_full_at_first_and_fills_evenly() -> None:
    known = RebalanceStatus()
    for _ in range(30):
        assert memory.next_token_at(known, 30, at(0)) is None
        known = memory.token_taken(known, 30, at(0))
    assert memory.next_token_at(known, 30, at(0)) == at(120)
    assert memory.next_token_at(known, 30, at(119)) == at(120)
    assert memory.next_token_at(known, 30, at(120)) is None
    assert memory.tokens(known, 30, at(1e6)) == 30
