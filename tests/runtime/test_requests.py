"""What is remembered of wishes that were taken away."""

from dataclasses import replace

from desired_state import keys
from desired_state.records import Request
from swarm_operator.observed.kv import Fence
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import DesiredTree
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.world import World
from swarm_operator.runtime.requests import Requests
from tests.cli.fake_kv import FakeKv
from tests.runtime.fakes import FakeLock

RETRY = keys.RequestKey("retry", "shop")


def world(desired: DesiredTree) -> World:
    return World(desired, Swarm("c1"), Owner("i1", b"k"), "act")


def test_what_was_taken_is_forgotten_once_the_kv_shows_it_no_more() -> None:
    """Until then it is not acted on a second time, however often a stale answer shows it."""
    kv = FakeKv()
    lock = FakeLock(kv)
    session = lock.create_session("test", 15, 1)
    assert lock.acquire(keys.LOCK, session, b"{}")
    fence = Fence(keys.LOCK, session)
    acted: list[str] = []
    requests = Requests(kv)
    wished = DesiredTree(index=1, requests={RETRY: (Request(who="ann"), 7)})
    for _ in range(3):
        requests.take_retries(wished, fence, lambda stack, _service: acted.append(stack))
        requests.drop_finished(world(wished), {}, fence)
    assert acted == ["shop"]
    assert requests._taken == {("requests/retry/shop", 7)}
    requests.drop_finished(world(replace(wished, requests={})), {}, fence)
    assert requests._taken == set()
