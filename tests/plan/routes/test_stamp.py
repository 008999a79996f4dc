"""The stamp: a digest that can be carried on, and read back from Traefik's API."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.stamp import Content, generation_in, stamp_key, stamp_object
from swarm_operator.simulation.traefik import api
from swarm_operator.simulation.traefik.runtime import Applied
from tests.plan.routes.trees import LAW

KEYS = st.dictionaries(st.text("abc/", max_size=4), st.binary(max_size=3), max_size=6)


@LAW
@given(KEYS, KEYS)
def test_a_digest_is_the_same_whatever_the_way(
    first: dict[str, bytes], then: dict[str, bytes]
) -> None:
    content = Content.of(first)
    for key, value in first.items():
        content = content.without_key(key, value)
    for key, value in then.items():
        content = content.with_key(key, value)
    assert content.generation == Content.of(then).generation
    assert (content.generation == Content.of(first).generation) == (first == then)


def test_where_a_key_ends_and_its_value_begins_counts() -> None:
    assert Content.of({"a": b"bc"}).generation != Content.of({"ab": b"c"}).generation


def test_it_is_read_back_from_the_api() -> None:
    decoded = decode({stamp_key("swarm"): b"abc123"})
    assert decoded.faults == ()
    path = f"/api/http/middlewares/{stamp_object('swarm').name}@consul"
    answer = api.answer(Applied.of(decoded.tree), "3.7.15", path)
    assert generation_in(answer) == "abc123"


def test_other_answers_have_none() -> None:
    answers: tuple[Any, ...] = (
        None,
        [],
        {},
        {"headers": None},
        {"headers": {"customResponseHeaders": {"X": "y"}}},
    )
    assert [generation_in(answer) for answer in answers] == [None] * 5
