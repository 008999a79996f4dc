"""A target that loses its power in the middle of a move: Swarm shows it as ready for 10 to 16 s more,
and its tasks as running.

What a settle time that is longer than that sees is undone, and nothing is lost. What nobody sees costs
what the loss of a node with that task costs anyhow: Swarm starts it elsewhere.
"""

import pytest

from swarm_operator.plan.rebalance.start import Limits
from swarm_operator.plan.rebalance.steps import Outcome
from tests.rebalance.stage import Stage, assert_as_before, spec_of

WORLDS = [{"w1": 1, "w2": 0}, {"w1": 1, "w2": 1, "w3": 0}, {"w1": 3, "w2": 1, "w3": 0}]
worlds = pytest.mark.parametrize("hosts", WORLDS)
UNSEEN_S = 17.0
"""Three heartbeats of at most 5.5 s, and a look."""
ELSEWHERE_S = 10.0
"""Until Swarm has started a lost task elsewhere, with a restart delay of 5 s."""


def lost_after_it_ran(hosts: dict[str, int], settle_s: float) -> tuple[Stage, str, object]:
    """The new task runs for a second, and its node dies."""
    stage, target = Stage(), list(hosts)[-1]
    original = stage.create(spec_of(), hosts)
    limits = Limits(settle_s=settle_s, start_s=120)
    assert stage.begin("w1", target, limits=limits) is None
    stage.go(until=lambda: target in stage.hosts())
    stage.engine.advance(1.0)
    stage.engine.kill_node(target)
    return stage, target, original


@worlds
def test_within_a_long_settle_time_it_is_seen(hosts: dict[str, int]) -> None:
    stage, _, original = lost_after_it_ran(hosts, settle_s=20.0)
    assert stage.go(limit_s=900) is Outcome.ABORTED
    stage.engine.advance(60)
    assert stage.lowest == sum(hosts.values()), "the old task went on serving"
    assert len(stage.serving()) == sum(hosts.values())
    assert_as_before(stage, original)  # type: ignore[arg-type]


@worlds
def test_within_a_short_one_it_costs_what_a_loss_after_the_move_costs(
    hosts: dict[str, int],
) -> None:
    wished = sum(hosts.values())
    stage, target, original = lost_after_it_ran(hosts, settle_s=5.0)
    lost_at = stage.engine.timeline.now
    assert stage.go(limit_s=900) is Outcome.MOVED
    assert stage.lowest == wished - 1, "one, and no other"
    stage.until(lambda: len(stage.serving()) == wished)
    assert stage.engine.timeline.now - lost_at < UNSEEN_S + ELSEWHERE_S
    assert target not in stage.hosts()
    stage.engine.advance(60)
    assert len(stage.serving()) == wished
    assert_as_before(stage, original)  # type: ignore[arg-type]
