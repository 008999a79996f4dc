"""What is removed, by approval or tombstone, and what stays."""

from desired_state import keys
from desired_state.records import Request, Tombstone
from tests.laws.worlds import bare_service
from tests.runtime.bench import DESIRED, WEB, Bench, one, running

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
