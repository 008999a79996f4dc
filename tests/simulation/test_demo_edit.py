"""`demo edit` changes one value of a document, and nothing else of its text."""

import difflib
from pathlib import Path

import pytest

from swarm_operator.cli.demo.edit import CannotEdit, replaced

DOCUMENT = """\
# é € ü: not only ASCII before the place
services:
  web:   # the face
    image: "nginx:1"   # stays
    deploy: {replicas: 2, labels: {a: b}}
  db:
    image: postgres:16
    deploy:
      replicas: ${REPLICAS:-1}
"""


def changed(text: str, new: str) -> list[str]:
    lines = difflib.unified_diff(text.splitlines(), new.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[0] in "+-" and line[:3] not in {"+++", "---"}]


def test_one_value_is_replaced_and_the_rest_stays() -> None:
    before, new = replaced(DOCUMENT, "web", ("image",), "nginx:2")
    assert before == "nginx:1"
    assert changed(DOCUMENT, new) == [
        '-    image: "nginx:1"   # stays',
        "+    image: nginx:2   # stays",
    ]


@pytest.mark.parametrize(
    ("service", "before", "line"),
    [
        ("web", "2", "+    deploy: {replicas: 7, labels: {a: b}}"),
        ("db", "${REPLICAS:-1}", "+      replicas: 7"),
    ],
)
def test_below_in_either_style(service: str, before: str, line: str) -> None:
    found, new = replaced(DOCUMENT, service, ("deploy", "replicas"), "7")
    assert found == before
    assert changed(DOCUMENT, new)[1] == line


@pytest.mark.parametrize(
    ("service", "path", "text"),
    [
        ("wbe", ("image",), "there is no service wbe; did you mean web?"),
        (None, ("image",), "say which --service: web, db"),
        ("db", ("deploy", "mode"), "the document says no deploy.mode for db"),
        ("web", ("deploy",), "deploy of web is no plain value"),
    ],
)
def test_what_has_no_place_is_said(service: str | None, path: tuple[str, ...], text: str) -> None:
    with pytest.raises(CannotEdit) as refused:
        replaced(DOCUMENT, service, path, "x")
    assert str(refused.value) == text


def test_a_document_without_services() -> None:
    with pytest.raises(CannotEdit, match="no services"):
        replaced("version: '3'\n", None, ("image",), "x")


def test_the_only_service_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {one: {image: a}}")
    assert replaced(path.read_text(), None, ("image",), "b")[1] == "services: {one: {image: b}}"
