"""The parts of the runtime by themselves: the lease, the folders, the observer, the status writer."""

import random

import pytest
import structlog

from desired_state import keys
from desired_state.records import Request, Tombstone
from swarm_operator.observed.errors import Conflict, LeaseLost, Unavailable
from swarm_operator.observed.kv import Fence, KvTree, Put
from swarm_operator.plan.decide import Memories, Planned, plan_desired
from swarm_operator.plan.desired import DesiredStack, DesiredTree, read_tree
from swarm_operator.plan.world import World
from swarm_operator.runtime.backoff import Backoff
from swarm_operator.runtime.folders import DEBOUNCE_S, Folders
from swarm_operator.runtime.inbox import Inbox
from swarm_operator.runtime.lease import Lease
from swarm_operator.runtime.observer import FULL_EVERY_S, Observer
from swarm_operator.runtime.plan_cache import PlanCache
from swarm_operator.runtime.record import StatusWriter
from swarm_operator.simulation.docker_faults import Refused
from tests.cli.fake_kv import FakeKv
from tests.runtime.bench import Bench, one
from tests.runtime.fakes import FakeLock
from tests.simulated_swarm import SimulatedSwarm

TTL_S = 15.0


# --- the lease ------------------------------------------------------------------------------------


class _Holder:
    """One process with its lease."""

    def __init__(self, lock: FakeLock, name: str) -> None:
        self.changes: list[tuple[bool, str]] = []
        self.lease = Lease(
            lock,
            key=keys.LOCK,
            holder=name,
            ttl_s=TTL_S,
            lock_delay_s=1.0,
            on_change=lambda held, why: self.changes.append((held, why)),
        )


@pytest.fixture
def lock() -> FakeLock:
    return FakeLock(FakeKv())


def test_only_one_holds_the_lease(lock: FakeLock) -> None:
    first, second = _Holder(lock, "a"), _Holder(lock, "b")
    first.lease.step(0.0)
    second.lease.step(0.0)
    assert first.lease.fence(1.0) is not None
    assert second.lease.fence(1.0) is None
    first.lease.release()
    assert first.lease.fence(1.0) is None
    second.lease.step(2.0)
    assert second.lease.fence(2.0) is not None
    assert lock.living == [lock.made[1]]


def test_a_lease_that_was_not_renewed_runs_out_by_itself(lock: FakeLock) -> None:
    """Counted from the start of the last renewal that succeeded, whatever Consul thinks."""
    holder = _Holder(lock, "a")
    holder.lease.step(0.0)
    lock.error = Unavailable("Consul is away")
    for now in (5.0, 10.0):
        holder.lease.step(now)
    assert holder.lease.fence(14.9) is not None
    assert holder.lease.fence(15.0) is None
    holder.lease.step(16.0)
    assert holder.changes[-1][0] is False
    lock.error = None
    holder.lease.step(17.0)
    assert holder.lease.fence(17.0) is not None


def test_a_lease_that_ran_out_and_is_renewed_is_a_term_of_its_own(lock: FakeLock) -> None:
    """Who looked in between stands by until told: a renewal that nobody hears of would leave names and
    routes alone for a minute."""
    holder = _Holder(lock, "a")
    holder.lease.step(0.0)
    before = holder.lease.fence(14.9)
    holder.lease.step(15.5)
    assert [held for held, _ in holder.changes] == [True, False, True]
    assert holder.lease.fence(15.5) not in {None, before}
    holder.lease.step(20.0)
    assert len(holder.changes) == 3, "in time, and nothing to tell"


def test_an_expired_session_loses_the_lease_at_once(lock: FakeLock) -> None:
    holder = _Holder(lock, "a")
    holder.lease.step(0.0)
    lock.destroy_session(lock.made[0])
    lock.kv.hold(keys.LOCK)
    holder.lease.step(5.0)
    assert holder.lease.fence(5.0) is None
    assert [held for held, _ in holder.changes] == [True, False]


