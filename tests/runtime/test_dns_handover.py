"""The end of a process at any call to the provider, two processes at once, and how much is asked."""

from typing import Any

import pytest

from swarm_operator.observed.errors import Unavailable
from swarm_operator.plan.dns.wishes import Wishes
from tests.runtime.dns_lab import ADDRESSES, OTHER_ZONE, ZONE, DnsLab, wish
from tests.runtime.turns import Died

TTL_S, LOCK_DELAY_S = 10, 1


def started(**fields: Any) -> DnsLab:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish(**fields))
    return lab


def dies_after(lab: DnsLab, kind: str) -> None:
    """The process ends when the provider has done a call of this kind, before it hears of it."""

    def end(call: str) -> None:
        if call == kind and lab.operators[0].alive:
            lab.operators[0].die()
            raise Died

    lab.zones.after_call = end


@pytest.mark.parametrize("kind", ["list", "post", "publish"])
def test_killed_in_the_middle_the_next_one_finishes(kind: str) -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.run(2)
    lab.start()
    dies_after(lab, kind)
    lab.wish(wish())
    lab.until(lambda: not lab.operators[0].alive)
    took_s = lab.until(lambda: lab.zones.answers("git") == lab.where(), 60)
    assert took_s <= 2 * TTL_S + LOCK_DELAY_S + 1
    lab.until(lab.settled)
    assert not lab.status().owed
    assert lab.zones.values("git") == lab.where()


def test_what_is_owed_is_published_before_documents_are_read() -> None:
    lab = started()
    dies_after(lab, "post")
    lab.until(lambda: not lab.operators[0].alive)
    assert lab.status().owed
    lab._wishes = None
    lab.start()
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 60)


def test_a_next_process_writes_nothing_that_stands() -> None:
    lab = started()
    lab.until(lab.settled)
    lab.zones.calls.clear()
    lab.operators[0].stop()
    lab.start()
    lab.run(20)
    assert lab.settled()
    assert lab.zones.calls == []


def test_a_next_process_does_not_leave_a_node_that_still_runs_it() -> None:
    lab = DnsLab()
    lab.service(replicas=2)
    lab.run(5)
    lab.start()
    lab.wish(wish())
    lab.until(lab.settled)
    gone = next(host for host in lab.hosts() if [ADDRESSES[host]] == lab.zones.answers("git"))
    lab.world.engine.kill_node(gone)
    lab.until(lambda: len(lab.hosts()) == 2 and gone not in lab.hosts(), 60)
    lab.run(5)
    before = lab.zones.answers("git")
    lab.zones.calls.clear()
    for _ in range(3):
        lab.operators[-1].stop()
        lab.start()
        lab.run(10)
    assert lab.zones.answers("git") == before
    assert lab.zones.calls == []


def test_of_two_processes_one_writes() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.start()
    lab.wish(wish(), wish("www"))
    lab.until(lambda: lab.settled() and lab.settled("www"))
    assert lab.zones.values("git") == lab.zones.values("www") == lab.where()
    assert lab.zones.count("post") == 2


def test_whose_lease_is_lost_in_the_middle_sends_nothing_more() -> None:
    lab = DnsLab()
    lab.service(replicas=3)
    lab.run(5)
    lab.start()

    def lose(call: str) -> None:
        if call == "post":
            lab.operators[0].lease.lost("a test")

    lab.zones.after_call = lose
    lab.wish(wish(cardinality="many"))
    lab.until(lambda: lab.zones.count("post") == 1)
    lab.zones.after_call = lambda _call: None
    lab.until(lambda: lab.zones.answers("git") == sorted(ADDRESSES.values()), 30)
    assert lab.zones.values("git") == sorted(ADDRESSES.values())


def test_a_failed_part_is_not_published_and_read_again() -> None:
    lab = DnsLab()
    lab.service(replicas=3)
    lab.run(5)
    lab.start()
    lab.zones.faults.append(("post", Unavailable("status 500"), False))
    lab.wish(wish(cardinality="many"))
    lab.until(lambda: lab.zones.answers("git") == sorted(ADDRESSES.values()))
    assert lab.zones.values("git") == sorted(ADDRESSES.values())
    assert lab.zones.count("publish") == 1


def test_after_a_failure_nothing_more_of_the_zone_is_sent_before_it_is_read_again() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.zones.faults.append(("post", Unavailable("status 500"), True))
    lab.wish(wish("a"), wish("b"))
    lab.until(lambda: lab.settled("a") and lab.settled("b"))
    kinds = [call.split()[0] for call in lab.zones.calls]
    first = kinds.index("post")
    assert kinds[first + 1] == "list"
    assert (kinds.count("post"), kinds.count("publish")) == (2, 1)
    assert lab.zones.values("a") == lab.zones.values("b") == lab.where()


