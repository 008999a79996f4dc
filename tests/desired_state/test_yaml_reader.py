"""YAML as docker/cli reads it."""

from typing import Any

import pytest

from desired_state import yaml_reader
from desired_state.go_values import Timestamp


def read(text: str | bytes) -> Any:
    source = text.encode() if isinstance(text, str) else text
    return yaml_reader.read("compose.yaml", source)[0].root


def complaints(text: str | bytes) -> list[str]:
    source = text.encode() if isinstance(text, str) else text
    with pytest.raises(yaml_reader.Unreadable) as refused:
        yaml_reader.read("compose.yaml", source)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            (word, word)
            for word in ("yes", "no", "on", "off", "y", "22:22", "1:30", "1.2.3", "_1", "0o8")
        ),
        *(("true", True), ("False", False), ("~", None), ("", None), ("Null", None)),
        *(
            ("0755", 493),
            ("0o755", 493),
            ("0x1F", 31),
            ("0b101", 5),
            ("-0b11", -3),
            ("1_000", 1000),
        ),
        *(("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("+12", 12), ("08", 8.0), ("1e400", "1e400")),
        *(("18446744073709551615", 2**64 - 1), ("18446744073709551616", float(2**64))),
        ("2024-02-29", Timestamp("2024-02-29 00:00:00 +0000 UTC")),
        ("2024-02-30", "2024-02-30"),
        ("2001-12-14t21:59:43.10-05:00", Timestamp("2001-12-14 21:59:43.1 -0500 -0500")),
        ("2024-01-02 03:04:05", Timestamp("2024-01-02 03:04:05 +0000 UTC")),
        ("2024-01-02T03:04:05", "2024-01-02T03:04:05"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
    ],
)
def test_a_plain_scalar_is_what_go_yaml_sees_in_it(text: str, value: object) -> None:
    result = read(f"a: {text}")["a"]
    assert (type(result), result) == (type(value), value)


def test_only_the_first_of_several_documents_is_read() -> None:
    assert read("a: 1\n---\na: 2\n") == {"a": 1}


def test_own_keys_win_over_merged_ones_and_the_first_merge_wins() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 3\n"
    assert read(text)["z"] == {"a": 3, "b": 1, "c": 2}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert read('"<<": {a: 1}') == {"<<": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: a", "there twice"),
        ("a:\n  80: x\n", "2:3: a", "a key must be text"),
        ("a:\n  true: x\n", "2:3: a", "a key must be text"),
        ("a: *nowhere", "1:4: a", "not defined"),
        ("a: &a [*a]", "1:8: a[0]", "contains itself"),
        ("a: [", "2:1", "flow"),
        ("a: .inf", "1:4: a", "infinities"),
        ("a:\n  <<: 1\n", "2:7: a.<<", "takes a mapping"),
        ("? [a]\n: b\n", "1:3", "a key must be text"),
    ],
)
def test_what_is_no_document_is_told_with_its_place(text: str, place: str, reason: str) -> None:
    (complaint,) = complaints(text)
    assert complaint.startswith(f"compose.yaml:{place}")
    assert reason in complaint


def test_a_billion_laughs_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "more than 100000 values" in complaints("\n".join(lines))[0]


def test_deep_nesting_is_refused_without_recursion() -> None:
    assert "nested" in complaints("[" * 200_000)[0]
    assert read("[" * 99 + "]" * 99)


def test_a_large_document_is_refused() -> None:
    assert "larger than 1024 KiB" in complaints(b"#" * (yaml_reader.MAX_BYTES + 1))[0]


def test_bytes_that_are_no_text_are_refused() -> None:
    assert complaints(b"a: \xff\xfe")


def test_nothing_executes() -> None:
    document, found = yaml_reader.read("d", b"a: !!python/object/apply:os.system ['true']")
    assert document.root == {"a": ["true"]}
    assert "no effect" in str(found[0])
