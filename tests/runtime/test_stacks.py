"""The stack controller in virtual time."""

import functools
import itertools
from datetime import timedelta

import pytest
import structlog

from desired_state import keys
from desired_state.records import Request, Tombstone
from swarm_operator.observed.errors import Conflict, SpecRefused, Unavailable
from swarm_operator.simulation.docker_faults import Refused
from tests.laws.loop import shown
from tests.laws.test_secrets import MARK, canaries
from tests.laws.worlds import Document, bare_service, deployed_by_docker, specs_of
from tests.runtime.bench import DESIRED, Bench, one
from tests.simulated_swarm import FAILS, SimulatedSwarm

WEB = "shop_web"


def running(document: object = None) -> Bench:
    """A bench with the stack `shop` settled."""
    bench = Bench()
    bench.push("shop", document or one())  # type: ignore[arg-type]
    bench.run(30)
    assert bench.status("shop").state == "Ready"
    bench.swarm.calls.clear()
    return bench


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


def test_a_failed_stack_that_is_being_pushed_does_not_spin() -> None:
    """Its next try is due and cannot be done: that is no reason for a hot loop."""
    bench = Bench(swarm=SimulatedSwarm(before=_refuse))
    bench.push("shop", one())
    bench.run(3)
    assert bench.status("shop").state == "Failed"
    bench.kv.put(f"{DESIRED}stacks/shop/.pushing", b"{}")
    assert bench.run(60) < 300


def _refuse(_verb: str, name: str) -> None:
    if name == WEB:
        raise SpecRefused("the engine does not like it")


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


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_conflict_is_planned_anew_at_once() -> None:
    """Another hand was quicker: nothing is waited for."""
    bench = running()
    other_hand = [True]

    def before(verb: str, name: str) -> None:
        if (verb, name) == ("update", WEB) and other_hand:
            other_hand.pop()
            bench.swarm.scale(WEB, 3)

    bench.swarm.before = before
    bench.push("shop", one("two"))
    bench.step()
    assert bench.swarm.calls == []
    assert bench.due <= bench.now
    bench.step()
    assert bench.swarm.calls == [("update", WEB)]
    bench.run(20)
    assert bench.status("shop").state == "Ready"


def test_a_conflict_that_never_ends_is_a_failure_that_is_said() -> None:
    """A node-local network of the name is in no list: without a limit this would be a hot loop."""
    bench = Bench()
    bench.swarm.add_local_network("shop_default")
    bench.push("shop", one())
    assert bench.run(60) < 300
    status = bench.status("shop")
    assert (status.state, "already exists" in status.message) == ("Failed", True)


def test_failures_back_off_and_new_input_resets_them() -> None:
    tries: list[float] = []
    bench = Bench()

    def before(_verb: str, name: str) -> None:
        if name == WEB:
            tries.append(bench.now)
            raise SpecRefused("no")

    bench.swarm.before = before
    bench.push("shop", one())
    bench.run(120)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert 4 <= len(tries) <= 10
    for number, gap in enumerate(gaps[:5]):
        assert 0.5 * 2**number <= gap <= 2**number + 0.1
    assert bench.status("shop").state == "Failed"
    count = len(tries)
    bench.push("shop", one("two"))
    bench.step()
    assert len(tries) == count + 1


def test_an_engine_that_is_away_ends_the_pass() -> None:
    """What comes after would find it away too."""
    bench = Bench()
    seen: list[str] = []

    def before(_verb: str, name: str) -> None:
        seen.append(name)
        raise Unavailable("the engine does not answer")

    bench.swarm.before = before
    bench.push("shop", {"services": {"web": {"image": "x"}, "api": {"image": "x"}}})
    bench.step()
    assert seen == ["shop_default"]


def test_one_broken_stack_does_not_stop_the_others() -> None:
    """Neither an invalid document, nor one that the engine refuses, nor a defect of our own."""
    bench = Bench(swarm=SimulatedSwarm(before=_refuse))
    bench.push("shop", one())
    bench.edit("broken", "services: [")
    bench.push("wiki", one())
    bench.run(10)
    assert "wiki_web" in bench.services
    assert bench.status("wiki").state == "Ready"
    assert bench.status("broken").state == "Invalid"
    assert bench.status("shop").state == "Failed"