def test_a_lock_that_another_hand_took_is_noticed(lock: FakeLock) -> None:
    holder = _Holder(lock, "a")
    holder.lease.step(0.0)
    lock.kv.hold(keys.LOCK)
    holder.lease.step(5.0)
    assert holder.lease.fence(5.0) is None
    assert "another hand" in holder.changes[-1][1]


def test_a_writer_whose_fence_did_not_hold_ends_the_lease(lock: FakeLock) -> None:
    holder = _Holder(lock, "a")
    holder.lease.step(0.0)
    holder.lease.lost("the session does not hold the lock")
    assert holder.lease.fence(0.1) is None
    holder.lease.step(1.0)
    assert holder.lease.fence(1.0) is not None, "it is looked at again, and still ours"


def test_the_lease_is_renewed_well_before_it_ends(lock: FakeLock) -> None:
    holder = _Holder(lock, "a")
    now = 0.0
    for _ in range(50):
        due = holder.lease.step(now)
        assert due - now <= TTL_S / 2
        assert holder.lease.remaining_s(due) > 0
        now = due
    assert len(lock.made) == 1


# --- folders --------------------------------------------------------------------------------------


def _tree(kv: FakeKv) -> DesiredTree:
    return read_tree(kv.read(keys.DESIRED))


def test_an_unrelated_write_is_no_change_of_a_folder() -> None:
    kv, folders = FakeKv(), Folders()
    kv.put("desired/stacks/a/compose.yaml", "x")
    assert folders.note(_tree(kv).folders, 0.0) == {"a"}
    kv.put("desired/stacks/b/compose.yaml", "x")
    assert folders.note(_tree(kv).folders, 10.0) == {"b"}
    assert folders.waiting(_tree(kv).folders["a"], 10.0) is None
    waiting = folders.waiting(_tree(kv).folders["b"], 10.0)
    assert waiting is not None
    assert waiting.until == 10.0 + DEBOUNCE_S


def test_a_deleted_file_is_a_change() -> None:
    kv, folders = FakeKv(), Folders()
    kv.put("desired/stacks/a/compose.yaml", "x")
    kv.put("desired/stacks/a/.env", "x")
    folders.note(_tree(kv).folders, 0.0)
    kv.delete("desired/stacks/a/.env")
    assert folders.note(_tree(kv).folders, 10.0) == {"a"}


def test_the_younger_of_tombstone_and_document_wins() -> None:
    kv = FakeKv()
    kv.put("desired/stacks/a/compose.yaml", "x")
    kv.put("desired/removed/a", Tombstone().encode())
    assert _tree(kv).is_removed("a")
    kv.put("desired/stacks/a/compose.yaml", "y")
    assert not _tree(kv).is_removed("a")
    assert _tree(kv).is_back("a")
    kv.delete("desired/stacks/a/compose.yaml")
    assert _tree(kv).is_removed("a")
    assert not _tree(kv).is_back("a")


# --- the observer ---------------------------------------------------------------------------------


def _observer() -> tuple[Observer, SimulatedSwarm]:
    swarm = SimulatedSwarm()
    return Observer(swarm, random.Random(1)), swarm


def test_a_still_swarm_is_read_seldom() -> None:
    observer, swarm = _observer()
    observer.set_moving(moving=False)
    now = 0.0
    while now < 600:
        observer.observe(now)
        now = observer.next_at()
    assert 9 <= swarm.reads <= 11
    assert 100 <= swarm.progress_reads <= 125


def test_a_moving_swarm_is_looked_at_often_and_slows_down_again() -> None:
    observer, swarm = _observer()
    observer.observe(0.0)
    observer.set_moving(moving=True)
    assert observer.next_at() == 0.5
    observer.set_moving(moving=False)
    observer.observe(0.5)
    assert observer.next_at() == 5.5
    assert (swarm.reads, swarm.progress_reads) == (1, 1)


def test_a_burst_of_events_is_one_pass() -> None:
    observer, swarm = _observer()
    observer.observe(0.0)
    for now in (0.01, 0.02, 0.03, 0.04, 0.05):
        observer.mark_dirty()
        observer.observe(now)
    assert swarm.reads == 2
    assert observer.next_at() > 0.05


