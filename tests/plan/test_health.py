"""The verdict on a service, where the files of cases do not reach."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from swarm_operator.observed.swarm import Node, Service, Task
from swarm_operator.plan.health import ServiceState, service_health

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
NODE = Node("n1", 1, "worker-1", "worker", "active", "ready", "10.0.0.1", {})
WEB = Service("s", 1, "web", {"Mode": {"Replicated": {"Replicas": 1}}})


def task(name: str, *, made: str, said: str, state: str, slot: int = 1) -> Task:
    desired = "running" if state == "running" else "shutdown"
    return Task(
        name, "s", "n1", slot, desired, state,
        error="task: non-zero exit (255)" if state == "failed" else "",
        created_at=f"2026-01-01T{made}Z", timestamp=f"2026-01-01T{said}Z",
    )  # fmt: skip


RUNNING = task("new", made="11:50:00", said="11:50:05", state="running")


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        pytest.param(
            task("lost", made="11:00:00", said="11:59:58", state="failed"),
            ServiceState.READY,
            id="its node was away, and Swarm had given it up",
        ),
        pytest.param(
            task("young", made="11:59:00", said="11:59:58", state="failed"),
            ServiceState.DEGRADED,
            id="younger than the one that runs: an update's new task",
        ),
        pytest.param(
            task("crashed", made="11:00:00", said="11:50:00", state="failed"),
            ServiceState.READY,
            id="long ago",
        ),
        pytest.param(
            task("other", made="11:00:00", said="11:59:58", state="failed", slot=2),
            ServiceState.DEGRADED,
            id="of another slot",
        ),
    ],
)
def test_a_failure_counts_for_a_while(failed: Task, expected: ServiceState) -> None:
    health = service_health(WEB, [failed, RUNNING], {"n1": NODE}, NOW)
    assert health.state is expected
    assert health.running == 1


def test_a_crash_counts_although_its_successor_runs() -> None:
    crashed = task("crashed", made="11:00:00", said="11:59:57", state="failed")
    successor = task("successor", made="11:59:57.3", said="11:59:58", state="running")
    health = service_health(WEB, [crashed, successor], {"n1": NODE}, NOW)
    assert health.state is ServiceState.DEGRADED


def test_a_task_that_was_stopped_before_it_was_healthy_does_not_run() -> None:
    """On its way to its end it is reported running for a moment, without a process."""
    stopped = replace(RUNNING, pid=0)
    assert service_health(WEB, [stopped], {"n1": NODE}, NOW).state is not ServiceState.READY
    alive = replace(RUNNING, pid=435)
    assert service_health(WEB, [alive], {"n1": NODE}, NOW).state is ServiceState.READY