def test_a_defect_with_one_stack_does_not_stop_the_others() -> None:
    """An error that nobody expected: it is logged with its trace, and said without its text."""
    bench = Bench()

    def before(_verb: str, name: str) -> None:
        if name == "aaa_web":
            raise KeyError(MARK)

    bench.swarm.before = before
    bench.push("aaa", one())
    bench.push("shop", one())
    with structlog.testing.capture_logs():
        bench.run(10)
    assert bench.status("shop").state == "Ready"
    assert (bench.status("aaa").state, bench.status("aaa").reason) == ("Failed", "Defect")
    assert MARK not in bench.status("aaa").message


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


# --- rejections over a take-over ------------------------------------------------------------------


def test_a_spec_is_noted_before_it_is_sent() -> None:
    bench = running()
    noted: list[str] = []

    def before(verb: str, _name: str) -> None:
        if verb == "update":
            noted.append(bench.memory("shop").services[WEB].sent)

    old = bench.memory("shop").services[WEB].sent
    bench.swarm.before = before
    bench.push("shop", one("two"))
    bench.run(5)
    assert len(noted) == 1
    assert noted[0] != old


def test_a_crash_between_note_and_send_sends_it_again() -> None:
    bench = running()

    def crash(verb: str, _name: str) -> None:
        if verb == "update":
            raise KeyboardInterrupt

    bench.swarm.before = crash
    bench.push("shop", one("two"))
    with pytest.raises(KeyboardInterrupt):
        bench.step()
    bench.swarm.before = lambda _verb, _name: None
    bench.take_over()
    bench.run(20)
    assert bench.swarm.calls == [("update", WEB)]
    assert bench.status("shop").state == "Ready"


def _guarded(image: str) -> Document:
    """Swarm goes back by itself where the image's tasks fail."""
    return one(image, deploy={"update_config": {"failure_action": "rollback"}})


def _roll_back(bench: Bench) -> None:
    """What was sent fails; the engine is let go on until all that follows has followed."""
    bench.swarm.settle()
    service = bench.swarm.snapshot.services_by_name[WEB]
    assert service.update_state == "rollback_completed"
    assert service.labels["com.docker.stack.image"] == "one"


def _rejected() -> Bench:
    """A bench where "two" was sent, and rolled back while nobody looked."""
    bench = running(_guarded("one"))
    bench.swarm.engine.images.scripted["two"] = FAILS
    bench.push("shop", _guarded("two"))
    bench.step()
    _roll_back(bench)
    return bench


def test_a_rejection_is_known_after_a_take_over() -> None:
    """Rolled back while nobody looked: the next holder does not send it again."""
    bench = _rejected()
    bench.take_over()
    bench.run(60)
    bench.take_over()
    bench.run(900)
    assert bench.swarm.calls == [("update", WEB)]
    assert (bench.status("shop").state, bench.status("shop").reason) == ("Degraded", "RolledBack")


def test_retry_sends_a_rejected_spec_once_and_is_taken_away_once() -> None:
    bench = _rejected()
    bench.run(10)
    key = f"{DESIRED}requests/retry/shop"
    bench.kv.put(key, Request(who="ann").encode())
    bench.step()
    assert bench.kv.get(key) is None
    assert bench.swarm.calls == [("update", WEB), ("update", WEB)]
    _roll_back(bench)
    for _ in range(5):  # the KV's next answer is a while away
        bench.step(1, swarm_changed=True, blind=True)
    assert bench.swarm.calls == [("update", WEB), ("update", WEB)]


