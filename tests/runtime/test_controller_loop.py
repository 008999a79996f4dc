"""The loop under every controller, and how its steps are counted."""

import queue
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import structlog
from structlog.testing import capture_logs

from swarm_operator.clock import SystemClock
from swarm_operator.observed.errors import OutsideError
from swarm_operator.runtime.controller_loop import Bell, ControllerLoop, Steps
from tests.runtime.fakes import FakeMetrics

PATIENCE_S = 10.0
NEVER_S = 1e9


class StandingClock:
    """It is always the same moment."""

    def monotonic(self) -> float:
        return 100.0

    def utc(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def metrics() -> FakeMetrics:
    return FakeMetrics()


@pytest.fixture
def steps(metrics: FakeMetrics) -> Steps:
    return Steps("tests", StandingClock(), structlog.get_logger(), metrics)


def results(metrics: FakeMetrics) -> list[str]:
    return [labels["result"] for name, labels in metrics.counted if name == "reconcile_total"]


def defects(metrics: FakeMetrics) -> list[str]:
    return [
        labels["reason"] for name, labels in metrics.counted if name == "reconcile_errors_total"
    ]


def failing(error: Exception) -> Callable[[], float]:
    def step() -> float:
        raise error

    return step


def test_a_step_says_when_the_next_is_due(steps: Steps, metrics: FakeMetrics) -> None:
    assert steps.counted("work", lambda: 107.0) == 107.0
    assert results(metrics) == ["success"]
    assert steps.counted("work", lambda: 107.0, went_well=lambda: False) == 107.0
    assert results(metrics) == ["success", "error"]
    assert defects(metrics) == []


def test_a_defect_is_told_and_counted_and_tried_again(steps: Steps, metrics: FakeMetrics) -> None:
    with capture_logs() as told:
        assert steps.counted("work", failing(KeyError("x"))) == 105.0
        assert steps.guarded("more work", failing(ValueError("x"))) == 105.0
    assert [line["event"] for line in told] == [
        "work failed; this is a defect of the operator",
        "more work failed; this is a defect of the operator",
    ]
    assert defects(metrics) == ["KeyError", "ValueError"]
    assert results(metrics) == ["error"]  # a lesser step has no result of its own


def test_what_the_caller_knows_what_to_do_with_is_no_defect(
    steps: Steps, metrics: FakeMetrics
) -> None:
    with pytest.raises(OutsideError):
        steps.counted("work", failing(OutsideError("away")), passed_on=(OutsideError,))
    assert results(metrics) == ["error"]
    assert defects(metrics) == []


def test_a_loop_steps_when_it_is_due_or_woken_and_ends_when_asked() -> None:
    clock, bell = SystemClock(), Bell()
    taken: queue.Queue[float] = queue.Queue()
    waits = iter([0.0])  # at once after the first; then not before somebody rings

    def step(_news: None) -> float:
        taken.put(clock.monotonic())
        return clock.monotonic() + next(waits, NEVER_S)

    loop = ControllerLoop("tested", clock=clock, wait=bell.wait, wake=bell.ring, step=step)
    loop.start()
    try:
        for _ in range(2):
            taken.get(timeout=PATIENCE_S)
        with pytest.raises(queue.Empty):
            taken.get(timeout=0.1)
        bell.ring()
        taken.get(timeout=PATIENCE_S)
        assert loop.is_alive
    finally:
        loop.request_stop()
    assert loop.join(PATIENCE_S)
    assert taken.empty(), "a step was taken after the stop"


def test_a_loop_that_hangs_says_so() -> None:
    clock, inside, end = SystemClock(), Bell(), Bell()

    def hang(_news: None) -> float:
        inside.ring()
        end.wait(PATIENCE_S)
        return clock.monotonic()

    bell = Bell()
    loop = ControllerLoop("hanging", clock=clock, wait=bell.wait, wake=bell.ring, step=hang)
    loop.start()
    inside.wait(PATIENCE_S)
    loop.request_stop()
    assert not loop.join(0.05)
    end.ring()
    assert loop.join(PATIENCE_S)
