"""The stack controller in virtual time."""

import itertools
from datetime import timedelta

import pytest
import structlog

from desired_state import keys
from desired_state.records import Request
from swarm_operator.observed.errors import Conflict, SpecRefused, Unavailable
from tests.laws.test_secrets import MARK, canaries
from tests.laws.worlds import deployed_by_docker, specs_of
from tests.runtime.bench import DESIRED, WEB, Bench, one, running

# --- when a folder is acted on --------------------------------------------------------------------


def test_a_pushed_folder_is_acted_on_at_once() -> None:
    bench = Bench()
    bench.step()
    bench.push("shop", one())
    bench.step()
    assert ("create", WEB) in bench.swarm.calls


def test_an_edited_folder_is_debounced() -> None:
    """250 ms after the last key stroke, not after the first."""
    bench = Bench()
    bench.step()
    bench.edit("shop", one("a"))
    bench.step()
    bench.edit("shop", one("b"))
    bench.step(0.2)
    bench.step(0.2)
    assert bench.swarm.calls == []
    assert bench.due <= bench.now + 0.05 + 1e-9
    bench.step(0.05)
    spec = bench.swarm.snapshot.services_by_name[WEB].spec
    assert spec["Labels"]["com.docker.stack.image"] == "b"


def test_what_lay_there_before_the_start_is_not_debounced() -> None:
    bench = Bench()
    bench.edit("shop", one())
    bench.step()
    assert ("create", WEB) in bench.swarm.calls


def test_a_folder_being_pushed_waits_and_warns() -> None:
    bench = Bench()
    bench.step()
    bench.kv.put(f"{DESIRED}stacks/shop/.pushing", b"{}")
    bench.edit("shop", one())
    bench.run(59)
    assert bench.swarm.calls == []
    assert bench.kv.get(keys.stack_status_key("shop")) is None
    bench.run(6)
    assert bench.status("shop").reason == "PushUnfinished"
    assert bench.swarm.calls == []
    bench.kv.delete(f"{DESIRED}stacks/shop/.pushing")
    bench.run(1)
    assert ("create", WEB) in bench.swarm.calls


# --- writes and no writes -------------------------------------------------------------------------


def test_an_unchanged_world_gets_no_write_at_all() -> None:
    """Also about a stack that is not well, and so is judged anew at each look."""
    bench = running()
    bench.edit("broken", "services: [")
    bench.run(30)
    assert bench.status("broken").state == "Invalid"
    commits, index = len(bench.kv.commits), bench.swarm.index
    bench.run(1800)
    assert bench.swarm.calls == []
    assert len(bench.kv.commits) == commits
    assert bench.swarm.index == index


def test_one_changed_service_is_one_write() -> None:
    pair = {"services": {"web": {"image": "one"}, "api": {"image": "one"}}}
    bench = running(pair)
    bench.push("shop", {"services": {"web": {"image": "two"}, "api": {"image": "one"}}})
    bench.run(30)
    assert bench.swarm.calls == [("update", WEB)]


def test_status_is_written_at_most_once_a_second_and_only_when_it_changed() -> None:
    bench = running()
    written: list[float] = []
    before = bench.kv.commits.copy()
    for number in range(40):
        bench.push("shop", one(f"image{number}"))
        bench.step(0.1)
        bench.step()
        new = bench.kv.commits[len(before) :]
        before = bench.kv.commits.copy()
        if any(getattr(o, "key", "") == keys.stack_status_key("shop") for c in new for o in c):
            written.append(bench.now)
    assert len(written) >= 2
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(written))


def test_observe_mode_writes_nothing_to_the_swarm() -> None:
    bench = Bench(mode="observe")
    bench.push("shop", one())
    bench.run(60)
    assert bench.swarm.calls == []
    assert bench.status("shop").state == "Held"


# --- one hand -------------------------------------------------------------------------------------


def test_the_lease_lost_between_two_actions_stops() -> None:
    bench = Bench()

    def after(_verb: str, name: str) -> None:
        if name == "shop_default":
            bench.lease.gone = True

    bench.swarm.after = after
    bench.push("shop", one())
    bench.run(30)
    assert bench.swarm.calls == [("create", "shop_default")]
    assert bench.lease.told


def test_a_fence_that_does_not_hold_stops_at_the_first_kv_write() -> None:
    """Another process holds the lock by now: a spec that could not be noted is not sent."""
    bench = running()
    bench.kv.hold(keys.LOCK)
    bench.push("shop", one("two"))
    bench.step()
    assert bench.swarm.calls == []
    assert bench.lease.told