def test_a_note_that_could_not_be_written_is_no_tug_of_war() -> None:
    """Nothing was sent, so nothing was put back."""
    pair = {"services": {"api": {"image": "one"}, "web": {"image": "one"}}}
    bench = running(pair)
    bench.swarm.scale(WEB, 3)
    bench.push("shop", {"services": {"api": {"image": "two"}, "web": {"image": "one"}}})
    failing = [True]

    def away() -> None:
        if failing:
            failing.pop()
            raise Unavailable("Consul is away")

    bench.kv.before_commit = away
    bench.step(1, swarm_changed=True)
    assert bench.swarm.calls == []
    bench.run(10)
    assert sorted(bench.swarm.calls) == [("update", "shop_api"), ("update", WEB)]


# --- approvals ------------------------------------------------------------------------------------


def _half() -> Bench:
    services = {name: {"image": "one"} for name in ("web", "api", "db")}
    bench = running({"services": services})
    bench.push("shop", one())
    bench.run(5)
    assert bench.services == ["shop_api", "shop_db", WEB]
    assert bench.status("shop").plan
    return bench


def test_an_approved_removal_is_done_and_its_request_taken_away() -> None:
    bench = _half()
    request = Request(who="ann", digest=bench.status("shop").plan)
    bench.kv.put(f"{DESIRED}requests/approve/shop", request.encode())
    bench.run(5)
    assert bench.services == [WEB]
    assert bench.kv.get(f"{DESIRED}requests/approve/shop") is None


def test_an_approval_of_another_plan_is_taken_away_and_nothing_is_done() -> None:
    bench = _half()
    bench.kv.put(f"{DESIRED}requests/approve/shop", Request(digest="0" * 16).encode())
    bench.run(5)
    assert len(bench.services) == 3
    assert bench.kv.get(f"{DESIRED}requests/approve/shop") is None


def test_an_approval_survives_a_doubtful_moment() -> None:
    """What cannot be seen is not taken for done."""
    bench = _half()
    bench.swarm.cut_off()
    request = Request(who="ann", digest=bench.status("shop").plan)
    bench.kv.put(f"{DESIRED}requests/approve/shop", request.encode())
    bench.step(1, swarm_changed=True)
    assert bench.kv.get(f"{DESIRED}requests/approve/shop") is not None
    bench.swarm.rejoin()
    bench.step(1, swarm_changed=True)
    bench.run(5)
    assert bench.services == [WEB]


# --- removal --------------------------------------------------------------------------------------


def test_a_tombstone_removes_a_stack_and_goes() -> None:
    bench = running()
    bench.vanish("shop")
    bench.kv.put(f"{DESIRED}removed/shop", Tombstone(who="ann").encode())
    bench.run(10)
    assert [item.name for item in bench.swarm.snapshot.labelled] == ["ingress"]
    assert bench.kv.get(f"{DESIRED}removed/shop") is None
    bench.run(2)
    assert bench.kv.get(keys.stack_status_key("shop")) is None


def test_what_a_foreign_service_uses_stays_and_the_status_says_who() -> None:
    bench = running()
    network = bench.swarm.snapshot.networks_by_name["shop_default"]
    foreign = bare_service("agent", {})
    foreign["TaskTemplate"]["Networks"] = [{"Target": network.id}]
    bench.swarm.create_service(foreign)
    bench.vanish("shop")
    bench.kv.put(f"{DESIRED}removed/shop", Tombstone(who="ann").encode())
    bench.run(60)
    status = bench.status("shop")
    assert (status.state, status.reason) == ("Blocked", "StillUsed")
    assert "shop_default" in status.message
    assert "agent" in status.message
    bench.swarm.remove_service(bench.swarm.snapshot.services_by_name["agent"].id)
    bench.run(60)
    assert bench.kv.get(f"{DESIRED}removed/shop") is None
    assert bench.kv.get(keys.stack_status_key("shop")) is None


def test_what_our_service_of_another_stack_uses_stays_too() -> None:
    bench = running()
    network = bench.swarm.snapshot.networks_by_name["shop_default"]
    other = {
        "services": {"app": {"image": "one", "networks": ["shared"]}},
        "networks": {"shared": {"external": True, "name": network.name}},
    }
    bench.push("wiki", other)
    bench.run(10)
    bench.vanish("shop")
    bench.kv.put(f"{DESIRED}removed/shop", Tombstone(who="ann").encode())
    bench.run(60)
    status = bench.status("shop")
    assert status.reason == "StillUsed"
    assert "wiki_app, of stack wiki" in status.message


