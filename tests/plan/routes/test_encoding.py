"""tree → keys → tree is the identity: nothing gets lost, nothing is invented."""

import pytest
from hypothesis import given

from swarm_operator.plan.routes.check import problems
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.encoding import encode, encode_object
from swarm_operator.plan.routes.tree import ObjectId, RouteObject, RouteTree, Value
from tests.plan.routes.trees import LAW, NEWEST, objects, trees


@LAW
@given(trees())
def test_what_is_written_is_read_back(tree: RouteTree) -> None:
    decoded = decode(encode(tree), NEWEST)
    assert decoded.faults == ()
    assert decoded.tree == tree


@LAW
@given(objects())
def test_objects_of_these_laws_have_no_problems(item: RouteObject) -> None:
    assert problems(item, NEWEST) == ()


@LAW
@given(objects((3, 0, 0)))
def test_an_object_for_an_old_traefik_is_read_by_a_newer_one(item: RouteObject) -> None:
    keys = encode_object(item)
    assert decode(keys, (3, 0, 0)).faults == ()
    assert decode(keys, NEWEST) == decode(keys, (3, 0, 0))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"middlewares": ("a,b",), "rule": "x"}, id="comma in an element"),
        pytest.param({"middlewares": (), "rule": "x"}, id="empty list"),
        pytest.param({"observability": {}, "rule": "x"}, id="empty struct"),
    ],
)
def test_what_the_kv_cannot_say_would_come_back_different(body: dict[str, Value]) -> None:
    """The control: what `problems` refuses is not a whim."""
    tree = RouteTree.of([RouteObject(ObjectId("http", "routers", "r"), body)])
    assert decode(encode(tree), NEWEST).tree != tree or decode(encode(tree), NEWEST).faults
    assert any(problems(item, NEWEST) for item in tree)


def test_an_object_that_says_nothing_is_no_key() -> None:
    with pytest.raises(ValueError, match="no fields"):
        encode_object(RouteObject(ObjectId("http", "routers", "r"), {}))
