"""Trouble that lasts while nothing is to be changed: it is told all the same; in virtual time."""

from collections.abc import Callable
from typing import Final

import pytest

from swarm_operator.observed.dns import Answer
from swarm_operator.observed.dns_errors import NotAuthorised, ZoneRefused
from swarm_operator.observed.errors import OutsideError, Unavailable
from swarm_operator.runtime.dns.account_desk import HANGS_S
from tests.runtime.dns_lab import OTHER_ZONE, ZONE, DnsLab, wish
from tests.runtime.test_dns_told import Shown

EXPIRED: Final = NotAuthorised("OVH: GET …/record: This credential is not valid", "credential")
AN_AUDIT_LATER_S: Final = 340.0


@pytest.fixture
def lab() -> DnsLab:
    """Two names of one zone and one of another, all in step."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    lab.wish(wish(), wish("www"), wish(zone=OTHER_ZONE))
    lab.until(lambda: states(lab) == ["InSync"] * 3)
    return lab


def states(lab: DnsLab) -> list[str]:
    return [lab.state(), lab.state("www"), lab.state(zone=OTHER_ZONE)]


def conflicts(lab: DnsLab) -> int:
    counted = lab.operators[-1].metrics.counted
    return sum(name == "dns_conflicts_total" for name, _ in counted)


# --- rights that are lost -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EXPIRED, "Failed AuthFailed"),
        (ZoneRefused("This service is expired", "ZoneExpired"), "Failed ZoneExpired"),
    ],
)
def test_rights_that_are_lost_are_told_though_nothing_changes(
    lab: DnsLab, error: OutsideError, told: str
) -> None:
    shown = Shown(lab)
    lab.zones.always[f"list {ZONE}"] = error
    lab.until(lambda: states(lab) == [told, told, "InSync"], AN_AUDIT_LATER_S)
    assert lab.status().message == str(error)
    assert shown.value("in_sync", zone=ZONE, name="git") == 0
    assert shown.value("in_sync", zone=OTHER_ZONE, name="git") == 1
    lab.run(1200)
    assert states(lab) == [told, told, "InSync"]
    lab.zones.always.clear()
    lab.until(lambda: states(lab) == ["InSync"] * 3, AN_AUDIT_LATER_S)
    assert shown.value("in_sync", zone=ZONE, name="git") == 1


def test_new_credentials_are_taken_at_once_though_nothing_changes(lab: DnsLab) -> None:
    lab.zones.always["list"] = EXPIRED
    lab.until(lambda: states(lab) == ["Failed AuthFailed"] * 3, AN_AUDIT_LATER_S)
    lab.zones.always.clear()
    lab.credentials = "renewed"
    lab.until(lambda: states(lab) == ["InSync"] * 3, 10)


def test_a_next_process_knows_it_too_and_hears_of_the_mend(lab: DnsLab) -> None:
    lab.zones.always["list"] = EXPIRED
    lab.until(lambda: states(lab) == ["Failed AuthFailed"] * 3, AN_AUDIT_LATER_S)
    lab.operators[-1].stop()
    lab.start()
    lab.run(AN_AUDIT_LATER_S)
    assert states(lab) == ["Failed AuthFailed"] * 3
    lab.zones.always.clear()
    lab.until(lambda: states(lab) == ["InSync"] * 3, AN_AUDIT_LATER_S)


def test_what_mends_itself_is_told_only_where_something_waits_for_it(lab: DnsLab) -> None:
    lab.zones.always["list"] = Unavailable("status 502")
    lab.run(1200)
    assert states(lab) == ["InSync"] * 3


# --- a provider that never answers ----------------------------------------------------------------


def test_a_thread_that_hangs_is_told_and_forgotten_when_it_goes_on(lab: DnsLab) -> None:
    hung: list[float] = []

    def hang(_call: str) -> None:
        if not hung:
            hung.append(lab.timeline.now)
            lab.run(600)

    seen: list[tuple[float, str, str]] = []
    lab.zones.before_call = hang
    lab.timeline.after(0.0, watch(lab, seen))
    lab.run(1000)
    assert hung
    told = [
        (at - hung[0], message) for at, state, message in seen if state == "Waiting Unavailable"
    ]
    assert HANGS_S <= told[0][0] < HANGS_S + 12
    assert "thread hangs" in told[0][1]
    assert told[-1][0] < 610
    assert states(lab) == ["InSync"] * 3


def test_an_account_that_is_slow_but_goes_on_does_not_hang(lab: DnsLab) -> None:
    lab.zones.before_call = lambda _call: lab.run(HANGS_S / 4)
    seen: list[tuple[float, str, str]] = []
    lab.timeline.after(0.0, watch(lab, seen))
    lab.run(1000)
    assert lab.zones.count("list") > 3
    assert {state for _, state, _ in seen} == {"InSync"}


def watch(lab: DnsLab, seen: list[tuple[float, str, str]]) -> Callable[[], None]:
    def look() -> None:
        seen.append((lab.timeline.now, lab.state(), lab.status().message))
        lab.timeline.after(1.0, look)

    return look


# --- another hand beside ours ---------------------------------------------------------------------


def test_another_hands_value_beside_ours_is_told_and_counted_once(lab: DnsLab) -> None:
    lab.zones.hand("git", "198.41.0.4")
    lab.until(lambda: lab.state() == "InSync ForeignRecord", AN_AUDIT_LATER_S)
    assert "198.41.0.4" in lab.status().message
    assert lab.status().records["A"].foreign == ("198.41.0.4",)
    lab.run(1200)
    assert lab.state() == "InSync ForeignRecord"
    assert lab.state("www") == "InSync"
    assert conflicts(lab) == 1
    assert Shown(lab).value("in_sync", zone=ZONE, name="git") == 1
    assert lab.zones.answers("git") == sorted(["198.41.0.4", *lab.where()])


def test_it_is_told_through_a_move_and_a_next_process_and_until_it_goes(lab: DnsLab) -> None:
    lab.zones.hand("git", "198.41.0.4")
    lab.until(lambda: lab.state() == "InSync ForeignRecord", AN_AUDIT_LATER_S)
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: lab.hosts() not in ([], [gone]), 90)
    lab.until(lambda: lab.zones.answers("git") == sorted(["198.41.0.4", *lab.where()]), 10)
    lab.until(lambda: lab.state() == "InSync ForeignRecord", 30)
    lab.operators[-1].stop()
    lab.start()
    calls = len(lab.zones.calls)
    lab.run(20)
    assert lab.state() == "InSync ForeignRecord"
    assert len(lab.zones.calls) == calls, "it is known; there is no reason to ask"
    assert conflicts(lab) == 0
    lab.zones.pending[ZONE] = [r for r in lab.zones.pending[ZONE] if r.value != "198.41.0.4"]
    lab.zones.publish(ZONE)
    lab.until(lab.settled, AN_AUDIT_LATER_S)
    assert lab.status().message == ""


# --- name servers ---------------------------------------------------------------------------------


def test_the_name_server_that_does_not_answer_is_named(lab: DnsLab) -> None:
    two = lab.servers.ask
    lab.servers.ask = lambda *question: (  # type: ignore[method-assign]
        *two(*question), Answer("ns3.example:53", error="Timeout")
    )  # fmt: skip
    lab.wish(wish(ttl=300), wish("www"), wish(zone=OTHER_ZONE))
    lab.until(lambda: "ns3.example:53" in lab.status().message, 400)
    assert "ns1:53" not in lab.status().message
    assert "Timeout" in lab.status().message


def test_the_name_server_that_serves_something_else_is_named(lab: DnsLab) -> None:
    two = lab.servers.ask
    lab.servers.ask = lambda *question: (  # type: ignore[method-assign]
        *two(*question), Answer("ns3.example:53", ("51.75.99.99",), 60)
    )  # fmt: skip
    lab.wish(wish(addresses=dict.fromkeys(("w1", "w2", "w3"), "51.75.10.77")))
    lab.until(lambda: lab.state() == "Waiting Unverified", 400)
    assert "ns3.example:53" in lab.status().message
    assert "ns1:53" not in lab.status().message


# --- a right that only some changes need ----------------------------------------------------------


NOT_GRANTED: Final = NotAuthorised("OVH: POST …/record: This call has not been granted", "right")


def test_a_right_that_one_name_lacks_holds_up_no_other(lab: DnsLab) -> None:
    lab.zones.always["post"] = NOT_GRANTED
    lab.wish(wish(), wish("www"), wish("new"))
    lab.until(lambda: lab.state("new") == "Failed AuthFailed")
    assert states(lab)[:2] == ["InSync", "InSync"]
    (gone,) = lab.hosts()
    lab.world.engine.kill_node(gone)
    lab.until(lambda: lab.hosts() not in ([], [gone]), 90)
    lab.until(lambda: lab.zones.answers("git") == lab.zones.answers("www") == lab.where(), 2)
    lab.run(10)
    assert states(lab)[:2] == ["InSync", "InSync"]
    assert lab.state("new") == "Failed AuthFailed"
    assert lab.zones.count("post") < 6
    lab.zones.always.clear()
    lab.credentials = "renewed"
    lab.until(lambda: lab.zones.answers("new") == lab.where(), 10)
    lab.until(lambda: lab.settled("new"), 10)


def test_others_of_the_same_moment_are_published(lab: DnsLab) -> None:
    lab.zones.always["post"] = NOT_GRANTED
    other = dict.fromkeys(("w1", "w2", "w3"), "51.75.10.77")
    lab.wish(wish("new"), wish(addresses=other), wish("www"))
    lab.until(lambda: lab.zones.answers("git") == ["51.75.10.77"], 10)
    lab.until(lambda: lab.state("new") == "Failed AuthFailed", 10)


def test_each_new_attempt_is_no_news(lab: DnsLab) -> None:
    lab.zones.always["post"] = NOT_GRANTED
    lab.wish(wish(), wish("www"), wish("new"))
    lab.until(lambda: lab.state("new") == "Failed AuthFailed")
    lab.run(5)
    since = lab.status("new").since
    posts = lab.zones.count("post")
    lab.run(1200)
    assert lab.zones.count("post") == posts + 4
    assert lab.status("new").since == since
