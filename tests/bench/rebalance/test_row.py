"""Every bar of the benchmark can be missed, and then is said to be."""

from dataclasses import replace
from typing import Any

import pytest

from tests.bench.rebalance import report, scenarios
from tests.bench.rebalance.clients import Answers, answers
from tests.bench.rebalance.row import OPERATOR, Row
from tests.load.results import Answer, Result

GOOD = Row(
    scenario="power-loss",
    arm=OPERATOR,
    fewest=5,
    if_free=5,
    restarts=5,
    others=0,
    answers=Answers(1000, 0),
    below={},
    uneven=(),
    spread=1,
    gap=1,
    least_gap=1,
    changed_specs=(),
    took_s=60.0,
    ends={"moved": 5},
)


def test_a_good_row_misses_nothing() -> None:
    assert GOOD.missed() == []
    assert replace(GOOD, restarts=6, slack=1).missed() == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"restarts": 6}, "6 restarts"),
        ({"restarts": 4}, "4 restarts"),
        ({"others": 1}, "other tasks"),
        ({"answers": Answers(1000, 1)}, "1 requests failed"),
        ({"answers": Answers(999, 0)}, "only 999"),
        ({"below": {"six": "5 of 6"}}, "5 of 6"),
        ({"uneven": ("six",)}, "uneven: six"),
        ({"spread": 2}, "copies differ by 2"),
        ({"gap": 3}, "differ by 3"),
        ({"changed_specs": ("shop_six",)}, "shop_six"),
        ({"ends": {"lost": 1}}, "lost"),
        ({"broken": ("the hold-off did not grow",)}, "hold-off"),
    ],
)
def test_each_bar_can_be_missed(change: dict[str, Any], says: str) -> None:
    (text,) = replace(GOOD, **change).missed()
    assert says in text


def test_a_control_that_costs_nothing_is_none() -> None:
    loop = replace(GOOD, arm="loop", restarts=26, answers=Answers(1000, 100))
    assert report.missed([GOOD, loop]) == []
    assert report.missed([GOOD, replace(loop, restarts=5)])
    assert report.missed([GOOD, replace(loop, answers=Answers(1000, 0))])


def test_failed_requests_are_counted_by_their_target() -> None:
    good = Answer(at=1.0, took=0.1, said=200, target="shop_six")
    bad = Answer(at=2.0, took=2.0, said="TimeoutError", target="shop_one")
    found = answers(Result([good, bad, good]))
    assert (found.requests, found.failed, found.by_target) == (3, 1, {"shop_one": 1})


def test_what_leaves_a_service_alone_for_long_comes_last() -> None:
    assert scenarios.in_order(["hand", "drain"]) == ["drain", "hand"]
    assert scenarios.in_order([])[-1] == "hand"
