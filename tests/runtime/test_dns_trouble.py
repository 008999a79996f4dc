"""Providers that refuse, stall, lose answers and change behind our back; in virtual time."""

from dataclasses import replace

import pytest

from swarm_operator.observed.dns_errors import NotAuthorised, Throttled, ZoneRefused
from swarm_operator.observed.errors import Conflict, Unavailable
from tests.runtime.dns_lab import ADDRESSES, OTHER_ZONE, ZONE, DnsLab, wish


@pytest.fixture
def lab() -> DnsLab:
    """A service that runs on one worker; nobody wishes a name for it yet."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.start()
    return lab


def other_address(lab: DnsLab) -> str:
    return next(each for each in ADDRESSES.values() if each not in lab.where())


def test_a_refused_publication_is_sent_until_it_is_taken(lab: DnsLab) -> None:
    lab.zones.always["publish"] = Unavailable("status 500")
    lab.wish(wish())
    lab.until(lambda: lab.state() == "Waiting Unavailable")
    assert lab.status().owed
    lab.run(600)
    assert lab.zones.answers("git") == []
    assert 10 < lab.zones.count("publish") < 40
    assert lab.zones.count("post") == 1
    del lab.zones.always["publish"]
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 61)
    lab.until(lab.settled)
    assert not lab.status().owed


@pytest.mark.parametrize("kind", ["post", "put"])
def test_an_answer_that_was_lost_makes_no_second_record(lab: DnsLab, kind: str) -> None:
    if kind == "put":
        lab.zones.hand("git", other_address(lab))
    lab.zones.faults.append((kind, Unavailable("status 502"), True))
    lab.wish(wish())
    lab.until(lambda: lab.zones.answers("git") == lab.where())
    lab.until(lab.settled)
    assert lab.zones.values("git") == lab.where()
    assert lab.zones.count(kind) == 1


def test_a_missing_right_to_publish_is_loud_and_mended_by_new_credentials(lab: DnsLab) -> None:
    lab.zones.always["publish"] = NotAuthorised("This call has not been granted", "right")
    lab.wish(wish())
    lab.until(lambda: lab.state() == "Failed RefreshDenied")
    assert lab.status().owed
    lab.run(60)
    assert lab.zones.count("publish") == 1
    del lab.zones.always["publish"]
    lab.credentials = "second"
    assert lab.until(lab.settled) < 10


def test_a_key_that_ends_before_what_is_owed_is_published_is_no_missing_right(lab: DnsLab) -> None:
    lab.zones.always["publish"] = NotAuthorised("This credential is not valid", "credential")
    lab.wish(wish())
    lab.until(lambda: lab.state() == "Failed AuthFailed")
    assert lab.status().owed
    del lab.zones.always["publish"]
    lab.credentials = "second"
    assert lab.until(lab.settled) < 10


def test_credentials_that_are_not_taken(lab: DnsLab) -> None:
    lab.zones.always["list"] = NotAuthorised("This credential is not valid", "credential")
    lab.wish(wish())
    lab.until(lambda: lab.state() == "Failed AuthFailed")
    lab.run(250)
    assert len(lab.zones.calls) == 1
    del lab.zones.always["list"]
    lab.until(lab.settled, 60)


def test_a_provider_that_asks_for_patience_gets_it(lab: DnsLab) -> None:
    lab.zones.faults.append(("list", Throttled("status 429", 20.0), False))
    lab.wish(wish())
    took_s = lab.until(lambda: bool(lab.zones.answers("git")))
    assert 20 <= took_s < 22
    assert lab.zones.count("list") <= 3


def test_patience_holds_for_what_is_ordered_already(lab: DnsLab) -> None:
    lab.zones.faults.append(("list", Throttled("status 429", 20.0), False))
    lab.wish(wish(), wish(zone=OTHER_ZONE))
    lab.until(lambda: len(lab.zones.calls) == 1)
    lab.run(19)
    assert len(lab.zones.calls) == 1
    lab.until(lambda: lab.settled() and lab.state(zone=OTHER_ZONE) == "InSync", 5)


def test_the_order_of_records_that_went_away_is_planned_anew(lab: DnsLab) -> None:
    lab.zones.hand("git", other_address(lab))
    lab.zones.faults.append(("put", Conflict("the record went away"), False))
    lab.wish(wish())
    lab.until(lab.settled)
    assert lab.zones.values("git") == lab.where()


def test_ids_that_change_between_look_and_change(lab: DnsLab) -> None:
    lab.zones.hand("git", other_address(lab))
    renumbered: list[bool] = []

    def renumber(call: str) -> None:
        if call == "put" and not renumbered:
            renumbered.append(True)
            held = lab.zones.pending[ZONE]
            held[:] = [replace(record, id=f"9{record.id}") for record in held]

    lab.zones.before_call = renumber
    lab.wish(wish())
    lab.until(lab.settled)
    assert renumbered
    assert lab.zones.values("git") == lab.where()


@pytest.mark.parametrize("reason", ["ZoneExpired", "ZoneUnknown"])
def test_one_zones_end_is_its_own(lab: DnsLab, reason: str) -> None:
    lab.zones.always[OTHER_ZONE] = ZoneRefused("This service is expired", reason)  # type: ignore[arg-type]
    lab.wish(wish(), wish(zone=OTHER_ZONE))
    lab.until(lab.settled, 5)
    lab.until(lambda: lab.state(zone=OTHER_ZONE) == f"Failed {reason}")
    lab.run(200)
    assert sum(OTHER_ZONE in call for call in lab.zones.calls) == 1


def test_a_stalled_account_holds_up_no_other() -> None:
    lab = DnsLab(accounts=2)
    lab.service()
    lab.run(5)
    lab.start()
    lab.zones.before_call = lambda _call: lab.run(10)
    lab.zones.always[ZONE] = Unavailable("no answer in time")
    lab.wish(wish(), wish(zone=OTHER_ZONE))
    lab.until(lambda: lab.others.answers("git", zone=OTHER_ZONE) == lab.where(), 15)
    lab.until(lambda: lab.state() == "Waiting Unavailable")
    assert lab.state(zone=OTHER_ZONE) == "InSync"
    assert lab.zones.answers("git") == []


def test_a_foreign_value_is_left_and_told(lab: DnsLab) -> None:
    lab.zones.hand("git", "198.41.0.4")
    lab.wish(wish())
    lab.until(lambda: lab.state() == "Conflict ForeignRecord")
    lab.run(250)
    assert lab.zones.values("git") == ["198.41.0.4"]
    lab.wish(wish(adopt=True))
    lab.until(lab.settled)
    assert lab.zones.values("git") == lab.where()


def test_an_edit_to_a_foreign_address_is_refused_and_one_to_a_node_is_corrected(
    lab: DnsLab,
) -> None:
    lab.wish(wish())
    lab.until(lab.settled)
    lab.zones.pending[ZONE].clear()
    lab.zones.hand("git", other_address(lab))
    lab.until(lambda: lab.zones.answers("git") == lab.where(), 130)
    lab.zones.pending[ZONE].clear()
    lab.zones.hand("git", "198.41.0.4")
    lab.until(lambda: lab.state() == "Conflict ForeignRecord", 130)
    assert lab.zones.answers("git") == ["198.41.0.4"]


def test_a_record_that_was_deleted_is_made_again(lab: DnsLab) -> None:
    lab.wish(wish())
    lab.until(lab.settled)
    lab.zones.pending[ZONE].clear()
    lab.zones.publish(ZONE)
    assert lab.until(lambda: lab.zones.answers("git") == lab.where(), 130) < 70


def test_without_the_right_to_make_it_a_missing_record_is_told(lab: DnsLab) -> None:
    lab.wish(wish(policy="update-only"))
    lab.until(lambda: lab.state() == "Conflict RecordMissing")
    assert lab.zones.count("post") == 0


def test_a_cname_at_the_name_is_a_conflict(lab: DnsLab) -> None:
    lab.zones.hand("git", "elsewhere.example.com", type_="CNAME")
    lab.wish(wish())
    lab.until(lambda: lab.state() == "Conflict CnameConflict")
    assert lab.zones.count("post") + lab.zones.count("delete") == 0


def test_what_was_never_served_is_published_once_more_then_told(lab: DnsLab) -> None:
    lab.wish(wish())
    lab.until(lab.settled)
    lab.zones.calls.clear()
    lab.zones.is_deaf = True
    lab.wish(wish(addresses=dict.fromkeys(ADDRESSES, "51.75.10.99")))
    lab.until(lambda: lab.zones.count("publish") == 1)
    lab.until(lambda: lab.zones.count("publish") == 2, 400)
    lab.until(lambda: lab.state() == "Waiting Unverified", 400)
    lab.run(1200)
    assert lab.zones.count("publish") == 2
    lab.zones.is_deaf = False
    lab.zones.publish(ZONE)
    lab.until(lab.settled, 130)


def test_name_servers_that_cannot_be_asked_hold_up_nothing(lab: DnsLab) -> None:
    lab.servers.silent = True
    lab.wish(wish())
    lab.until(lambda: lab.zones.answers("git") == lab.where())
    lab.run(400)
    assert lab.state() == "InSync"
    assert lab.status().records["A"].verified_at is None
    assert lab.zones.count("publish") == 1


@pytest.mark.parametrize(("mode", "paused"), [("observe", False), ("act", True)])
def test_who_only_observes_publishes_nothing(mode: str, *, paused: bool) -> None:
    """The record is as wished, but another's edit was never published."""
    lab = DnsLab()
    lab.service()
    lab.run(5)
    lab.zones.hand("git", "51.75.99.1")
    lab.zones.pending[ZONE] = [
        replace(record, value=lab.where()[0]) for record in lab.zones.pending[ZONE]
    ]
    lab.start(mode)
    lab.wish(wish(paused=paused))
    lab.run(900)
    assert lab.zones.count("list") > 0
    assert lab.zones.count("publish") == 0
    assert not lab.status().owed
    assert lab.state() == ("Paused" if paused else "Observing")
    if paused:  # it is not forgotten that it is not served
        lab.wish(wish())
        lab.until(lambda: lab.zones.answers("git") == lab.where(), 130)


def test_a_refused_change_is_told_until_it_is_tried_again(lab: DnsLab) -> None:
    lab.zones.always["post"] = ZoneRefused("OVH: POST …/record: no such target", "Refused")
    lab.wish(wish())
    lab.run(60)
    assert lab.state() == "Failed Refused"
    lab.zones.always.clear()
    lab.until(lab.settled, 300)
