"""A tiny service of our own on which a directed move is tried: what moves rest on is how SwarmKit
behaves, and no contract says that the next version will.

Its image is the operator's, which is at hand wherever the operator runs as a service, so that nothing
is pulled and nobody's program runs twice; it sleeps.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from desired_state.rebalance_policy import RebalancePolicy
from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from swarm_operator.plan.ownership import PREFIX, SELF_LABEL, Owner
from swarm_operator.plan.rebalance import steps
from swarm_operator.plan.rebalance.closed import Closed
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.objective import Change
from swarm_operator.plan.rebalance.placement import FAILED, counts
from swarm_operator.plan.rebalance.wishes import image_name, image_of

NAME: Final = "swarm-operator-self-test"
LABEL: Final = f"{PREFIX}self-test"
_SECOND_NS: Final = 10**9
TRY_AGAIN: Final = timedelta(days=1)
"""After a test that failed, or for which nothing was at hand: what failed may have been the day's."""
_OWN_IMAGE: Final = "swarm-operator"


def engine_version(swarm: Swarm) -> str:
    """Of the leader: its orchestrator and scheduler decide what becomes of a move."""
    return next((node.engine_version for node in swarm.nodes if node.is_leader), "")


def is_wanted(
    memory: RebalanceStatus, policy: RebalancePolicy, swarm: Swarm, utc: datetime
) -> bool:
    """Whether moves have to be tried before the first real one."""
    known = memory.self_tests.get(engine_version(swarm))
    is_open = known is None or (known.result != "passed" and utc - known.when >= TRY_AGAIN)
    return policy.self_test and is_open


def why_unproven(
    memory: RebalanceStatus, policy: RebalancePolicy, swarm: Swarm, utc: datetime
) -> Closed | None:
    """Why nothing is moved on this engine; None where moves work, were not tried, or are to be tried
    once more."""
    known = memory.self_tests.get(engine_version(swarm)) if policy.self_test else None
    if known is None or known.result != "failed" or utc - known.when >= TRY_AGAIN:
        return None
    return Closed(
        f"moves failed their self-test on engine {engine_version(swarm)} ({known.message}): they are "
        "recommended only",
        known.when + TRY_AGAIN,
    )


def image(swarm: Swarm) -> str | None:
    """Of the operator's own service; None where it runs otherwise."""
    for service in swarm.services:
        if service.labels.get(SELF_LABEL) == "true" and image_name(service) == _OWN_IMAGE:
            return image_of(service)
    return None


def candidates(swarm: Swarm) -> Sequence[Node]:
    """Nodes to try it on: managers, which have the image, where there are two or more."""
    ready = [n for n in swarm.nodes if n.state == "ready" and n.availability == "active"]
    managers = [node for node in ready if node.role == "manager"]
    return managers if len(managers) > 1 else ready


def spec(swarm: Swarm, owner: Owner, image_: str) -> JsonObject:
    """Two replicas where a third node is free for one of them, else one."""
    nodes = candidates(swarm)
    only_managers = all(node.role == "manager" for node in nodes)
    return {
        "Name": NAME,
        "Labels": {**owner.labels(), LABEL: "true"},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": image_,
                "Command": ["sleep"],
                "Args": ["600"],
                "Healthcheck": {"Test": ["NONE"]},
                "StopGracePeriod": _SECOND_NS,
            },
            "Placement": {"Constraints": ["node.role==manager"]} if only_managers else {},
            "RestartPolicy": {"Condition": "any", "Delay": _SECOND_NS},
        },
        "Mode": {"Replicated": {"Replicas": 2 if len(nodes) > 2 else 1}},
    }


def move(service: Service, swarm: Swarm) -> Move | None:
    """One of its tasks to a node without one; None while not all of them run."""
    tasks = running(service, swarm)
    if len(tasks) != service.spec["Mode"]["Replicated"]["Replicas"]:
        return None
    used = {task.node_id for task in tasks}
    free = sorted(node.id for node in candidates(swarm) if node.id not in used)
    if not free:
        return None
    source = min(task.node_id or "" for task in tasks)
    return Move(
        service.id, service.name, source, free[0], How.DIRECTED, Change(), frozenset({free[0]})
    )


def running(service: Service, swarm: Swarm) -> list[Task]:
    tasks = swarm.tasks_by_service.get(service.id, ())
    return [task for task in tasks if counts(task) and task.is_running]


def why_inconclusive(
    service: Service, swarm: Swarm, before: frozenset[str], report: str
) -> str | None:
    """Why a move that did not go well says nothing about the engine; None where it does.

    `before` are the candidates' ids when it began, `report` is what became of it.
    """
    if any(task.state in FAILED for task in swarm.tasks_by_service.get(service.id, ())):
        return "its tasks cannot run on every node"
    if report.startswith(steps.LATE):
        return "its tasks do not come up soon enough"
    if {node.id for node in candidates(swarm)} != before:
        return "nodes came or went meanwhile"
    return None
