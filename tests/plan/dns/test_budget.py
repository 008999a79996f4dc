"""How often a provider is asked and a zone changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.plan.dns.budget import Calls, ZoneChanges, is_mass_change
from swarm_operator.plan.dns.retries import Failure, wait_s


def test_audits_leave_room_for_failovers() -> None:
    calls = Calls().spent(32, 0.0)
    assert calls.wait_s(4, 0.0, is_urgent=True) == 0.0
    assert calls.wait_s(2, 0.0, is_urgent=False) == pytest.approx(3.0)
    assert calls.wait_s(2, 3.0, is_urgent=False) == pytest.approx(0.0, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=300))
def test_no_minute_sees_more_than_the_account_may_ask(steps: list[tuple[float, bool]]) -> None:
    calls, now, sent = Calls(), 0.0, list[float]()
    for pause, is_urgent in steps:
        now += pause
        if calls.wait_s(1, now, is_urgent=is_urgent) == 0.0:
            calls = calls.spent(1, now)
            sent.append(now)
    for moment in sent:
        assert sum(moment - 60 < other <= moment for other in sent) <= 2 * 40


def test_a_zone_is_changed_so_often_in_an_hour() -> None:
    zone = ZoneChanges()
    for minute in range(60):
        assert zone.room_at(minute * 10.0) == minute * 10.0
        zone = zone.changed(minute * 10.0)
    assert zone.room_at(600.0) == 3600.0
    assert zone.room_at(600.0, records=2) == 3610.0
    assert zone.room_at(3600.0) == 3600.0
    assert zone.room_at(3600.0, records=2) == 3610.0
    assert zone.room_at(3600.0, in_run=1) > 3600.0


def test_a_run_changes_so_much_and_no_more() -> None:
    assert ZoneChanges().room_at(0.0, records=2, in_run=8) == 0.0
    assert ZoneChanges().room_at(0.0, records=2, in_run=9) == 1.0


def test_what_belongs_together_is_never_held_for_ever() -> None:
    """Both families of a name, where one change is allowed in an hour."""
    assert ZoneChanges().room_at(0.0, 1, records=2) == 0.0
    once = ZoneChanges().changed(0.0, 2)
    assert once.room_at(10.0, 1, records=2) == 3600.0
    assert once.room_at(3600.0, 1, records=2) == 3600.0


@pytest.mark.parametrize(
    ("changing", "of", "mass"), [(1, 1, False), (3, 3, False), (2, 4, False), (3, 4, True)]
)
def test_a_mass_change(changing: int, of: int, mass: bool) -> None:
    assert is_mass_change(changing, of) == mass


@given(st.sampled_from(Failure), st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_it_is_always_tried_again(failure: Failure, attempts: int, jitter: float) -> None:
    assert 0.0 <= wait_s(failure, attempts, jitter) <= 300.0


def test_waits() -> None:
    assert wait_s(Failure.TRANSIENT, 1, 0.5) == 0.5
    assert wait_s(Failure.TRANSIENT, 30, 0.5) == 30.0
    assert wait_s(Failure.TRANSIENT, 30, 0.5, retry_after_s=7.0) == 7.0
    assert wait_s(Failure.AUTH, 1, 0.0) == 300.0
    assert wait_s(Failure.CONFLICT, 1, 0.9) == 0.0
    assert wait_s(Failure.CONFLICT, 4, 0.5) == 4.0
