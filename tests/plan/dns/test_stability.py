"""When a name follows: at once, later where it flaps, never away from a node that serves."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.plan.dns.endpoints import Endpoint
from swarm_operator.plan.dns.stability import Choice, Followed, choose
from tests.plan.dns.worlds import WORKERS, binding

NODES = {one.id: one for one in WORKERS}


def on(*names: str) -> list[Endpoint]:
    return [Endpoint(NODES[name], f"task on {name}") for name in names]


def names(choice: Choice) -> list[str]:
    return [node.id for node in choice.nodes]


def follow(
    looks: Sequence[tuple[float, Sequence[Endpoint]]], before: Followed | None = None, **fields: Any
) -> tuple[Choice, Followed]:
    """The last choice after a series of looks, each with its moment."""
    memory = before or Followed()
    for now, found in looks:
        choice, memory = choose(binding(**fields), found, memory, now)
    return choice, memory


def test_it_follows_at_once() -> None:
    choice, _ = follow([(0, on("node1")), (10, on("node2"))])
    assert (names(choice), choice.state, choice.due) == (["node2"], "Following", None)


def test_it_stays_while_nothing_runs() -> None:
    choice, _ = follow([(0, on("node1")), (10, []), (500, [])])
    assert (names(choice), choice.state, choice.is_empty) == (["node1"], "NoEndpoint", False)


def test_it_stays_where_it_is_while_that_serves() -> None:
    choice, _ = follow([(0, on("node2")), (10, on("node1", "node2"))])
    assert names(choice) == ["node2"]


def test_a_task_must_have_run_as_long_as_the_binding_says() -> None:
    early, memory = follow(
        [(0, on("node1")), (10, on("node1")), (20, on("node2"))], stable_for="15s"
    )
    assert (names(early), early.state, early.due) == ([], "Damped", 35)
    late, _ = follow([(35, on("node2"))], memory, stable_for="15s")
    assert (names(late), late.state) == (["node2"], "Following")


def test_a_name_that_flaps_is_damped_until_a_task_has_run_for_half_a_minute() -> None:
    memory = Followed(nodes=(NODES["node1"],), changes=(0.0, 100.0, 200.0))
    damped, seen = follow([(300, on("node2"))], memory)
    assert (names(damped), damped.state, damped.due) == (["node1"], "Damped", 330)
    assert names(follow([(330, on("node2"))], seen)[0]) == ["node2"]
    assert names(follow([(300, on("node2"))], memory, stable_for="0s")[0]) == ["node2"]
    assert names(follow([(700, on("node2"))], memory)[0]) == ["node2"]


def test_many_are_added_at_once_and_taken_away_late() -> None:
    three = [(0.0, on("node1", "node2"))]
    both: dict[str, Any] = {"cardinality": "many"}
    choice, memory = follow([*three, (10, on("node2", "node3"))], **both)
    assert names(choice) == ["node2", "node3", "node1"]
    assert choice.due == 40
    later, _ = follow([(40, on("node2", "node3"))], memory, **both)
    assert names(later) == ["node2", "node3"]


def test_no_more_than_the_binding_says() -> None:
    choice, _ = follow([(0, on("node1", "node2", "node3"))], cardinality="many", max_values=2)
    assert names(choice) == ["node1", "node2"]


def test_what_is_to_be_done_while_empty_is_done_late() -> None:
    fields: dict[str, Any] = {"on_empty": {"fallback": "51.75.10.9"}}
    early, memory = follow([(0, on("node1")), (10, [])], **fields)
    assert (early.is_empty, early.due) == (False, 40)
    assert follow([(40, [])], memory, **fields)[0].is_empty


found = st.lists(st.sampled_from(sorted(NODES)), max_size=3, unique=True).map(lambda ids: on(*ids))


@given(st.lists(found, min_size=1, max_size=12), st.sampled_from(["one", "many"]))
def test_it_points_at_a_node_that_serves_or_stays(
    looks: list[list[Endpoint]], cardinality: str
) -> None:
    memory = Followed()
    for moment, seen in enumerate(looks):
        before = memory.nodes
        choice, memory = choose(binding(cardinality=cardinality), seen, memory, float(moment))
        serving = {one.node.id for one in seen}
        if serving:
            assert serving & set(names(choice))
        else:
            assert choice.nodes == before
        again, same = choose(binding(cardinality=cardinality), seen, memory, float(moment))
        assert (again, same) == (choice, memory)
        assert len(choice.nodes) <= (1 if cardinality == "one" else 8)
