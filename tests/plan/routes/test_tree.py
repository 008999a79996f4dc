"""The tree as a value."""

import pytest

from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    Origin,
    RouteObject,
    RouteTree,
    at,
    names,
    numbered,
    replaced,
)

ROUTER = ObjectId("http", "routers", "Web")


def test_objects_are_equal_whatever_their_origin() -> None:
    one = RouteObject(ROUTER, {"rule": "x"}, Origin("shop", "service shop_web"))
    other = RouteObject(ROUTER, {"rule": "x"})
    assert one == other
    assert RouteTree.of([one]) == RouteTree.of([other])
    assert RouteTree.of([one]) != RouteTree.of([RouteObject(ROUTER, {"rule": "y"})])


def test_a_tree_is_in_the_order_of_its_ids_and_has_each_once() -> None:
    ids = [ObjectId("tcp", "routers", "a"), ROUTER, ObjectId("http", "middlewares", "z")]
    tree = RouteTree.of(RouteObject(each, {}) for each in ids)
    assert [item.id.path for item in tree] == [
        "http/middlewares/z",
        "http/routers/Web",
        "tcp/routers/a",
    ]
    assert [item.id for item in tree.of_kind("http", "routers")] == [ROUTER]
    with pytest.raises(ValueError, match="same id"):
        RouteTree.of([RouteObject(ROUTER, {}), RouteObject(ROUTER, {})])


def test_names_that_traefik_takes_for_one_are_equal_when_folded() -> None:
    assert ObjectId("http", "routers", "wEB").folded == ROUTER.folded
    assert ObjectId("http", "services", "web").folded != ROUTER.folded


@pytest.mark.parametrize(
    ("count", "first", "last"), [(0, [], []), (3, ["0"], ["2"]), (11, ["00"], ["10"])]
)
def test_numbers_sort_as_they_count(count: int, first: list[str], last: list[str]) -> None:
    found = list(numbered([{"n": n} for n in range(count)]))
    assert found == sorted(found)
    assert (found[:1], found[-1:]) == (first, last)


def test_parts_of_a_body() -> None:
    body: Body = {"loadbalancer": {"servers": {"a": {"url": "x"}}}, "middlewares": ("m",)}
    assert at(body, "loadbalancer", "servers", "a", "url") == "x"
    assert at(body, "loadbalancer", "none", "a") is None
    assert names(at(body, "middlewares")) == ("m",)
    assert names(at(body, "none")) == ()
    new = replaced(body, ("loadbalancer", "sticky", "cookie"), {})
    assert at(new, "loadbalancer", "sticky", "cookie") == {}
    assert at(body, "loadbalancer", "sticky") is None


def test_where_something_was_written() -> None:
    origin = Origin("shop", "service shop_web", "service shop_web")
    assert str(origin.at("label x").at("label y")) == "service shop_web, label y"
