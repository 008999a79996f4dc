"""Texts as Go reads them: bounds, and that no text takes long."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desired_state import go_values
from swarm_operator.plan.routes import scalars


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10.0),
        ("-10", -10.0),
        ("1m30s", 90.0),
        (".5s", 0.5),
        ("1.h", 3600.0),
        ("500ms", 0.5),
        ("0" * 5000 + "7s", 7.0),
        ("0." + "5" * 5000 + "s", 0.5555555),
        ("-2562047h47m16.854775808s", -(2**63) / 10**9),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert scalars.duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", ".s", "1 s", "2562047h47m16.854775808s", "9999999999h", "9" * 400 + "h", "9" * 5000],
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        scalars.duration_s(text)


@given(st.text("0123456789.hms-+µnu", max_size=40))
def test_no_text_raises_anything_else(text: str) -> None:
    for read in (scalars.duration_s, go_values.whole_number, go_values.boolean, scalars.duration):
        try:
            read(text)
        except ValueError:
            continue


@pytest.mark.parametrize("read", [scalars.duration_s, scalars.duration])
def test_a_long_text_takes_no_time(read: object) -> None:
    assert callable(read)
    began = process_time()
    with pytest.raises(ValueError, match=r"."):
        read("1" * 200_000 + "x")
    assert process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "number"), [("0" * 5000 + "7", 7), ("-9223372036854775808", -(2**63))]
)
def test_whole_numbers(text: str, number: int) -> None:
    assert go_values.whole_number(text) == number


@pytest.mark.parametrize("text", ["9223372036854775808", "9" * 5000, "0" * 30 + "9" * 5000])
def test_whole_numbers_of_more_than_64_bits(text: str) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        go_values.whole_number(text)
