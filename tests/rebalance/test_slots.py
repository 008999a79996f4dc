"""Which of a service's slots serve."""

import pytest

from swarm_operator.plan.rebalance.slots import slots_of
from tests.rebalance.worlds import node, service, tasks


@pytest.mark.parametrize(("pid", "serves"), [(None, True), (4711, True), (0, False)])
def test_a_task_without_a_process_serves_nobody(pid: int | None, serves: bool) -> None:
    """Shown for a moment of a container that was stopped because it never became healthy."""
    found = slots_of(tasks(service("web", 1), ["n1"], pid=pid), {"n1": node("n1")})
    assert bool(found.serving) == serves
