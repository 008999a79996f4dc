"""What is said of names before anything is done."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desired_state.dns_forms import Family
from desired_state.dns_records import DnsStatus, RrsetStatus
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.dns.outlook import Outlook
from swarm_operator.plan.dns.wishes import BindingId, Wish, Wishes
from tests.plan.dns.worlds import SERVICE, binding, node, task

UTC_NOW = datetime(2026, 11, 22, tzinfo=UTC)
GIT = BindingId("example.org", "git")
MAP = {"w1": "51.75.10.1", "w2": "51.75.10.2"}
OF_ALL = frozenset({"code", "shop"})


def swarm(host: str | None = "w2", *, reachable: bool = True) -> Swarm:
    """A service whose task runs on one of two workers, or nowhere."""
    nodes = (
        node("m1", reachability="reachable" if reachable else "unreachable"),
        *(node(each, address="10.0.0.9") for each in MAP),
    )
    running = replace(task("t", host), timestamp="2026-11-21T23:00:00Z")
    service = Service(id=SERVICE, version=1, name="code_gogs", spec={})
    return Swarm(cluster_id="c", nodes=nodes, services=(service,), tasks=(running,) if host else ())


def wish(service: str = "code_gogs", **fields: Any) -> Wish:
    values = {"addresses": MAP, **fields}
    return Wish(service.partition("_")[0], service, binding(**values))


def noted(*values: str, **fields: Any) -> dict[BindingId, DnsStatus]:
    status = DnsStatus.model_validate(
        {"stack": "code", "service": "code_gogs", "state": "InSync", "since": UTC_NOW,
         "nodes": ("w1",), "policy": "upsert",
         "records": {"A": RrsetStatus(written=values, ttl=60)}, **fields}
    )  # fmt: skip
    return {GIT: status}


def said(
    wishes: tuple[Wish, ...],
    of: dict[BindingId, DnsStatus] | None = None,
    seen: Swarm | None = None,
    **more: Any,
) -> list[str]:
    around = Wishes(
        wishes, evident=more.pop("evident", OF_ALL), unread=more.pop("unread", OF_ALL - OF_ALL)
    )
    return [
        str(each) for each in Outlook(around, of or {}, seen or swarm(), UTC_NOW, **more).changes()
    ]


def test_a_first_record() -> None:
    assert said((wish(),)) == ["create name git.example.org: A 51.75.10.2 (w2)"]


def test_a_move() -> None:
    of = noted("51.75.10.1")
    assert said((wish(),), of) == ["update name git.example.org: A 51.75.10.1 → 51.75.10.2 (w2)"]


def test_what_stands_is_not_told() -> None:
    assert said((wish(),), noted("51.75.10.1"), swarm("w1")) == []


def test_another_ttl() -> None:
    (line,) = said((wish(ttl=300),), noted("51.75.10.1"), swarm("w1"))
    assert line == "update name git.example.org: A 51.75.10.1 → 51.75.10.1, TTL 60 → 300 (w1)"


@pytest.mark.parametrize("service", ["code_gogs", "code_new"])
def test_a_name_of_what_does_not_run_yet_waits(service: str) -> None:
    assert said((wish(service),), seen=swarm(None)) == [
        f"wait name git.example.org: it follows {service}, which runs nowhere yet"
    ]
    assert said((wish(),), noted("51.75.10.1"), swarm(None)) == [], "it stays where it is"


@pytest.mark.parametrize(
    ("fields", "more", "why"),
    [({"paused": True}, {}, "paused"), ({}, {"mode": "observe"}, "observe mode")],
)
def test_what_is_not_written_is_told(
    fields: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    (line,) = said((wish(**fields),), noted("51.75.10.1"), **more)
    assert line == f"keep name git.example.org: A 51.75.10.1 → 51.75.10.2 (w2), but for {why}"


def test_whose_name_it_is() -> None:
    lines = said((wish(), wish("shop_web")), noted("51.75.10.2", nodes=("w2",)))
    assert lines == [
        "refuse name git.example.org: git.example.org belongs to service code_gogs already"
    ]


def test_a_name_that_nobody_wishes_any_more() -> None:
    assert said((), noted("51.75.10.1")) == [
        "keep name git.example.org: no document names it any more; its records stay"
    ]
    assert said((), noted("51.75.10.1", policy="sync")) == [
        "remove name git.example.org: A 51.75.10.1 (no document names it any more)"
    ]
    assert said((), noted("51.75.10.1", policy="sync"), evident=frozenset()) == [
        "keep name git.example.org: no document names it any more; its records stay"
    ]
    assert said((), noted("51.75.10.1", policy="sync"), unread=frozenset({"code"})) == []
    assert said((), noted("51.75.10.1", state="Abandoned")) == []


def test_a_swarm_that_is_not_to_be_trusted() -> None:
    (line,) = said((wish(),), noted("51.75.10.1"), swarm(reachable=False))
    assert line == "keep name git.example.org: only 0 of 1 managers are reachable"


def test_an_address_that_only_a_name_server_knows() -> None:
    plain = (wish(addresses={}),)
    moved = "update name git.example.org: A 51.75.10.1 → the address of w2 (w2)"
    assert said(plain, noted("51.75.10.1")) == [moved]
    assert said(plain, noted("51.75.10.1"), swarm("w1")) == [], "it points there already"

    of = noted("51.75.10.1", state="Waiting", reason="NoAddress", message="w2 has none")
    assert said(plain, of) == ["wait name git.example.org: w2 has none"], "the operator asked"

    asked: list[str] = []

    def look_up(zone: str, name: str, family: Family) -> tuple[str, ...]:
        asked.append(f"{zone} {name} {family}")
        return ("51.75.10.8",)

    assert said(plain, noted("51.75.10.1"), look_up=look_up) == [
        "update name git.example.org: A 51.75.10.1 → 51.75.10.8 (w2)"
    ]
    assert asked == ["example.org w2.example.org A"]


def test_a_stack_that_cannot_be_read_keeps_its_name_and_follows_on() -> None:
    """Its entry is noted; nobody else gets the name meanwhile."""
    of = noted("51.75.10.1", binding=wish().binding.as_written())
    lines = said((wish("shop_web"),), of, unread=frozenset({"code"}))
    assert lines == [
        "update name git.example.org: A 51.75.10.1 → 51.75.10.2 (w2)",
        "refuse name git.example.org: git.example.org belongs to service code_gogs already",
    ]


def test_a_node_without_an_address() -> None:
    (line,) = said((wish(addresses={"w1": "51.75.10.1"}),), noted("51.75.10.1"),
                   look_up=lambda _zone, _name, _family: ())  # fmt: skip
    assert line.startswith(
        "keep name git.example.org: node w2 has no A address: what Swarm reports"
    )


def test_a_name_that_moves_too_often_stays() -> None:
    often = tuple(UTC_NOW - timedelta(seconds=each) for each in (30, 20, 10))
    young = replace(swarm().tasks[0], timestamp="2026-11-21T23:59:55Z")
    seen = replace(swarm(), tasks=(young,))
    assert said((wish(),), noted("51.75.10.1", changes=often), seen) == []
    assert len(said((wish(),), noted("51.75.10.1", changes=often))) == 1, "that one runs for long"


HELD = {"held": {"code": "the stack is paused by ann: hands off"}, "evident": frozenset({"shop"})}
WHY = "but held: the stack is paused by ann: hands off"


def of_held(*waiting: Wish, of: dict[BindingId, DnsStatus], seen: Swarm | None = None) -> list[str]:
    around = Wishes(
        held=HELD["held"], waiting=waiting, evident=HELD["evident"]  # type: ignore[arg-type]
    )  # fmt: skip
    return [str(each) for each in Outlook(around, of, seen or swarm("w1"), UTC_NOW).changes()]


def test_what_a_held_document_changes_is_told_and_following_goes_on() -> None:
    of = noted("51.75.10.1", policy="sync", binding=wish(policy="sync").binding.as_written())
    same = wish(policy="sync")
    assert of_held(same, of=of) == []
    assert of_held(same, of=of, seen=swarm("w2")) == [
        "update name git.example.org: A 51.75.10.1 → 51.75.10.2 (w2)"
    ]
    assert of_held(wish(ttl=300, policy="sync"), of=of) == [
        f"keep name git.example.org: A 51.75.10.1 → 51.75.10.1, TTL 60 → 300 (w1), {WHY}"
    ]
    assert of_held(of=of) == [
        f"keep name git.example.org: A 51.75.10.1 (no document names it any more), {WHY}"
    ]
    assert of_held(same, wish(name="www"), of=of) == [
        f"keep name www.example.org: A 51.75.10.1 (w1), {WHY}"
    ]


def test_a_stack_that_is_only_looked_at() -> None:
    around = Wishes((wish(),), evident=OF_ALL, observed=frozenset({"code"}))
    (change,) = Outlook(around, noted("51.75.10.1"), swarm(), UTC_NOW).changes()
    assert str(change) == (
        "keep name git.example.org: A 51.75.10.1 → 51.75.10.2 (w2), but for sync: observe"
    )
    around = Wishes(evident=OF_ALL, observed=frozenset({"code"}))
    (change,) = Outlook(around, noted("51.75.10.1", policy="sync"), swarm(), UTC_NOW).changes()
    assert str(change) == (
        "keep name git.example.org: A 51.75.10.1 (no document names it any more), but for sync: observe"
    )


def test_a_name_that_goes_to_a_held_stack_stays_with_who_has_it() -> None:
    of = noted("51.75.10.1", policy="sync", binding=wish(policy="sync").binding.as_written())
    goes = Wishes(evident=frozenset({"code"}), held={"shop": "paused"})
    (change,) = Outlook(goes, of, swarm("w1"), UTC_NOW).changes()
    assert change.verb == "remove"
    stays = replace(goes, waiting=(wish("shop_web"),))
    assert Outlook(stays, of, swarm("w1"), UTC_NOW).changes() == ()
