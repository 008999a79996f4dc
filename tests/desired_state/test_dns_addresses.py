"""Addresses that a binding names are checked when its document is read, with the line of each."""

import pytest

from tests.desired_state.stacks import refusals

HEAD = """services:
  web:
    image: a
    x-operator:
      dns:
        zone: example.org
        name: git
"""


def refused(tail: str) -> list[str]:
    """What is wrong with a binding that ends so; its own lines begin with the eighth."""
    return refusals(f"{HEAD}{tail}")


@pytest.mark.parametrize("absurd", ["0.0.0.0", "224.0.0.1", "127.0.0.1", "169.254.1.1", "ff02::1"])
@pytest.mark.parametrize("is_private_allowed", [True, False])
@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("        addresses:\n          node1:\n          - 51.75.10.1\n          - ", 11),
        ("        on_empty:\n          fallback:\n          - 51.75.10.1\n          - ", 11),
        ("        addresses:\n          node1: ", 9),
    ],
)
def test_an_address_that_no_node_has_is_refused_at_its_line(
    absurd: str, before: str, line: int, is_private_allowed: bool
) -> None:
    more = "        allow_private: true\n" if is_private_allowed else ""
    (problem,) = refused(f"{before}'{absurd}'\n{more}")
    assert problem.startswith(f"compose.yaml:{line}:")
    assert absurd in problem
    assert "is no address of a node; remove it" in problem


@pytest.mark.parametrize("private", ["10.1.2.3", "192.168.1.1", "100.64.0.1", "fd00::1"])
@pytest.mark.parametrize("before", ["addresses: {node1: ", "on_empty: {fallback: "])
def test_a_private_address_is_taken_only_where_it_is_allowed(private: str, before: str) -> None:
    text = f"        {before}'{private}'}}\n"
    (problem,) = refused(text)
    assert problem.startswith("compose.yaml:8:")
    assert f"{private} cannot be reached from the internet" in problem
    assert "allow_private: true" in problem
    assert refused(f"{text}        allow_private: true\n") == []


def test_every_address_that_is_refused_is_told_at_once() -> None:
    found = refused("        addresses: {a: 10.0.0.1, b: [0.0.0.0, 51.75.10.1], c: 51.75.10.2}\n")
    assert len(found) == 2