def test_only_a_full_pass_of_this_moment_is_fresh() -> None:
    """A look at the tasks alone says nothing about whether the lists are complete."""
    observer, _ = _observer()
    observer.observe(0.0)
    assert observer.is_fresh(0.0)
    assert not observer.is_fresh(0.1)
    observer.observe(0.5)
    assert not observer.is_fresh(0.5)
    observer.mark_dirty(at_once=True)
    assert not observer.is_fresh(0.5)
    observer.observe(0.5)
    assert observer.is_fresh(0.5)


def test_a_full_pass_comes_without_any_event() -> None:
    observer, swarm = _observer()
    observer.observe(0.0)
    observer.observe(FULL_EVERY_S * 1.1)
    assert swarm.reads == 2


def test_a_failed_read_keeps_the_old_snapshot_and_is_tried_again() -> None:
    observer, swarm = _observer()
    observer.observe(0.0)
    swarm.wire.always(Refused())
    observer.mark_dirty()
    with pytest.raises(Unavailable):
        observer.observe(1.0)
    swarm.wire.always()
    observer.observe(1.1)
    assert observer.is_fresh(1.1)


# --- the status writer ----------------------------------------------------------------------------


def _writer() -> tuple[StatusWriter, FakeKv, Fence]:
    kv = FakeKv()
    fence = Fence(keys.LOCK, kv.hold(keys.LOCK))
    return StatusWriter(kv, structlog.get_logger()), kv, fence


def _record(who: str) -> Tombstone:
    return Tombstone(who=who)


def test_an_unchanged_status_is_no_write() -> None:
    writer, kv, fence = _writer()
    writer.want("status/a", _record("x"))
    assert writer.flush(fence, 0.0) is None
    writer.want("status/a", _record("x"))
    assert writer.flush(fence, 100.0) is None
    assert len(kv.commits) == 1


def test_large_statuses_are_cut_into_transactions_that_fit() -> None:
    writer, kv, fence = _writer()
    for number in range(20):
        writer.want(f"status/{number}", _record("x" * 60_000))
    assert writer.flush(fence, 0.0) is None
    assert len([key for key in kv.entries if key.startswith("status/")]) == 20
    assert len(kv.commits) > 1


def test_a_status_that_never_fits_holds_up_no_other() -> None:
    writer, kv, fence = _writer()
    writer.want("status/a", _record("x" * 600_000))
    writer.want("status/b", _record("y"))
    with structlog.testing.capture_logs() as logs:
        assert writer.flush(fence, 0.0) is None
        assert writer.flush(fence, 100.0) is None
    assert "status/b" in kv.entries
    assert "status/a" not in kv.entries
    assert [line["keys"] for line in logs] == [["status/a"]], "said once, tried once"


def test_a_status_that_changes_back_in_time_is_no_write() -> None:
    writer, kv, fence = _writer()
    writer.want("status/a", _record("x"))
    writer.flush(fence, 0.0)
    writer.want("status/a", _record("y"))
    assert writer.flush(fence, 0.5) == 1.0
    writer.want("status/a", _record("x"))
    assert writer.flush(fence, 1.0) is None
    assert len(kv.commits) == 1


def test_many_statuses_are_written_in_few_transactions() -> None:
    writer, kv, fence = _writer()
    for number in range(130):
        writer.want(f"status/{number}", _record("x"))
    writer.flush(fence, 0.0)
    assert len(kv.commits) == 3
    assert writer.writes == 130


def test_what_could_not_be_written_stays_wanted() -> None:
    writer, kv, fence = _writer()
    writer.want("status/a", _record("x"))

    def away() -> None:
        raise Unavailable("away")

    kv.before_commit = away
    with pytest.raises(Unavailable):
        writer.flush(fence, 0.0)
    kv.before_commit = lambda: None
    writer.flush(fence, 0.1)
    assert kv.get("status/a") is not None


def test_a_lost_lease_writes_nothing() -> None:
    writer, kv, _ = _writer()
    writer.want("status/a", _record("x"))
    with pytest.raises(LeaseLost):
        writer.flush(Fence(keys.LOCK, "somebody else"), 0.0)
    assert kv.get("status/a") is None


