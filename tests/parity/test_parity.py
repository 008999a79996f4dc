"""Documents that the Docker CLI was seen with: the same specs, refusals at the right line."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

import pytest

from desired_state.problems import DocumentRefused, Problem, Severity
from tests.parity import ours
from tests.parity.cases import Case, cases
from tests.parity.compare import differences

VALID = cases("valid")
INVALID = cases("invalid")
DIFFERENCES = cases("differences")


def name(case: Case) -> str:
    return case.name


def report(expected: Any, got: Any) -> str:
    return "\n".join(map(str, differences(expected, got)))


def located(problems: Iterable[Problem], expected: dict[str, Any]) -> bool:
    """Whether one of the problems is the one that the case is about."""
    return any(
        problem.document == expected["document"]
        and problem.line in expected["lines"]
        and expected["path"] in problem.path
        for problem in problems
    )


def refused(case: Case) -> list[Problem]:
    """The errors for which we refuse a case."""
    with pytest.raises(DocumentRefused) as caught:
        ours.specs(case)
    return [problem for problem in caught.value.problems if problem.severity is Severity.ERROR]


@pytest.mark.parametrize("case", VALID, ids=name)
def test_a_valid_document_gives_what_the_cli_sends(case: Case) -> None:
    assert report(case.stored("expected.json"), ours.specs(case)) == ""


@pytest.mark.parametrize("case", INVALID, ids=name)
def test_an_invalid_document_is_refused_at_its_line(case: Case) -> None:
    problems = refused(case)
    assert located(problems, case.stored("problem.json")), "\n".join(map(str, problems))
    assert case.stored("error.json") is not None, "the CLI or the engine must have refused it too"


@pytest.mark.parametrize("case", INVALID, ids=name)
def test_one_defect_is_one_problem(case: Case) -> None:
    """What follows from a defect is not told as a second one."""
    problems = refused(case)
    assert len(problems) == 1, "\n".join(map(str, problems))


@pytest.mark.parametrize("case", DIFFERENCES, ids=name)
def test_a_difference_from_the_cli_is_the_one_that_is_stated(case: Case) -> None:
    stated = case.stored("difference.json")
    captured = case.stored("expected.json")
    assert stated["reason"]
    if stated["ours"] == "refused":
        assert located(refused(case), case.stored("problem.json"))
        assert captured is not None, "the CLI refuses it too"
    elif stated["ours"] == "warned":
        assert report(captured, ours.specs(case)) == ""
        warnings = ours.converted(case).warnings
        assert located(warnings, case.stored("problem.json")), "\n".join(map(str, warnings))
    else:
        assert stated["ours"] == "specs"
        assert report(case.stored("ours.json"), ours.specs(case)) == ""
        assert captured != case.stored("ours.json"), "this is no difference"


@pytest.mark.parametrize("case", [case for case in VALID if case.warnings()], ids=name)
def test_what_the_cli_warns_about_we_warn_about(case: Case) -> None:
    paths = " ".join(problem.path for problem in ours.converted(case).warnings)
    missing = [word for word in sorted(warned_words(case.warnings())) if word not in paths]
    assert missing == []


def warned_words(text: str) -> set[str]:
    """The keys that the CLI's warnings are about, as they stand in a document."""
    words = {
        key
        for line in re.findall("Ignoring unsupported options: (.*)", text)
        for key in line.split(", ")
    }
    words |= set(re.findall("^([a-z_]+): ", text, re.MULTILINE))
    words |= {"ports"} if "ignoring IP-address" in text else set()
    words |= {"external"} if ".external.name is deprecated" in text else set()
    return words - {"restart"}  # named by the CLI as ignored, although it is acted on


def test_the_corpus_is_large_enough() -> None:
    assert len(VALID) >= 120
    assert len(INVALID) >= 130


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x" if isinstance(value, str) else "was null"


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of everything that has no parts, empty objects and lists included."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [leaf for key, item in items for leaf in leaves(item, (*path, key))] or [path]


def replaced(value: Any, path: tuple[str | int, ...]) -> Any:
    """A copy of `value` with another value at `path`."""
    result = copy.deepcopy(value)
    parent = result
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = changed(parent[path[-1]])
    return result


def test_the_comparison_sees_a_change_of_any_field() -> None:
    """Control: were the comparison blind somewhere, equality would mean nothing."""
    (case,) = [case for case in VALID if case.name.endswith("everything-one-service")]
    expected = case.stored("expected.json")
    paths = leaves(expected)
    assert len(paths) > 100
    for path in paths:
        assert report(expected, replaced(expected, path)) != "", path


def test_the_comparison_sees_missing_and_additional_parts() -> None:
    assert report({"a": {}}, {}) != ""
    assert report({}, {"a": None}) != ""
    assert report({"a": []}, {"a": None}) != ""
    assert report([1, 2], [2, 1]) != ""
    assert report([1], [1, 1]) != ""
    assert report({"a": 1}, {"a": True}) != ""
    assert report({"a": 0}, {"a": 0.0}) == ""