def test_a_standby_writes_nothing() -> None:
    bench = Bench()
    bench.lease.gone = True
    bench.push("shop", one())
    bench.run(60)
    assert bench.swarm.calls == []
    assert bench.kv.entries.keys() & {keys.OPERATOR_STATUS} == set()


# --- adoption -------------------------------------------------------------------------------------


def test_a_running_stack_is_adopted_without_a_restart() -> None:
    document = {
        "services": {"web": {"image": "one", "secrets": ["pw"], "ports": ["80:80"]}},
        "secrets": {"pw": {"content": "hello"}},
    }
    bench = Bench()
    digest = "@sha256:" + "ab" * 32
    tasks = deployed_by_docker(bench.swarm, specs_of(document), digest=digest).running
    bench.push("shop", document)
    bench.run(30)
    assert bench.swarm.calls == [("update", WEB)]
    assert bench.swarm.running == tasks
    assert bench.status("shop").state == "Ready"


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [SpecRefused, Conflict, Unavailable])
def test_no_secret_byte_in_log_or_status(error: type[Exception]) -> None:
    """Whatever the engine says: it may quote what it was sent."""
    bench = Bench()

    def before(_verb: str, name: str) -> None:
        if name == WEB:
            raise error(f"invalid environment A={MARK}-environment-old")

    with structlog.testing.capture_logs() as logs:
        for round_ in ("old", "new"):
            document, files = canaries(round_)
            bench.edit("shop", document, {path: data.decode() for path, data in files.items()})
            bench.swarm.before = before if round_ == "old" else lambda _verb, _name: None
            bench.run(30)
            bench.swarm.before = lambda _verb, _name: None
            bench.edit("shop", one(), {path: data.decode() for path, data in files.items()})
            bench.run(5)
            bench.edit("shop", document, {path: data.decode() for path, data in files.items()})
            bench.run(60)
    assert any(line["event"] == "acted" for line in logs)
    assert MARK not in str(logs)
    for commit in bench.kv.commits:
        for operation in commit:
            if getattr(operation, "key", "").startswith(keys.STATUS):
                assert MARK.encode() not in getattr(operation, "value", b"")


# --- other wishes ---------------------------------------------------------------------------------


def test_a_redeploy_is_done_exactly_once() -> None:
    bench = running()
    bench.kv.put(f"{DESIRED}requests/redeploy/shop", Request(who="ann").encode())
    bench.step()
    for _ in range(5):  # the KV's next answer is a while away
        bench.step(1, swarm_changed=True, blind=True)
    bench.run(10)
    bench.take_over()
    bench.run(10)
    assert bench.swarm.calls == [("update", WEB)]
    assert bench.kv.get(f"{DESIRED}requests/redeploy/shop") is None
    bench.kv.put(f"{DESIRED}requests/redeploy/shop/web", Request(who="ann").encode())
    bench.run(10)
    assert bench.swarm.calls == [("update", WEB)] * 2


def test_a_redeploy_ends_although_a_service_stays_that_is_in_no_document() -> None:
    """What only stays because prune is off is not restarted, and not waited for."""
    bench = running({"services": {"web": {"image": "one"}, "db": {"image": "one"}}})
    bench.push("shop", {**one(), "x-operator": {"prune": "off"}})
    bench.run(10)
    assert bench.services == ["shop_db", WEB]
    bench.kv.put(f"{DESIRED}requests/redeploy/shop", Request(who="ann").encode())
    bench.run(10)
    assert bench.swarm.calls == [("update", WEB)]
    assert bench.kv.get(f"{DESIRED}requests/redeploy/shop") is None


def test_a_service_that_is_born_after_the_wish_is_not_restarted() -> None:
    bench = running()
    bench.kv.put(f"{DESIRED}requests/redeploy/shop", Request(who="ann").encode())
    bench.push("shop", {"services": {"web": {"image": "one"}, "api": {"image": "one"}}})
    bench.run(10)
    assert bench.swarm.calls == [("create", "shop_api"), ("update", WEB)]
    assert bench.kv.get(f"{DESIRED}requests/redeploy/shop") is None


def test_a_pause_holds_until_its_time_and_is_taken_away() -> None:
    bench = running()
    until = bench.swarm.utc() + timedelta(seconds=100)
    bench.kv.put(f"{DESIRED}requests/pause/shop", Request(until=until, reason="a fair").encode())
    bench.push("shop", one("two"))
    bench.run(90)
    assert bench.swarm.calls == []
    assert bench.status("shop").state == "Paused"
    bench.run(20)
    assert bench.swarm.calls == [("update", WEB)]
    assert bench.kv.get(f"{DESIRED}requests/pause/shop") is None
