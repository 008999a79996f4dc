"""Every promise of the benchmark can be broken, and then is said to be; what is counted is right."""

from dataclasses import replace
from typing import Any

import pytest

from tests.bench.latency import Latency
from tests.bench.routes import cases, promises, report
from tests.bench.routes.costs import Costs, Idle, Pass, Size
from tests.bench.routes.row import (
    LABELS,
    OPERATOR,
    WITHOUT,
    Row,
    Tally,
    Writes,
    has_status,
    says,
    seconds_of_outage,
    seconds_to,
)
from tests.load.results import Answer, Result

ROLLED = "rolling update stop-first, POST 300 ms"
LAST = "last route goes, GET"
ALONE = "one replica stop-first, GET"
MOVED = "tasks moved home, POST 3 s"


def row(case: str = ROLLED, by: str = OPERATOR, **changes: Any) -> Row:
    tally = Tally(changes.pop("requests", 1000), changes.pop("failed", 0), 0, 0.4)
    return replace(Row(case, by, tally, live_s=0.5, writes=Writes(2, 9), reloads=2), **changes)


CONTROL = row(by=LABELS, failed=30, writes=None)
NO_OP = Pass(0.01, 0.01, reads=2, writes=0, keys=0)
SIZE = Size(2000, 12_000, 5.0, 0.4, 0.1, NO_OP, replace(NO_OP, writes=1, keys=2), 0.6, 0.9, 0.4)
IDLE = Idle(OPERATOR, 60.0, 0.5, 0.1, 90, 100, 0, 0)
COSTS = Costs(
    label_changes=[Latency(OPERATOR, (0.2, 0.3)), Latency(LABELS, (7.0, 14.0))],
    writes=[Latency(OPERATOR, (0.1,))],
    sizes=[SIZE],
    idle=[IDLE],
)


def missed(*rows: Row) -> list[str]:
    return report.missed(rows, Costs())


def test_a_good_run_keeps_everything() -> None:
    assert report.missed([row(), CONTROL], COSTS) == []
    text = "\n".join(report.lines([row(), CONTROL], COSTS, "facts"))
    assert "MISSED" not in text
    assert " 2 (9) |" in text


@pytest.mark.parametrize(
    ("changed", "says_"),
    [
        (row(failed=1), "failed: 1"),
        (row(requests=499), "requests: 499"),
        (row(by=WITHOUT), "measured: no"),
    ],
)
def test_each_bar_can_be_missed(changed: Row, says_: str) -> None:
    (text,) = missed(changed, CONTROL)
    assert says_ in text


def test_times_can_be_missed() -> None:
    control = row(LAST, by=LABELS, live_s=9.0)
    assert missed(row(LAST, live_s=0.9), control) == []
    (text,) = missed(row(LAST, live_s=1.1), control)
    assert "live after: 1.10 s" in text
    (text,) = missed(row(LAST, live_s=None), control)
    assert "never" in text
    hung = row(ALONE, tally=Tally(500, 1, 0, 2.6))
    (text,) = missed(hung, row(ALONE, by=LABELS, failed=2))
    assert "longest: 2.60 s" in text


def test_a_control_that_fails_nothing_is_none() -> None:
    assert "failed by another: 0" in missed(row(), replace(CONTROL, tally=row().tally))[0]
    assert "failed by another: 0" in missed(row())[0]
    # Where one request may fail, a control that fails one shows nothing.
    assert missed(row(ALONE), row(ALONE, by=LABELS, failed=1))
    # Where it is about a time, the control has to be late, or never there.
    assert missed(row(LAST), row(LAST, by=LABELS, live_s=0.9))
    assert missed(row(LAST))
    assert not missed(row(LAST), row(LAST, by=LABELS, live_s=None))
    # And where it is about withdrawal, what fails for another reason shows nothing of it.
    assert missed(row(MOVED), row(MOVED, by=LABELS, failed=50))
    assert not missed(row(MOVED), row(MOVED, by=WITHOUT, failed=1))


@pytest.mark.parametrize(
    ("change", "says_"),
    [
        ({"sizes": [replace(SIZE, no_op=replace(NO_OP, writes=1))]}, "without a change: 1"),
        ({"sizes": [replace(SIZE, change=NO_OP)]}, "writes of one change: 0"),
        ({"sizes": [replace(SIZE, live_s=1.6)]}, "one change live, median: 1.60 s"),
        ({"idle": [replace(IDLE, writes=1)]}, "idle: writes to the KV: 1"),
        ({"idle": [replace(IDLE, by=LABELS, reloads=1)]}, "idle: reloads"),
        (
            {"label_changes": [Latency(OPERATOR, (8.0,)), Latency(LABELS, (7.0,))]},
            "before Traefik's Swarm provider: 8.00 s",
        ),
    ],
)
def test_costs_can_be_missed(change: dict[str, Any], says_: str) -> None:
    (text,) = report.missed([], replace(COSTS, **change))
    assert says_ in text


def test_fewer_routes_have_no_bar_on_time() -> None:
    assert not report.missed([], replace(COSTS, sizes=[replace(SIZE, routes=1000, live_s=9.0)]))


def test_every_case_has_a_bar_and_every_bar_a_case() -> None:
    assert list(cases.ALL) == list(promises.BARS)


GOOD = Answer(at=1.0, took=0.5, said=200, by="host 1")
NEW = Answer(at=4.0, took=0.5, said=200, by="host 2")
GONE = Answer(at=3.0, took=0.1, said=404, by="")
HUNG = Answer(at=2.5, took=5.0, said="TimeoutError", by="")


def test_statuses_may_be_fine() -> None:
    result = Result([GOOD, GONE, HUNG])
    assert Tally.of(result) == Tally(3, 2, 1, 5.0)
    assert Tally.of(result, fine=[404]) == Tally(3, 1, 1, 5.0)


def test_the_first_answer_of_a_goal_counts_from_the_change() -> None:
    result = Result([NEW, GOOD, GONE])
    assert seconds_to(result, says("2"), 2.0) == 2.5
    assert seconds_to(result, says("1"), 1.2) == pytest.approx(0.3)
    assert seconds_to(result, says("1"), 2.0) is None
    assert seconds_to(result, has_status(404), 2.0) == pytest.approx(1.1)


def test_an_outage_ends_with_the_first_good_answer_after_it() -> None:
    assert seconds_of_outage(Result([GOOD, NEW]), 2.0) == 0.0
    assert seconds_of_outage(Result([GOOD, GONE, NEW]), 2.0) == 2.5
    assert seconds_of_outage(Result([GOOD, GONE]), 2.0) is None
