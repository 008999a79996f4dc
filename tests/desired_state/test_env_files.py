"""The two dialects of files with variables."""

import pytest

from desired_state import env_files
from tests.desired_state.stacks import loaded, refusals, warnings


@pytest.mark.parametrize(
    ("line", "variables"),
    [
        ("A=1", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("A = 1 ", {"A": "1"}),
        ("A=a # comment", {"A": "a"}),
        ("A=a#b", {"A": "a#b"}),
        ("# A=1\n\nB=2", {"B": "2"}),
        ('A="a # b"  # c', {"A": "a # b"}),
        (r'A="x\ny \"q\" \$B"', {"A": 'x\ny "q" $B'}),
        ("A='$B \\n'", {"A": "$B \\n"}),
        ("A='two\nlines'\nB=1", {"A": "two\nlines", "B": "1"}),
        ("A=1\nB=${A}2\nC=${NO:-3}", {"A": "1", "B": "12", "C": "3"}),
        ("A: 1", {"A": "1"}),
        ("A=\r\nB=1\r\n", {"A": "", "B": "1"}),
        ("A=b=c", {"A": "b=c"}),
        ("A", {}),
        ("\ufeffA=1", {"A": "1"}),
    ],
)
def test_dotenv_is_read_as_compose_reads_it(line: str, variables: dict[str, str]) -> None:
    assert env_files.dotenv(line.encode()) == (variables, [])


@pytest.mark.parametrize(
    ("text", "number", "reason"),
    [
        ("A=1\nfoo bar", 2, "is not NAME=value"),
        ("A='hidden", 1, "no closing '"),
        ("A='hidden' x", 1, "after the closing quote"),
        ("1A=hidden", 1, "characters"),
        ("\nA=hid$den", 2, "the variable den is not set"),
        ("=hidden", 1, "is not NAME=value"),
    ],
)
def test_a_bad_line_of_dotenv_is_told_without_its_value(
    text: str, number: int, reason: str
) -> None:
    _, (bad,) = env_files.dotenv(text.encode())
    assert bad.line == number
    assert reason in bad.message
    assert "hidden" not in bad.message


def test_an_env_file_is_read_raw() -> None:
    source = b"\xef\xbb\xbf# c\n  A='q' \nB=$x\nC\r\nD=1=2\n"
    expected = [("A", "'q' "), ("B", "$x"), ("C", None), ("D", "1=2")]
    assert env_files.env_file(source) == (expected, [])


def test_the_environment_wins_over_files_and_later_files_over_earlier_ones() -> None:
    document = """
services:
  web:
    image: a
    env_file: [one.env, ./two.env]
    environment: {C: own, D: , E: }
"""
    files = {"one__env": "A=1\nB=1\nC=1\nF\nG\n", "two__env": "B=2\n", "__env": "D=d\nG=g\n"}
    environment = loaded(document, **files).document.services["web"].environment
    assert environment == {"A": "1", "B": "2", "C": "own", "D": "d", "E": None, "G": "g"}


def test_an_empty_value_is_looked_up_too_and_that_is_said() -> None:
    document = "services: {web: {image: a, environment: {A: ''}}}"
    assert loaded(document, __env="A=x").document.services["web"].environment == {"A": "x"}
    assert "the empty value is replaced" in warnings(document, __env="A=x")[0]


def test_a_missing_file_is_a_problem_unless_it_is_not_required() -> None:
    document = "services: {web: {image: a, env_file: %s}}"
    assert "nope.env is not in the folder" in refusals(document % "nope.env")[0]
    assert refusals(document % "[{path: nope.env, required: false}]") == []
    assert "outside" in refusals(document % "../x.env")[0]


def test_a_bad_line_of_an_env_file_is_told_in_that_file() -> None:
    (problem,) = refusals(
        "services: {web: {image: a, env_file: x.env}}", x__env="A=1\nB C=hidden\n"
    )
    assert problem.startswith("x.env:2:1: ")
    assert "hidden" not in problem