def test_a_document_younger_than_the_tombstone_wins() -> None:
    bench = running()
    bench.kv.put(f"{DESIRED}removed/shop", Tombstone(who="ann").encode())
    bench.push("shop", one("two"))
    bench.run(10)
    assert bench.services == [WEB]
    assert bench.kv.get(f"{DESIRED}removed/shop") is None


def test_an_older_document_does_not_come_back_after_the_removal() -> None:
    """The tombstone stays as long as the document that it outlived."""
    bench = running()
    bench.kv.put(f"{DESIRED}removed/shop", Tombstone(who="ann").encode())
    bench.run(60)
    assert bench.services == []
    assert bench.kv.get(f"{DESIRED}removed/shop") is not None
    assert bench.status("shop").reason == "DocumentOutlived"
    commits = len(bench.kv.commits)
    bench.run(600)
    assert len(bench.kv.commits) == commits
    bench.push("shop", one("two"))
    bench.run(10)
    assert bench.services == [WEB]


def test_nothing_is_removed_on_the_word_of_an_old_snapshot() -> None:
    """A removal stands on a full pass of the same moment, never on a look at tasks alone."""
    bench = running()
    bench.run(7)
    bench.push("shop", {"services": {"api": {"image": "one"}}})
    bench.wait_until(bench.due)  # a look at the tasks alone is due just now
    reads, progress = bench.swarm.reads, bench.swarm.progress_reads
    while ("remove", WEB) not in bench.swarm.calls:
        reads, progress = bench.swarm.reads, bench.swarm.progress_reads
        bench.step()
    assert (bench.swarm.reads - reads, bench.swarm.progress_reads - progress) == (1, 0)


def test_a_vanished_folder_is_missing_and_no_more() -> None:
    bench = running()
    bench.vanish("shop")
    bench.run(7200)
    assert bench.services == [WEB]
    assert bench.status("shop").state == "Missing"


def test_the_grace_time_goes_on_over_a_take_over() -> None:
    bench = running()
    bench.kv.put(f"{DESIRED}policy", "prune_stacks: auto\ngrace: 1h\n")
    bench.vanish("shop")
    bench.run(1800)
    bench.take_over()
    bench.run(1700)
    assert bench.services == [WEB]
    bench.run(200)
    assert bench.services == []


def test_the_grace_time_begins_anew_when_the_folder_was_back() -> None:
    """Also where another holder saw it back while we stood by."""
    bench = running()
    bench.kv.put(f"{DESIRED}policy", "prune_stacks: auto\ngrace: 1h\n")
    bench.vanish("shop")
    bench.run(3000)
    first, lease = bench.controller, bench.lease
    lease.gone = True
    bench.step()
    bench.take_over()
    bench.push("shop", one())
    bench.run(60)
    bench.vanish("shop")
    bench.run(60)
    fence = bench.lease.fence_
    bench.controller, bench.lease = first, lease
    lease.gone, lease.fence_ = False, fence
    bench._shown_index = 0
    bench.run(1800)
    assert bench.services == [WEB]


# --- the sentinel ---------------------------------------------------------------------------------


def test_the_sentinel_is_made_on_a_virgin_swarm_only() -> None:
    bench = Bench(sentinel=False)
    bench.push("shop", one())
    bench.run(5)
    assert bench.kv.get(f"{DESIRED}.installation") is not None
    assert bench.services == [WEB]


def test_a_wiped_kv_never_acts() -> None:
    """Nor does the next process, nor one that starts with the wiped KV."""
    bench = running()
    for key in [key for key in bench.kv.entries if key != keys.LOCK]:
        bench.kv.delete(key)
    bench.run(3600)
    bench.take_over()
    bench.push("wiki", one())
    bench.run(3600)
    assert bench.services == [WEB]
    assert bench.swarm.calls == []
    assert bench.kv.get(f"{DESIRED}.installation") is None
    assert "init --recover" in " ".join(bench.controller.situation.incomplete)


