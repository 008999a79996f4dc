"""What the operator asks for and sends, however large the swarm: counts hold on every machine."""

import pytest

from tests.bench.scale import report
from tests.bench.scale.__main__ import measured
from tests.bench.scale.report import Measured
from tests.bench.scale.sample import Sample
from tests.bench.scale.shape import SIZES

SOME = "look at one service"


@pytest.fixture(scope="module")
def sizes() -> list[Measured]:
    return [measured(shape, lambda _: None, changes=1, losses=1) for shape in SIZES[:2]]


def test_every_count_that_is_promised(sizes: list[Measured]) -> None:
    counts = [bar for bar in report.bars(sizes) if bar.is_count]
    assert len(counts) == 3 * len(sizes)
    assert [bar for bar in counts if not bar.is_met] == []


def test_a_pass_over_more_takes_no_more_calls(sizes: list[Measured]) -> None:
    for act, calls in (("no-op pass", 7), ("idle look", 3), (SOME, 3), ("no look", 0)):
        for size in sizes:
            assert {sample.calls for sample in size.acts[act]} == {calls}


def test_a_look_at_one_service_is_as_large_in_any_swarm(sizes: list[Measured]) -> None:
    small, large = (size.typical(SOME, report.sent) for size in sizes)
    assert small > 10_000
    assert large == pytest.approx(small, rel=0.05)
    assert large < sizes[1].typical("idle look", report.sent) / 20


def test_a_change_is_followed_by_looks_at_what_changed(sizes: list[Measured]) -> None:
    """The whole swarm is looked at by time alone, at most every five seconds."""
    large = sizes[1]
    (change,) = large.acts[report.CHANGE]
    everything = large.typical("idle look", report.sent)
    assert change.writes == 1
    assert change.calls > 6
    assert change.sent < 4 * everything


def test_the_loss_of_a_node_costs_no_write_to_the_swarm(sizes: list[Measured]) -> None:
    losses: list[Sample] = [sample for size in sizes for sample in size.acts[report.LOSS]]
    assert [sample.writes for sample in losses] == [0] * len(losses)
    assert all(sample.calls >= 7 for sample in losses), "the event brings a full pass"
