"""The policy document."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from desired_state.policy import Policy
from desired_state.problems import DocumentRefused


def test_off_is_a_word_and_an_empty_policy_the_default() -> None:
    assert Policy.parse_yaml(b"prune_stacks: off\ngrace: 2h").grace_s == 7200
    assert Policy.parse_yaml(b"") == Policy()


def test_the_policy_that_is_delivered_moves_what_declares_no_data() -> None:
    delivered = Path(__file__).parents[2] / "deploy" / "policy.yaml"
    assert Policy.parse_yaml(delivered.read_bytes()).rebalance.default == "auto"
    assert Policy().rebalance.default == "safe"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"prune_stacks: maybe", "desired/policy:1:1: prune_stacks: must be 'off' or 'auto'"),
        (b"\ngrace: soon", "desired/policy:2:1: grace: is not a duration"),
        (b"grce: 1h", 'not acted on by this version; did you mean "grace"?'),
        (b"[]", "a policy is a mapping, not a list"),
        (b"rebalance: []", "desired/policy:1:1: rebalance: must be a mapping, not a list"),
        (b"rebalance:\n  mode: acts", "2:3: rebalance.mode: must be 'act', 'recommend' or 'off'"),
        (b"rebalance:\n  hold_off: soon", "2:3: rebalance.hold_off: is not a duration"),
        (b"rebalance:\n  hold_of: 1m", 'rebalance.hold_of: unknown key; did you mean "hold_off"?'),
        (b"rebalance: {moves_per_hour: 0}", "rebalance.moves_per_hour: must be at least 1"),
        (
            b"rebalance:\n  quiet_hours:\n    - {days: mo-fri, from: '8:00', to: '18:00'}",
            "desired/policy:3:8: rebalance.quiet_hours[0].days: are not days",
        ),
        (
            b"rebalance: {quiet_hours: [{from: '25:00', to: '18:00'}]}",
            "rebalance.quiet_hours[0].from: must be a time of day such as 08:00",
        ),
        (
            b"rebalance: {quiet_hours: [{from: '8:00', to: '18:00', zone: Paris}]}",
            "rebalance.quiet_hours[0].zone: is not a known time zone; write one such as Europe/Paris",
        ),
        (b"rebalance: {quiet_hours: [{from: '8:00'}]}", "rebalance.quiet_hours[0]: to is missing"),
        (
            b"rebalance:\n  quiet_hours:\n  - from: 8:00\n    to: '18:00'\n    zone: ''",
            "desired/policy:5:5: rebalance.quiet_hours[0].zone: is not a known time zone",
        ),
        (
            b"rebalance:\n  quiet_hours:\n  - {from: 8:00, to: '18:00', zone: ../../etc/passwd}",
            "rebalance.quiet_hours[0].zone: is not a known time zone",
        ),
        (
            b"rebalance: {quiet_hours: [{from: 800, to: '9:00'}]}",
            "from: must be a time of day such",
        ),
        (b"rebalance: {quiet_hours: mon-fri}", "rebalance.quiet_hours: must be a list, not text"),
        (b"rebalance: {moves_per_hour: 1.5}", "rebalance.moves_per_hour: must be a whole number"),
        (b"rebalance: {moves_per_hour: '30'}", "rebalance.moves_per_hour: must be a whole number"),
        (b"rebalance: {settle: 10}", "rebalance.settle: must be text, not a number"),
        (b"rebalance: {start_deadline: 0s}", "rebalance.start_deadline: must be longer than that"),
        (b"rebalance: {settle: -1s}", "rebalance.settle: is not a duration"),
        (b"rebalance: {default: always}", "rebalance.default: must be 'safe', 'auto' or 'never'"),
        (b"rebalance: {self_test: maybe}", "rebalance.self_test: must be true or false"),
        (b"a: [", "desired/policy:2:1"),
    ],
)
def test_a_wrong_policy_is_told_with_its_place(text: bytes, said: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        Policy.parse_yaml(text)
    assert said in str(refused.value)


def test_the_defaults_of_rebalancing_are_fit_for_production() -> None:
    rebalance = Policy().rebalance
    assert (rebalance.mode, rebalance.default, rebalance.moves_per_hour) == ("act", "safe", 30)
    assert (rebalance.hold_off_s, rebalance.settle_s, rebalance.canary_s) == (120, 10, 120)
    assert (rebalance.min_age_s, rebalance.between_moves_s) == (300, 120)
    assert rebalance.start_deadline_s == 300
    assert rebalance.quiet_hours == ()


def test_off_is_a_word_for_rebalancing_too() -> None:
    assert Policy.parse_yaml(b"rebalance: {mode: off}").rebalance.mode == "off"


def quiet(utc: str, **hours: str) -> str | None:
    written = ", ".join(f'{key}: "{value}"' for key, value in hours.items())
    policy = Policy.parse_yaml(f"rebalance: {{quiet_hours: [{{{written}}}]}}".encode())
    end = policy.rebalance.quiet_until(datetime.fromisoformat(utc).replace(tzinfo=UTC))
    return None if end is None else f"{end:%a %H:%M}"


OFFICE = {"days": "mon-fri", "from": "08:00", "to": "18:00", "zone": "Europe/Paris"}


@pytest.mark.parametrize(
    ("utc", "ends"),
    [
        ("2026-11-20 06:59", None),  # a Friday in winter: Paris is one hour ahead
        ("2026-11-20 07:00", "Fri 17:00"),
        ("2026-11-20 17:00", None),
        ("2026-11-21 12:00", None),
        ("2026-07-20 06:00", "Mon 16:00"),  # in summer two
    ],
)
def test_quiet_hours_are_of_their_zone(utc: str, ends: str | None) -> None:
    assert quiet(utc, **OFFICE) == ends


def test_quiet_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = {"days": "fri", "from": "22:00", "to": "06:00"}
    assert quiet("2026-11-20 23:00", **night) == "Sat 06:00"
    assert quiet("2026-11-21 05:00", **night) == "Sat 06:00"
    assert quiet("2026-11-20 05:00", **night) is None
    assert quiet("2026-11-21 23:00", **night) is None


def test_the_hour_that_comes_twice_is_quiet_twice() -> None:
    """On 25 October 2026 clocks in Paris go from 03:00 back to 02:00, at 01:00 UTC."""
    night = {"from": "01:00", "to": "04:00", "zone": "Europe/Paris"}
    assert quiet("2026-10-24 23:00", **night) == "Sun 03:00"
    assert quiet("2026-10-25 02:59", **night) == "Sun 03:00"
    assert quiet("2026-10-25 03:00", **night) is None


def test_an_end_that_comes_twice_or_never_is_the_later() -> None:
    """In Paris: 02:30 comes twice on 25 October, and not at all on 29 March 2026."""
    night = {"from": "01:00", "to": "02:30", "zone": "Europe/Paris"}
    assert quiet("2026-10-25 00:45", **night) == "Sun 01:30"
    assert quiet("2026-10-25 01:29", **night) == "Sun 01:30"
    assert quiet("2026-10-25 01:30", **night) is None
    assert quiet("2026-03-29 01:15", **night) == "Sun 01:30"
    from_then = {"from": "02:30", "to": "05:00", "zone": "Europe/Paris"}
    assert quiet("2026-03-29 01:15", **from_then) == "Sun 03:00"
    assert quiet("2026-10-25 00:29", **from_then) is None
    assert quiet("2026-10-25 00:30", **from_then) == "Sun 04:00"


def test_days_may_go_around_the_week() -> None:
    weekend = {"days": "sat-mon, wed", "from": "00:00", "to": "00:00"}
    days = [f"2026-11-{day} 12:00" for day in range(21, 28)]  # from a Saturday
    assert [quiet(day, **weekend) is not None for day in days] == [
        True, True, True, False, True, False, False,
    ]  # fmt: skip