def test_no_sentinel_is_made_while_the_swarm_is_in_doubt() -> None:
    bench = Bench(sentinel=False)
    bench.swarm.cut_off()
    bench.run(60)
    assert bench.kv.get(f"{DESIRED}.installation") is None
    bench.swarm.rejoin()
    bench.run(60)
    assert bench.kv.get(f"{DESIRED}.installation") is not None


def test_a_kv_that_cannot_be_read_holds_everything() -> None:
    bench = running()
    bench.push("shop", one("two"))
    bench.kv_error = "Consul does not answer"
    bench.run(60)
    assert bench.swarm.calls == []
    bench.kv_error = None
    bench.run(5)
    assert bench.swarm.calls == [("update", WEB)]


def test_a_swarm_that_cannot_be_read_is_said_and_survived() -> None:
    bench = running()
    bench.push("shop", one("two"))
    bench.swarm.wire.always(Refused())
    with structlog.testing.capture_logs() as logs:
        bench.step(120)
    error = bench.controller.situation.swarm_error
    assert error
    assert error in str(logs)
    assert "the simulated swarm" in error
    bench.swarm.wire.always()
    bench.run(310)
    assert bench.swarm.calls == [("update", WEB)]


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


# --- crash anywhere -------------------------------------------------------------------------------


def _before() -> Document:
    return {
        "services": {
            "api": {"image": "a:1", "networks": ["back"], "secrets": ["pw"], "ports": ["80:80"]},
            "web": {"image": "w:1", "configs": ["page"]},
            "old": {"image": "o:1"},
        },
        "networks": {"back": {}},
        "configs": {"page": {"content": "one"}},
        "secrets": {"pw": {"content": "one"}},
    }


def _after() -> Document:
    return {
        "services": {
            "api": {"image": "a:2", "networks": ["front"], "secrets": ["pw"], "ports": ["81:80"]},
            "web": {"image": "w:1", "configs": ["page"], "ports": ["80:80"]},
            "new": {"image": "n:1"},
        },
        "networks": {"front": {}},
        "configs": {"page": {"content": "two"}},
        "secrets": {"pw": {"content": "two"}},
    }


@functools.cache
def _undisturbed() -> dict[str, object]:
    """What is shown in the end where nobody dies."""
    bench = running(_before())
    bench.push("shop", _after())
    bench.run(60)
    return shown(bench.swarm)


class _Killed(BaseException):
    """The process is gone, whatever would catch an error."""


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("number", range(24))
def test_crash_at_any_write_end_the_same(number: int, late: bool) -> None:
    """Killed at the n-th write to the swarm or the KV, before or right after it was done."""
    bench = running(_before())
    left = [number]

    def count(*_call: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise _Killed

    bench.push("shop", _after())
    if late:
        bench.swarm.after = count
    else:
        bench.swarm.before = count
        bench.kv.before_commit = count
    try:
        bench.run(60)
    except _Killed:
        bench.take_over()
    left[0] = -1  # one death is enough
    bench.run(60)
    assert shown(bench.swarm) == _undisturbed()
    assert bench.status("shop").state == "Ready"
    calls = [call for call in bench.swarm.calls if call[0] != "remove"]
    assert len(calls) == len(set(calls)), "nothing is written twice"


def test_an_approved_removal_that_was_interrupted_is_finished() -> None:
    """The first of three approved removals was done when the process was killed."""
    names = ("web", "api", "db", "old")
    bench = running({"services": {name: {"image": "one"} for name in names}})
    bench.push("shop", one())
    bench.run(5)
    status = bench.status("shop")
    request = Request(who="ann", digest=status.plan, names=status.waiting)
    bench.kv.put(f"{DESIRED}requests/approve/shop", request.encode())

    def kill(_verb: str, _name: str) -> None:
        raise _Killed

    bench.swarm.after = kill
    with pytest.raises(_Killed):
        bench.run(5)
    bench.swarm.after = lambda _verb, _name: None
    bench.take_over()
    bench.run(30)
    assert bench.services == [WEB]


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
