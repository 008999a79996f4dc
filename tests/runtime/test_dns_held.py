"""Stacks that are paused, and documents that wait for `approve`: their names stay bound as they were."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desired_state import keys
from desired_state.records import Request
from swarm_operator.plan.dns.wishes import Wishes
from tests.laws.worlds import Document
from tests.runtime.bench import Bench, one
from tests.runtime.dns_lab import ADDRESSES, ZONE, DnsLab, wish

DNS = {"zone": ZONE, "name": "git"}
WWW = {**DNS, "name": "www"}
SHOP = frozenset({"shop"})


def named(*entries: dict[str, str], sync: object = "auto", **more: object) -> Document:
    service = {"image": "one", "x-operator": {"dns": list(entries)}}
    return {"x-operator": {"sync": sync, **more}, "services": {"web": service}}


def running(document: Document | None = None) -> Bench:
    bench = Bench()
    bench.push("shop", document or named(DNS))
    bench.push("blog", one())
    bench.run(30)
    return bench


def names(bench: Bench) -> list[str]:
    return sorted(each.binding.name for each in bench.wishes[-1].wishes)


def ask(bench: Bench, verb: str, **fields: object) -> None:
    request = Request.model_validate({"who": "ann", "reason": "hands off", **fields})
    bench.kv.put(f"{keys.DESIRED}{keys.request_key(verb, 'shop')}", request.encode())


def resume(bench: Bench) -> None:
    bench.kv.delete(f"{keys.DESIRED}{keys.request_key('pause', 'shop')}")


def approve(bench: Bench) -> None:
    status = bench.status("shop")
    assert status.waiting
    ask(bench, "approve", digest=status.plan, names=list(status.waiting))


# --- documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [named(WWW), named(), named({**DNS, "policy": "sync"})])
def test_while_a_stack_is_paused_its_bindings_stay(after: Document) -> None:
    bench = running()
    before = bench.wishes[-1].wishes
    ask(bench, "pause")
    bench.run(5)
    bench.push("shop", after)
    bench.run(10)
    told = bench.wishes[-1]
    assert told.wishes == before
    assert told.held == {"shop": "the stack is paused by ann: hands off"}
    assert "shop" not in told.evident
    resume(bench)
    bench.run(10)
    told = bench.wishes[-1]
    assert told.wishes != before
    assert (told.held, "shop" in told.evident) == ({}, True)


def test_a_pause_that_ends_by_itself_lets_them_go() -> None:
    bench = running()
    ask(bench, "pause", until=bench.swarm.utc() + timedelta(seconds=60))
    bench.push("shop", named(WWW))
    bench.run(50)
    assert names(bench) == ["git"]
    bench.run(11)
    assert names(bench) == ["www"]


def test_a_document_that_pauses_its_own_stack() -> None:
    bench = running()
    pause = {"until": "2999-01-01T00:00:00Z", "reason": "inventory"}
    bench.push("shop", named(WWW, sync={"paused": pause}))
    bench.run(10)
    assert names(bench) == ["git"]
    assert "inventory" in bench.wishes[-1].held["shop"]
    bench.push("shop", named(WWW))
    bench.run(10)
    assert names(bench) == ["www"]


def test_after_a_take_over_nothing_is_taken_from_a_paused_document() -> None:
    """What its names are bound to is in their statuses."""
    bench = running()
    ask(bench, "pause")
    bench.run(5)
    bench.push("shop", named(WWW))
    bench.take_over()
    bench.run(5)
    told = bench.wishes[-1]
    assert (list(told.wishes), list(told.held), list(told.evident)) == ([], ["shop"], ["blog"])
    resume(bench)
    bench.run(5)
    assert (names(bench), bench.wishes[-1].held) == (["www"], {})


def two(*entries: dict[str, str]) -> Document:
    document = named(*entries, prune="confirm")
    document["services"]["cron"] = {"image": "one"}
    return document


def test_a_document_that_waits_for_approval_changes_no_binding() -> None:
    bench = running(two(DNS))
    bench.push("shop", named(WWW, prune="confirm"))
    bench.run(10)
    assert names(bench) == ["git"]
    assert bench.wishes[-1].held == {"shop": "its document waits for `approve`"}
    bench.take_over()
    bench.run(10)
    assert (names(bench), set(bench.wishes[-1].held)) == ([], {"shop"})
    approve(bench)
    bench.run(10)
    assert (names(bench), bench.wishes[-1].held) == (["www"], {})
    assert "shop_cron" not in bench.services


def test_what_would_wait_does_so_in_observe_mode_too() -> None:
    """Else its bindings would be noted there, and hold when the operator acts again."""
    bench = running(two(DNS))
    bench.mode = "observe"
    bench.take_over()
    bench.run(5)
    assert names(bench) == ["git"]
    bench.push("shop", named(WWW, prune="confirm"))
    bench.run(10)
    assert names(bench) == ["git"]
    assert bench.wishes[-1].held == {"shop": "its document waits for `approve`"}


def test_removing_a_paused_stack_takes_its_bindings_away() -> None:
    bench = running()
    ask(bench, "pause")
    bench.run(5)
    bench.vanish("shop")
    bench.kv.put(f"{keys.DESIRED}{keys.removed_key('shop')}", "{}")
    bench.run(0)
    told = bench.wishes[-1]
    assert (told.wishes, told.held, told.unread) == ((), {}, frozenset())
    assert "shop" in told.evident


def test_a_stack_that_is_only_looked_at_is_told() -> None:
    bench = running()
    bench.push("shop", named(WWW, sync="observe"))
    bench.run(10)
    told = bench.wishes[-1]
    assert (names(bench), told.observed, told.held) == (["www"], SHOP, {})
    bench.edit("shop", "services: [")
    bench.run(10)
    assert bench.wishes[-1].observed == SHOP, "as its last good document says"
    bench.push("shop", named(WWW))
    bench.run(10)
    assert bench.wishes[-1].observed == frozenset()


def test_what_a_held_document_wishes_is_told_beside() -> None:
    bench = running()
    ask(bench, "pause")
    bench.push("shop", named(WWW))
    bench.run(10)
    assert [each.binding.name for each in bench.wishes[-1].waiting] == ["www"]


# --- names ----------------------------------------------------------------------------------------

HELD = {"code": "the stack is paused"}
OTHERS = frozenset({"a", "b"})


def started(**fields: Any) -> DnsLab:
    lab = DnsLab()
    lab.service()
    lab.service("a_web")
    lab.run(5)
    lab.start()
    lab.wish(wish(**fields))
    lab.until(lab.settled)
    return lab


def moved(lab: DnsLab) -> list[str]:
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: bool(lab.hosts()) and lab.hosts() != [gone], 90)
    return lab.where()


def test_a_name_of_a_held_stack_is_followed_after_a_restart_and_changed_after_it() -> None:
    """With the right to delete: the document does not name it any more, and nobody may say so yet."""
    lab = started(policy="sync")
    lab.operators[-1].stop()
    new = wish("www", policy="sync")
    lab._wishes = Wishes((), evident=OTHERS, held=HELD, waiting=(new,))
    lab.start()
    where = moved(lab)
    lab.until(lambda: lab.zones.answers("git") == where, 10)
    assert (lab.zones.answers("www"), lab.state("www")) == ([], "")
    lab.operators[-1].die()
    lab.start()
    lab.run(30)
    assert lab.zones.answers("git") == where
    lab.wish(new)
    lab.until(lambda: lab.zones.answers("www") == where and lab.zones.answers("git") == [], 60)
    lab.until(lambda: lab.state() == "")


def test_a_name_that_goes_to_a_held_stack_is_not_taken_away_in_between() -> None:
    """One transaction takes it out of one document and into another, which is paused."""
    lab = started(policy="sync")
    new = wish(service="a_web", stack="a", policy="sync")
    lab.wish(evident=frozenset({"code"}), held={"a": "the stack is paused"}, waiting=(new,))
    lab.run(20)
    assert lab.zones.answers("git") == lab.where()
    lab.operators[-1].stop()
    lab.start()
    where = moved(lab)
    lab.until(lambda: lab.zones.answers("git") == where, 10)
    lab.wish(new)
    lab.until(lambda: lab.zones.answers("git") == lab.where("a_web"), 60)
    assert lab.zones.count("delete") == 0


@pytest.mark.parametrize("policy", ["upsert", "sync"])
def test_a_name_that_goes_to_another_stack_or_service_has_no_gap(policy: str) -> None:
    lab = started(policy=policy)
    lab.service("code_new")
    lab.run(5)
    lab.zones.calls.clear()
    served: list[list[str]] = []
    lab.zones.after_call = lambda _call: served.append(lab.zones.answers("git"))
    for new in (
        wish(service="a_web", stack="a", policy=policy),  # one transaction, two documents
        wish(service="code_new", policy=policy),
        wish(service="code_gogs", policy=policy),  # a service gets another name
    ):
        lab.wish(new)
        lab.run(20)
        assert lab.status().service == new.service
        assert lab.zones.answers("git") == lab.where(new.service)
        assert lab.settled()
    assert lab.zones.count("delete") == lab.zones.count("post") == 0
    assert all(served)


def test_a_service_that_gets_another_name_and_does_not_run_yet_keeps_the_record() -> None:
    lab = started(policy="sync")
    before = lab.zones.answers("git")
    lab.wish(wish(service="code_new", policy="sync"))
    lab.run(60)
    assert lab.zones.answers("git") == before
    assert lab.state() == "Waiting NoEndpoint"
    lab.service("code_new")
    lab.until(lambda: lab.hosts("code_new") != [])
    lab.until(lambda: lab.zones.answers("git") == lab.where("code_new"), 10)


def test_of_a_stack_that_is_only_looked_at_nothing_is_written() -> None:
    lab = started(policy="sync")
    before = lab.zones.answers("git")
    lab.zones.calls.clear()
    observing = {"observed": frozenset({"code"})}
    lab.wish(wish(policy="sync", ttl=300), wish("www", policy="sync"), **observing)
    lab.until(lambda: lab.state("www") == "Observing")
    where = moved(lab)
    lab.until(lambda: where[0] in lab.status().message, 60)
    assert (lab.state(), lab.state("www")) == ("Observing", "Observing")
    assert lab.status().message == f"git.example.org A would be {where[0]}"
    lab.operators[-1].stop()
    lab._wishes = Wishes((), unread=frozenset({"code"}))  # nobody can say that it is so
    lab.start()
    lab.run(400)
    assert lab.state() == "Observing"
    lab.wish(**observing)  # its document names none any more
    lab.run(60)
    assert (lab.zones.answers("git"), lab.zones.answers("www")) == (before, [])
    assert {call.split()[0] for call in lab.zones.calls} == {"list", "get"}
    lab.wish(wish(policy="sync"))
    lab.until(lambda: lab.zones.answers("git") == where, 60)
    lab.until(lab.settled)
    assert lab.state("www") == ""


def test_who_only_looks_says_what_would_be_and_owes_nothing() -> None:
    """The name servers serve something else for a long time: it is not for us to publish."""
    lab = started(policy="sync")
    lab.operators[-1].stop()
    lab.zones.calls.clear()
    lab.start("observe")
    lab.until(lambda: lab.state() == "Observing", 60)
    where = moved(lab)
    lab.until(lambda: where[0] in lab.status().message, 60)
    lab.zones.served[ZONE] = []
    lab.run(1500)
    assert (lab.state(), lab.status().owed) == ("Observing", False)
    lab.wish()
    lab.run(60)
    assert lab.state() == "Observing"
    assert {call.split()[0] for call in lab.zones.calls} == {"list", "get"}


def test_a_fallback_of_one_family_does_not_leave_the_other_without_a_word() -> None:
    both = {host: [address, f"2001:41d0::{address[-1]}"] for host, address in ADDRESSES.items()}
    lab = started(
        families=["A", "AAAA"], addresses=both, on_empty={"fallback": ["51.75.10.99"]},
        remove_after="1s",
    )  # fmt: skip
    (stays,) = lab.zones.answers("git", type_="AAAA")
    lab.update("code_gogs", lambda spec: {**spec, "Mode": {"Replicated": {"Replicas": 0}}})
    lab.until(lambda: lab.zones.answers("git") == ["51.75.10.99"], 60)
    lab.run(10)
    assert lab.zones.answers("git", type_="AAAA") == [stays], "the policy deletes nothing"
    assert lab.state() == "Waiting NoEndpoint"
    assert f"AAAA {stays} stays" in lab.status().message


def test_the_clock_of_a_pause_is_the_worlds() -> None:
    """`until` of a pause that is over holds nothing."""
    bench = running()
    ask(bench, "pause", until=datetime(2000, 1, 1, tzinfo=UTC))
    bench.push("shop", named(WWW))
    bench.run(10)
    assert (names(bench), bench.wishes[-1].held) == (["www"], {})


def test_wishes_that_say_another_thing_of_held_stacks_are_news() -> None:
    first = Wishes(held={"shop": "paused"})
    assert first != replace(first, held={})
