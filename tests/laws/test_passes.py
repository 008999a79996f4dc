"""Whole passes of the controller: what it may conclude from one look, and what it may not."""

from collections.abc import Callable

import pytest

from desired_state.policy import Policy
from desired_state.records import Pushing
from swarm_operator.clients.docker_lists import with_some_anew
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import DesiredTree, FolderVersion
from swarm_operator.plan.missing import missing_stacks
from swarm_operator.runtime.folders import Folders
from tests.laws.loop import converged
from tests.laws.worlds import INSTALLATION, OWNER, specs_of
from tests.runtime.bench import Bench, one
from tests.simulated_swarm import SimulatedSwarm

WEB = "shop_web"
PAIR = {"services": {"web": {"image": "one"}, "api": {"image": "one"}}}


@pytest.mark.parametrize("text", ["services: [", "services: {web: {image: 7}}", "42", ""])
def test_an_unusable_document_leaves_its_stack_as_it_is(text: str) -> None:
    """Whatever is wrong with it: it was not read whole, so nothing is absent from it."""
    bench = Bench()
    bench.push("shop", PAIR)
    bench.run(30)
    bench.swarm.calls.clear()
    bench.edit("shop", text)
    bench.run(600)
    assert bench.swarm.calls == []
    assert bench.status("shop").state == "Invalid"


PLACED = converged(SimulatedSwarm(), specs_of(PAIR)).snapshot


@pytest.mark.parametrize("since", [tenth / 10 for tenth in range(1000, 1020)])
def test_an_appointment_is_due_when_its_time_has_come(since: float) -> None:
    """Sums of floats are inexact: who then says "not yet, but now" keeps the loop spinning."""
    folder = FolderVersion("shop", {}, pushing=Pushing())
    folders = Folders()
    folders.note({"shop": folder}, since)
    waiting = folders.waiting(folder, since)
    assert waiting is not None
    later = folders.waiting(folder, waiting.until)
    assert later is not None
    assert later.until > waiting.until

    desired = DesiredTree(installation=INSTALLATION, policy=Policy(prune_stacks="auto"))
    (first,) = missing_stacks(desired, PLACED, OWNER, {"shop": since}, since)
    assert first.removable_at is not None
    (again,) = missing_stacks(desired, PLACED, OWNER, {"shop": since}, first.removable_at)
    assert again.removable


def test_a_look_at_a_service_that_is_gone_is_no_look() -> None:
    """What it says of the others is no whole picture: everything is read then."""
    ids = frozenset(service.id for service in PLACED.services)
    managers = [node for node in PLACED.nodes if node.reachability is not None]
    seen = with_some_anew(PLACED, ids, PLACED.services, PLACED.tasks, managers)
    assert seen is not None
    assert with_some_anew(PLACED, ids, PLACED.services[1:], PLACED.tasks, managers) is None
    assert with_some_anew(PLACED, ids, PLACED.services, PLACED.tasks, managers[1:]) is None


class _QuickHand(SimulatedSwarm):
    """Another hand that acts right after each look of the operator at the swarm."""

    def __init__(self) -> None:
        super().__init__()
        self.act: Callable[[], None] = lambda: None

    def read(self) -> Swarm:
        seen = super().read()
        self.act()
        return seen


@pytest.mark.parametrize("replicas", [3, 0])
def test_what_was_not_seen_is_not_overwritten(replicas: int) -> None:
    """An update is refused where the service moved since the look that it was planned from."""
    swarm = _QuickHand()
    bench = Bench(swarm=swarm)
    bench.push("shop", one())
    bench.run(30)
    swarm.calls.clear()

    def scale() -> None:
        swarm.act = lambda: None
        swarm.scale(WEB, replicas)

    swarm.act = scale
    bench.push("shop", one("two"))
    bench.step(1, swarm_changed=True)
    assert swarm.calls == []
    bench.step()
    assert swarm.calls == [("update", WEB)]
