"""Values as Go reads and prints them."""

from collections.abc import Callable
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desired_state import go_values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((3.10, "3.1"), (1.0, "1"), (1000000.0, "1e+06"), (123456789.5, "1.234567895e+08")),
        *(
            (123456.5, "123456.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e20, "1e+20"),
            (-0.0, "-0"),
        ),
        *((5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (493, "493")),
        (True, "true"),
    ],
)
def test_numbers_are_printed_as_go_prints_them(value: object, text: str) -> None:
    assert go_values.printed(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_reads_back(value: float) -> None:
    assert float(go_values.printed(value)) == value


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1h2m3.5s", 3_723_500_000_000),
        *(("500ms", 500_000_000), ("1500us", 1_500_000), ("1µs", 1000), ("2ns", 2), ("0", 0)),
        *(
            ("-1s", -1_000_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("+1s", 1_000_000_000),
        ),
    ],
)
def test_a_duration(text: str, nanoseconds: int) -> None:
    assert go_values.duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("50M", 50 << 20), ("1.5g", 1_610_612_736), ("512 MB", 512 << 20), ("512mib", 512 << 20)),
        *(("1T", 1 << 40), ("100b", 100), ("1e9", 10**9), ("10000000", 10_000_000), ("0", 0)),
    ],
)
def test_a_size(text: str, size: int) -> None:
    assert go_values.size(text) == size


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        *(
            ("0.5", 5 * 10**8),
            (".5", 5 * 10**8),
            ("1/2", 5 * 10**8),
            ("1e-3", 10**6),
            ("0x10", 16 * 10**9),
        ),
        *(("1p-2", 250_000_000), ("1_0", 10**10)),
    ],
)
def test_cpus(text: str, nanos: int) -> None:
    assert go_values.nano_cpus(text) == nanos


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((go_values.duration, text) for text in ("", "5", "1d", "s", "1 s", "9999999h")),
        *((go_values.size, text) for text in ("", "M", "-5M", "5Mx", "5.5.5M", "10e", "9" * 30)),
        *(
            (go_values.nano_cpus, text)
            for text in ("", "abc", "1/0", " 1", "0.0000000001", "9" * 25)
        ),
        *((go_values.whole_number, text) for text in ("", "1.0", "1_0", "9" * 40)),
        *((go_values.truth, text) for text in ("", "1", "0", "maybe")),
        *((go_values.words, text) for text in ("a 'b", 'a "b', "a \\")),
    ],
)
def test_what_cannot_be_read_is_told_without_the_value(
    read: Callable[[str], object], text: str
) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|ends)") as refused:
        read(text)
    assert len(text) < 2 or text not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b  c", ["a", "b", "c"]),
        ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
        ("a # b\nc", ["a", "c"]),
        ("a#b", ["a#b"]),
        (r'"a\nb"', ["anb"]),
        (r"'a\nb'", [r"a\nb"]),
        ("", []),
        ("''", [""]),
    ],
)
def test_a_command_line_is_split_as_google_shlex_splits_it(line: str, words: list[str]) -> None:
    assert go_values.words(line) == words


@pytest.mark.parametrize("read", [go_values.duration, go_values.size, go_values.number])
def test_a_long_text_takes_no_time(read: Callable[[str], object]) -> None:
    """The control: as `[0-9]+\\.?[0-9]*` a tenth of these digits took 13 s."""
    began = process_time()
    with pytest.raises(ValueError, match="is not a"):
        read("1" * 200_000 + "x")
    assert process_time() - began < 2


@pytest.mark.parametrize("text", ["0" * 30 + "9" * 5000, "9" * 5000, "9223372036854775808"])
def test_a_whole_number_has_64_bits(text: str) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        go_values.whole_number(text)
    assert go_values.whole_number("-9223372036854775808") == -(2**63)
