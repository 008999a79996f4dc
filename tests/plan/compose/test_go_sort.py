"""The order in which Go leaves equal items, against lists that the real docker/cli sorted."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.plan.compose.go_sort import sorted_as_go

SORTED = json.loads((Path(__file__).parent / "sorted_by_cli.json").read_text())


@pytest.mark.parametrize("case", SORTED, ids=lambda case: f"{len(case['keys'])}-items")
def test_equal_ports_are_where_the_cli_leaves_them(case: dict[str, list[int]]) -> None:
    """`order` are the numbers (from 1) of the given items in the order in which they were sent."""
    items = list(enumerate(case["keys"], start=1))
    assert [number for number, _ in sorted_as_go(items, lambda item: item[1])] == case["order"]


def test_a_stable_sort_would_not_do() -> None:
    stable = [sorted(range(len(c["keys"])), key=c["keys"].__getitem__) for c in SORTED]
    assert any(
        [n + 1 for n in order] != c["order"] for order, c in zip(stable, SORTED, strict=True)
    )


@given(st.lists(st.integers(0, 9), max_size=12))
def test_up_to_twelve_equal_items_keep_their_order(keys: list[int]) -> None:
    items = list(enumerate(keys))
    assert sorted_as_go(items, lambda item: item[1]) == sorted(items, key=lambda item: item[1])


@given(st.lists(st.integers(0, 60), min_size=13, max_size=400))
def test_everything_is_sorted_and_nothing_is_lost(keys: list[int]) -> None:
    items = list(enumerate(keys))
    result = sorted_as_go(items, lambda item: item[1])
    assert sorted(result) == items
    assert [key for _, key in result] == sorted(keys)
