"""A binding goes from one provider to another: nothing is forgotten at the first; in virtual time."""

from typing import Final

import pytest

from swarm_operator.observed.dns_errors import NotAuthorised
from swarm_operator.observed.errors import Unavailable
from tests.runtime.dns_lab import ZONE, DnsLab, FakeZones, wish
from tests.runtime.test_dns_told import Shown

BUSY: Final = Unavailable("status 503")


@pytest.fixture
def lab() -> DnsLab:
    """Two accounts that have the zone both; the service runs."""
    lab = DnsLab()
    lab.accounts["second"] = (lab.others, (ZONE,))
    lab.service()
    lab.run(5)
    lab.start()
    return lab


def served(zones: FakeZones) -> list[str]:
    return zones.answers("git")


def owes_the_first(lab: DnsLab) -> None:
    """What the first account wrote was not published, and the binding goes to the second."""
    lab.zones.always["publish"] = BUSY
    lab.wish(wish(provider="first"))
    lab.until(lambda: lab.state() == "Waiting Unavailable" and lab.status().owed)
    lab.wish(wish(provider="second"))
    lab.until(lambda: served(lab.others) == lab.where(), 30)
    assert served(lab.zones) == []


def test_what_is_owed_at_the_first_is_published_there(lab: DnsLab) -> None:
    owes_the_first(lab)
    shown = Shown(lab)
    assert lab.status().owed_at == ("first",)
    assert shown.value("publish_owed", zone=ZONE) == 1
    lab.zones.always.clear()
    lab.until(lambda: served(lab.zones) == lab.where(), 90)
    lab.until(lambda: lab.settled() and lab.status().owed_at == (), 30)
    assert shown.value("publish_owed", zone=ZONE) == 0


def test_a_next_process_publishes_it_too(lab: DnsLab) -> None:
    owes_the_first(lab)
    lab.operators[-1].die()
    lab.zones.always.clear()
    lab.run(30)
    lab.start()
    lab.until(lambda: served(lab.zones) == lab.where(), 30)
    lab.until(lambda: lab.settled() and lab.status().owed_at == (), 30)


def test_a_first_account_that_refuses_is_not_asked_for_ever(lab: DnsLab) -> None:
    """It may be why the binding left."""
    owes_the_first(lab)
    lab.zones.always["publish"] = NotAuthorised("This credential is not valid", "credential")
    lab.until(lambda: lab.status().owed_at == (), 90)
    count = lab.zones.count("publish")
    lab.run(900)
    assert lab.zones.count("publish") == count
    assert lab.settled()
    assert any("second" not in line and "first" in line for line in lab.log.lines if "owed" in line)


def test_there_and_back_the_answer_of_an_order_under_way_is_taken(lab: DnsLab) -> None:
    """Else the account's zone would wait for it for ever."""
    went: list[bool] = []

    def change_meanwhile(call: str) -> None:
        if call == "publish" and not went:
            went.append(True)
            lab.wish(wish(provider="second"))
            lab.run(5)

    lab.zones.before_call = change_meanwhile
    lab.wish(wish(provider="first"))
    lab.until(lambda: served(lab.others) == lab.where(), 30)
    lab.until(lambda: lab.settled() and lab.status().owed_at == (), 30)
    lab.wish(wish(provider="first", ttl=300))
    lab.until(lambda: [r.ttl for r in lab.zones.served[ZONE]] == [300], 30)


def test_who_only_observes_publishes_nothing_at_the_first(lab: DnsLab) -> None:
    owes_the_first(lab)
    lab.operators[-1].stop()
    lab.zones.always.clear()
    before = lab.zones.count("publish")
    lab.start("observe")
    lab.run(600)
    assert lab.zones.count("publish") == before