def test_a_kv_that_fails_before_the_write_ahead_lets_nothing_be_sent() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    process = lab.start()
    lab.run(2)
    inner, failing = process.kv.commit, [True]

    def commit(operations, *, fence=None):  # type: ignore[no-untyped-def]
        if failing:
            raise Unavailable("no answer in time")
        inner(operations, fence=fence)

    process.kv.commit = commit  # type: ignore[method-assign]
    lab.wish(wish(), wish("www"), wish(zone=OTHER_ZONE))
    lab.run(20)
    assert lab.zones.count("list") > 0
    assert lab.zones.count("post") == 0
    failing.clear()
    lab.until(lambda: lab.settled() and lab.settled("www"), 20)
    lab.until(lambda: lab.state(zone=OTHER_ZONE) == "InSync", 20)


def test_a_steady_hour() -> None:
    lab = started()
    lab.until(lab.settled)
    lab.run(60)
    lab.zones.calls.clear()
    commits, turns = len(lab.operators[0].kv.commits), lab.turns
    lab.run(3600)
    assert 10 <= lab.zones.count("list") <= 12
    assert len(lab.zones.calls) == 2 * lab.zones.count("list")
    assert lab.zones.count("put") + lab.zones.count("publish") + lab.zones.count("post") == 0
    assert len(lab.operators[0].kv.commits) == commits
    assert lab.turns - turns < 6000


def test_the_budget_of_an_account_is_kept_and_changes_go_first() -> None:
    lab = DnsLab()
    names = [f"n{number:02d}" for number in range(40)]
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(*(wish(name) for name in names))
    began, calls = lab.timeline.now, lab.zones.calls
    for _ in range(10):
        lab.run(60)
        minutes = (lab.timeline.now - began) / 60
        assert len(calls) <= 40 + 40 * minutes + 40
    lab.until(lambda: all(lab.zones.answers(name) for name in names), 3600)


def test_a_zone_is_changed_so_often_and_no_more() -> None:
    lab = started(stable_for="0s")
    lab.until(lab.settled)
    lab.zones.calls.clear()
    for number in range(70):
        address = f"51.75.{40 + number}.1"
        lab.wish(wish(addresses=dict.fromkeys(ADDRESSES, address)))
        lab.run(20)
    assert lab.zones.count("put") == 59
    lab.until(lambda: lab.state() == "Waiting TooManyChanges")
    lab.until(lambda: lab.zones.answers("git") == ["51.75.109.1"], 3700)


def test_many_changes_at_once_wait_for_one_more_read() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    process = lab.start()
    names = ("a", "b", "c", "d")
    lab.wish(*(wish(name) for name in names))
    lab.until(lambda: all(lab.settled(name) for name in names))
    reads = []
    inner = process.swarm.read

    def read():  # type: ignore[no-untyped-def]
        reads.append(lab.timeline.now)
        return inner()

    process.swarm.read = read  # type: ignore[method-assign]
    before = lab.zones.count("put")
    lab.wish(*(wish(name, addresses=dict.fromkeys(ADDRESSES, "51.75.99.1")) for name in names))
    lab.until(lambda: lab.zones.count("put") == before + 4, 5)
    assert len(reads) == 1
    first = wish("a", addresses=ADDRESSES)
    rest = (wish(name, addresses=dict.fromkeys(ADDRESSES, "51.75.99.1")) for name in names[1:])
    lab.wish(first, *rest)
    lab.until(lambda: lab.zones.count("put") == before + 5, 5)
    assert len(reads) == 1


def test_one_publication_for_all_names_of_a_zone() -> None:
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    names = ("a", "b", "c")
    lab.wish(*(wish(name) for name in names), wish("a", zone=OTHER_ZONE))
    lab.until(lambda: all(lab.settled(name) for name in names))
    assert lab.zones.calls.count(f"publish {ZONE}") == 1


def test_wishes_of_an_earlier_term_take_nothing_away() -> None:
    """Who leads again has not read the documents yet; another one led, and a name was added."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    first = lab.start()
    first.wishes._term = lambda: first.lease.fence(first.clock.monotonic())
    lab.until(lambda: first.lease.fence(first.clock.monotonic()) is not None)
    lab.wish(wish(policy="sync"))
    lab.until(lab.settled)
    second = lab.start()
    first.lease.release()
    lab.until(lambda: second.lease.fence(second.clock.monotonic()) is not None)
    both = (wish(policy="sync"), wish("www", policy="sync"))
    second.wishes.put(Wishes(both, evident=frozenset({"code"})))
    lab.until(lambda: lab.settled("www"))
    second.stop()
    lab.until(lambda: first.lease.fence(first.clock.monotonic()) is not None)
    lab.run(30)
    assert lab.zones.answers("www") == lab.where()
    assert lab.settled("www")
