"""Lists are read element by element, and what stood there before is not decoded again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.clients.json_list import ListReader
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.json import JsonObject

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just('}, {"ID": "'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ID", "b"]), inner)
    ),
    max_leaves=8,
)
_LISTS = st.lists(st.fixed_dictionaries({"ID": st.text(max_size=3), "Spec": _VALUES}), max_size=5)
_STYLES = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")])


class _Counting:
    """Makes a new object of every element that it is given."""

    def __init__(self) -> None:
        self.made: list[JsonObject] = []

    def __call__(self, raw: JsonObject) -> JsonObject:
        self.made.append(raw)
        return raw


@given(
    answers=st.lists(_LISTS, min_size=1, max_size=4), style=_STYLES, end=st.sampled_from(["", "\n"])
)
def test_it_reads_what_json_says(answers: list[Any], style: tuple[str, str], end: str) -> None:
    reader = ListReader(lambda raw: raw)
    for answer in answers:
        body = (json.dumps(answer, separators=style) + end).encode()
        assert list(reader.read_bytes(body)) == answer


def _body(*objects: JsonObject) -> bytes:
    return json.dumps(objects, separators=(",", ":")).encode()


A, B, C = ({"ID": name, "Slots": [{"ID": "x"}, {"ID": "y"}]} for name in "abc")
PLAIN_A, PLAIN_B, PLAIN_C = ({"ID": name, "Spec": {"Name": name}} for name in "abc")


def test_what_stood_there_before_is_the_same_object() -> None:
    made = _Counting()
    reader = ListReader(made)
    before = reader.read_bytes(_body(PLAIN_A, PLAIN_B))
    after = reader.read_bytes(_body(PLAIN_C, PLAIN_B))
    assert before[1] is after[1]
    assert [raw["ID"] for raw in made.made] == ["a", "b", "c"]


def test_an_object_inside_that_looks_like_an_element_is_no_element() -> None:
    reader = ListReader(lambda raw: raw)
    assert reader.read_bytes(_body(A, B, C)) == (A, B, C)


def test_an_element_that_stands_twice_is_there_twice() -> None:
    assert ListReader(lambda raw: raw).read_bytes(_body(PLAIN_A, PLAIN_A)) == (PLAIN_A, PLAIN_A)


def test_a_part_of_the_list_does_not_make_the_rest_forgotten() -> None:
    made = _Counting()
    reader = ListReader(made)
    reader.read_bytes(_body(PLAIN_A, PLAIN_B))
    reader.read_bytes(_body(PLAIN_C), whole=False)
    reader.read_bytes(_body(PLAIN_A, PLAIN_B, PLAIN_C))
    assert len(made.made) == 3


def test_what_is_not_listed_any_more_is_forgotten() -> None:
    made = _Counting()
    reader = ListReader(made)
    for body in (_body(PLAIN_A), _body(PLAIN_B), _body(PLAIN_A)):
        reader.read_bytes(body)
    assert len(made.made) == 3


@pytest.mark.parametrize("body", [b"null", b"[]", b"[]\n", b" null\n"])
def test_an_empty_list(body: bytes) -> None:
    assert ListReader(lambda raw: raw).read_bytes(body) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'"text"',
        b"[1]",
        b'[{"ID":"a"},1]',
        b'[{"ID":"a"},{"ID":"b"}',
        b'[{"ID":"a"},{"ID":"b"',
        b'[{"ID":"a"},{"ID":]',
        b'[{"ID":"a"}{"ID":"b"}]',
        b'[{"ID":"a"},,{"ID":"b"}]',
        b'[{"ID":"a"}]]',
        b'[{"ID":"a"}]}]',
        b'[{"ID":"\xff"}]',
    ],
)
def test_what_is_no_list_of_objects_is_refused(body: bytes) -> None:
    with pytest.raises(Unavailable):
        ListReader(lambda raw: raw).read_bytes(body)