def test_a_status_that_is_gone_is_deleted_once() -> None:
    writer, kv, fence = _writer()
    writer.want("status/a", _record("x"))
    writer.flush(fence, 0.0)
    writer.want_gone("status/a")
    writer.flush(fence, 2.0)
    writer.want_gone("status/a")
    writer.flush(fence, 4.0)
    assert len(kv.commits) == 2
    assert kv.get("status/a") is None


# --- back-off and inbox ---------------------------------------------------------------------------


def test_back_off_doubles_with_jitter_up_to_its_limit() -> None:
    backoff = Backoff(random.Random(1))
    waits = [backoff.failed("a", 0.0) for _ in range(15)]
    for number, wait in enumerate(waits):
        ceiling = min(300.0, 2.0**number)
        assert ceiling / 2 <= wait <= ceiling
    assert len(set(waits)) == len(waits)
    assert backoff.is_due("b", 0.0)
    backoff.reset("a")
    assert backoff.is_due("a", 0.0)
    assert backoff.next_at("a") is None


def test_an_error_of_the_kv_is_over_with_its_next_answer() -> None:
    inbox = Inbox()
    assert inbox.take(0.0).kv_error is not None
    inbox.put_tree(KvTree(1, {}))
    inbox.put_swarm_change()
    wake = inbox.take(0.0)
    assert (wake.kv_error, wake.swarm_changed, wake.tree is not None) == (None, True, True)
    inbox.put_kv_error("away")
    assert inbox.take(0.0).kv_error == "away"
    assert inbox.take(0.0).kv_error == "away", "until the next answer comes"


def test_the_fake_kv_refuses_as_consul_does() -> None:
    """What the cases above stand on."""
    _, kv, fence = _writer()
    with pytest.raises(Conflict):
        kv.commit([Put("a", b"x", index=5)], fence=fence)


# --- the plan cache -------------------------------------------------------------------------------


def _checked_plans(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """From now on every answer of the cache is compared; returns how each comparison ended.

    Nothing is raised here: a stack pass would take it for a defect of that stack, and go on.
    """
    asked: list[bool] = []
    plan, known = PlanCache.plan, PlanCache.nothing_to_do

    def checked(
        cache: PlanCache,
        stack: DesiredStack,
        world: World,
        memories: Memories,
        also_secret: frozenset[str],
    ) -> Planned:
        found = plan(cache, stack, world, memories, also_secret)
        anew = plan_desired(stack, world, memories, also_secret)
        asked.append(found == anew)
        return found

    def checked_knowledge(cache: PlanCache, stack: DesiredStack, world: World) -> Planned | None:
        found = known(cache, stack, world)
        asked.append(found in (None, plan_desired(stack, world, {})))
        return found

    monkeypatch.setattr(PlanCache, "plan", checked)
    monkeypatch.setattr(PlanCache, "nothing_to_do", checked_knowledge)
    return asked


def test_a_cached_plan_is_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens between two looks: what is remembered is what would be planned anew."""
    asked = _checked_plans(monkeypatch)
    bench = Bench()
    rng = random.Random(7)
    for number in range(120):
        match rng.randrange(7):
            case 0:
                bench.push("shop", one(f"image{number}", deploy={"replicas": 2}))
            case 1 if not bench.swarm.is_cut_off and "shop_web" in bench.services:
                bench.swarm.scale("shop_web", rng.randint(1, 5))
            case 2:
                bench.kv.put("desired/requests/redeploy/shop", f"{number}")
            case 3:
                bench.kv.put("desired/requests/pause/shop", Request(reason=str(number)).encode())
            case 4:
                for key in [k for k in bench.kv.entries if k.startswith("desired/requests/pause")]:
                    bench.kv.delete(key)
            case 5:
                bench.swarm.rejoin() if bench.swarm.is_cut_off else bench.swarm.cut_off()
            case _:
                bench.run(rng.choice([1, 20, 70]))
        bench.step(0.5, swarm_changed=rng.random() < 0.5)
    assert len(asked) > 200
    assert all(asked)
