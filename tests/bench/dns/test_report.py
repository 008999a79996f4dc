"""What the report calls a missed promise; no swarm is needed."""

import pytest

from tests.bench.dns import report
from tests.bench.dns.moves import Move

GOOD = Move(0.3, 0.4, 4)


def test_good_moves_beside_a_late_script_miss_nothing() -> None:
    assert report.missed([GOOD], [0.4], [40.0]) == []


@pytest.mark.parametrize(
    "move", [Move(1.1, 0.4, 4), Move(0.3, 1.3, 4), Move(0.3, 0.4, 5), Move(0.3, 0.4, 4, others=1)]
)
def test_each_promise_can_be_missed(move: Move) -> None:
    assert len(report.missed([GOOD, move], [0.4], [40.0])) == 1


def test_a_script_that_is_as_quick_shows_that_nothing_was_compared() -> None:
    assert report.missed([GOOD], [0.4], [0.5])


def test_the_table_has_a_line_for_each_question() -> None:
    assert len(list(report.lines([GOOD], [0.4], [40.0], "facts"))) == 9
