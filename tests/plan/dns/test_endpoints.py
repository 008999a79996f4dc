"""Which nodes run a service: what a manager shows under each fault, and what follows from it."""

from dataclasses import replace

import pytest

from swarm_operator.observed.swarm import Node, Swarm, Task
from swarm_operator.plan.dns.endpoints import endpoints, is_moving, untrusted
from tests.plan.dns.worlds import MANAGERS, WORKERS, node, service, swarm, task

OLD = task("old", "node1")
NEW = task("new", "node2", at="07:32:00")


def with_node(changed: Node) -> tuple[Node, ...]:
    return tuple(changed if one.id == changed.id else one for one in WORKERS)


CASES: dict[str, tuple[list[Task], tuple[Node, ...], list[str]]] = {
    "it runs": ([OLD], WORKERS, ["node1"]),
    "the node lost its power, nobody noticed yet": ([OLD], WORKERS, ["node1"]),
    "the node is down, the new task waits": (
        [
            replace(OLD, desired_state="shutdown"),
            replace(NEW, desired_state="ready", state="ready"),
        ],
        with_node(node("node1", state="down")),
        [],
    ),
    "the node is down, the new task runs": (
        [replace(OLD, desired_state="shutdown"), NEW],
        with_node(node("node1", state="down")),
        ["node2"],
    ),
    "a node that is down though its task is still wished": (
        [OLD],
        with_node(node("node1", state="down")),
        [],
    ),
    "the cut node is back, its old container still runs": (
        [replace(OLD, desired_state="shutdown"), NEW],
        WORKERS,
        ["node2"],
    ),
    "paused": ([OLD], with_node(node("node1", availability="pause")), ["node1"]),
    "drained: not wished any more": (
        [
            replace(OLD, desired_state="shutdown"),
            replace(NEW, desired_state="ready", state="ready"),
        ],
        with_node(node("node1", availability="drain")),
        [],
    ),
    "removed node": ([replace(OLD, node_id="gone")], WORKERS, []),
    "orphaned task": (
        [replace(OLD, node_id="gone", desired_state="shutdown", state="orphaned"), NEW],
        WORKERS,
        ["node2"],
    ),
    "stop-first: the gap": (
        [
            replace(OLD, desired_state="shutdown"),
            replace(NEW, desired_state="ready", state="assigned"),
        ],
        WORKERS,
        [],
    ),
    "start-first: the new one has no node yet": (
        [OLD, replace(NEW, node_id=None, state="pending")],
        WORKERS,
        ["node1"],
    ),
    "start-first: the new one is not healthy yet": (
        [OLD, replace(NEW, state="starting")],
        WORKERS,
        ["node1"],
    ),
    "start-first: the new one never was healthy, and has ended": (
        [replace(OLD, pid=435), replace(NEW, pid=0)],
        WORKERS,
        ["node1"],
    ),
    "it never was healthy, and has ended": ([replace(OLD, pid=0)], WORKERS, []),
    "it runs, and its process is told": ([replace(OLD, pid=435)], WORKERS, ["node1"]),
    "start-first: both run for a moment": ([OLD, NEW], WORKERS, ["node2"]),
    "start-first: both run, listed the other way round": ([NEW, OLD], WORKERS, ["node2"]),
    "a fraction of a second decides who is newer": (
        [task("b", "node2", at="07:31:17.5"), task("a", "node1", at="07:31:17")],
        WORKERS,
        ["node2"],
    ),
    "it failed": ([replace(OLD, desired_state="shutdown", state="failed")], WORKERS, []),
    "bad image": ([replace(OLD, desired_state="ready", state="rejected")], WORKERS, []),
    "no node suits": ([replace(OLD, node_id=None, state="pending")], WORKERS, []),
    "scaled to 0": ([replace(OLD, desired_state="remove")], WORKERS, []),
    "a new leader knows no node yet": (
        [OLD],
        tuple(replace(one, state="unknown") for one in WORKERS),
        ["node1"],
    ),
    "three replicas": (
        [task("c", "node3", slot=3), task("a", "node1", slot=1), task("b", "node2", slot=2)],
        WORKERS,
        ["node1", "node2", "node3"],
    ),
    "global, one drained": (
        [
            task("a", "node1", slot=None),
            task("b", "node2", slot=None, wished="shutdown"),
            task("c", "node3", slot=None),
        ],
        WORKERS,
        ["node1", "node3"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_task_nodes(case: str) -> None:
    tasks, nodes, wanted = CASES[case]
    found = endpoints(service(), swarm(tasks, nodes), "task-nodes")
    assert [one.node.id for one in found] == wanted


def test_ready_nodes_are_those_that_take_tasks() -> None:
    nodes = (
        node("node1"),
        node("node2", state="down"),
        node("node3", availability="drain"),
        node("node4", availability="pause"),
        node("node5", state="unknown"),
    )
    found = endpoints(service(), swarm([], nodes, ()), "ready-nodes")
    assert [one.node.id for one in found] == ["node1", "node5"]


def managers(*reachable: str) -> tuple[Node, ...]:
    return tuple(
        replace(one, reachability=state) for one, state in zip(MANAGERS, reachable, strict=False)
    )


@pytest.mark.parametrize(
    ("seen", "trusted"),
    [
        (managers("reachable", "reachable", "reachable"), True),
        (managers("reachable", "reachable", "unreachable"), True),
        (managers("reachable", "unreachable", "unreachable"), False),
        (managers("reachable", "unreachable"), False),
        (managers("reachable"), True),
        ((), False),
    ],
)
def test_a_manager_without_the_majority_is_no_evidence(
    seen: tuple[Node, ...], trusted: bool
) -> None:
    assert (untrusted(swarm([OLD], WORKERS, seen)) is None) == trusted


def test_a_read_in_part_is_no_evidence() -> None:
    view = untrusted(replace(swarm([OLD]), incomplete=("tasks",)))
    assert view is not None
    assert "tasks" in view.why


@pytest.mark.parametrize(
    ("tasks", "moving"),
    [
        ([OLD], False),
        ([], True),
        ([OLD, replace(NEW, state="starting")], True),
        ([replace(OLD, slot=None), replace(NEW, slot=None, pid=0)], True),
        ([replace(OLD, desired_state="shutdown")], True),
        ([OLD, replace(NEW, desired_state="shutdown", state="failed")], False),
    ],
)
def test_it_is_looked_at_often_while_something_is_to_come(tasks: list[Task], moving: bool) -> None:
    assert is_moving(service(), swarm(tasks)) == moving


def test_it_is_looked_at_often_while_it_is_updated() -> None:
    view: Swarm = swarm([OLD])
    assert is_moving(service(update_state="updating"), view)
    assert not is_moving(service(update_state="completed"), view)
