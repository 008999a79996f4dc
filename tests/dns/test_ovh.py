"""What the API of OVH does to a client: its errors, its clock, its credentials."""

import json
import socket
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from desired_state.dns_forms import APEX
from swarm_operator.clients.ovh import OvhZones
from swarm_operator.observed.dns import Create, Delete, RrsetChange, RrsetKey, Update
from swarm_operator.observed.dns_errors import NotAuthorised, Throttled, ZoneRefused
from swarm_operator.observed.errors import Conflict, OutsideError, Unavailable
from tests.dns.ovh_double.accounts import rules_for
from tests.dns.ovh_double.faults import HTML, Fault
from tests.dns.ovh_world import OvhWorld, ovh_world

ZONE = "example.org"
KEY = RrsetKey(ZONE, "git", "A")
ONE, TWO = "51.75.10.1", "51.75.10.2"
RECORD = f"/domain/zone/{ZONE}/record"
REFRESH = f"/domain/zone/{ZONE}/refresh"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OvhWorld]:
    with ovh_world(tmp_path, [ZONE]) as found:
        yield found


@pytest.fixture
def zones(world: OvhWorld) -> Iterator[OvhZones]:
    client = world.zones()
    yield client
    client.close()


def change(*operations: Update | Create | Delete) -> RrsetChange:
    return RrsetChange(KEY, operations, before=(), after=(), ttl=60)


def read(zones: OvhZones) -> list[str]:
    return [record.value for record in zones.read(ZONE, "git", ["A"])]


def error_of(zones: OvhZones) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        zones.read(ZONE, "git", ["A"])
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=500), Unavailable),
        (Fault(status=500, body=b"null"), Unavailable),
        (Fault(status=503, body=HTML), Unavailable),
        (Fault(status=408, body=HTML), Unavailable),
        (Fault(status=409, body=b'{"message":"busy"}'), Unavailable),
        (Fault(status=200, body=HTML), Unavailable),
        (Fault(status=200, body=b'{"a":1}'), Unavailable),
        (Fault(drops=True), Unavailable),
        (Fault(status=None, delay_s=3.0), Unavailable),
        (Fault(status=429, body=b"slow"), Throttled),
        (Fault(status=403, body=b'{"class":"Client::Forbidden","message":"no"}'), NotAuthorised),
        (Fault(status=404, body=b'{"message":"This service does not exist"}'), ZoneRefused),
        (Fault(status=460, body=b'{"message":"expired"}'), ZoneRefused),
        (Fault(status=400, body=b'{"message":"Invalid field"}'), ZoneRefused),
    ],
    ids=lambda found: f"{found.status}-{found.body[:8]!r}" if isinstance(found, Fault) else "",
)
def test_what_each_answer_means(
    world: OvhWorld, zones: OvhZones, fault: Fault, kind: type[OutsideError]
) -> None:
    fault.path = RECORD
    world.double.faults.add(fault)
    assert type(error_of(zones)) is kind
    world.double.faults.clear()
    assert read(zones) == []


@pytest.mark.parametrize(("header", "wait_s"), [({"Retry-After": "7"}, 7.0), ({}, None)])
def test_it_is_told_when_to_come_again(
    world: OvhWorld, zones: OvhZones, header: dict[str, str], wait_s: float | None
) -> None:
    world.double.faults.add(Fault(path=RECORD, status=429, headers=header))
    error = error_of(zones)
    assert isinstance(error, Throttled)
    assert error.retry_after_s == wait_s


def test_an_error_names_the_call_and_the_query(world: OvhWorld, zones: OvhZones) -> None:
    world.double.faults.add(Fault(path=RECORD))
    text = str(error_of(zones))
    assert f"GET {RECORD}" in text
    assert "query EU.ext-1." in text


@pytest.mark.parametrize("old", [False, True])
def test_rights_that_are_missing(world: OvhWorld, zones: OvhZones, old: bool) -> None:
    world.double.has_old_errors = old
    world.grant(rules_for(ZONE, "PUT"))
    world.double.zones[ZONE].put("git", ONE)
    assert read(zones) == [ONE]
    with pytest.raises(NotAuthorised) as caught:
        zones.publish(ZONE)
    assert caught.value.what == "right"
    world.grant(rules_for(ZONE, "PUT", "refresh"))
    zones.publish(ZONE)


@pytest.mark.parametrize("ahead_s", [600.0, -600.0])
def test_a_clock_that_is_wrong_from_the_start(world: OvhWorld, ahead_s: float) -> None:
    world.double.accounts.clock_ahead_s = ahead_s
    client = world.zones()
    assert read(client) == []
    client.close()


@pytest.mark.parametrize("ahead_s", [600.0, -600.0])
def test_a_clock_that_steps_heals_by_itself(
    world: OvhWorld, zones: OvhZones, ahead_s: float
) -> None:
    assert read(zones) == []
    world.double.accounts.clock_ahead_s = ahead_s
    assert read(zones) == []


def test_a_wrong_secret_is_no_clock_for_ever(world: OvhWorld, zones: OvhZones) -> None:
    (world.folder / "application_secret").write_text("wrong")
    error = error_of(zones)
    assert isinstance(error, NotAuthorised)
    assert len(world.double.calls()) == 2


def test_an_expired_key_recovers_when_its_file_changes(world: OvhWorld, zones: OvhZones) -> None:
    assert read(zones) == []
    world.consumer.status = "expired"
    error = error_of(zones)
    assert isinstance(error, NotAuthorised)
    assert error.what == "credential"
    renewed = world.double.accounts.new_consumer_key(rules_for(ZONE))
    (world.folder / "consumer_key").write_text(renewed.key)
    assert read(zones) == []


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_a_file_without_a_word_is_named(world: OvhWorld, zones: OvhZones, text: str | None) -> None:
    file = world.folder / "consumer_key"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    error = error_of(zones)
    assert isinstance(error, NotAuthorised)
    assert str(file) in str(error)
    assert world.double.calls() == []


def test_a_service_account(world: OvhWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client = OvhZones(world.service_account(), timeouts_s=(1.0, 2.0))
    assert read(client) == []
    world.double.accounts.tokens.clear()
    assert read(client) == [], "a token that the server revoked is got anew"
    (world.folder / "client_secret").write_text("wrong")
    assert isinstance(error_of(client), NotAuthorised)
    world.double.faults.add(
        Fault(path="/auth/oauth2/token|/1.0/auth/oauth2/token|.*token", count=9)
    )
    assert isinstance(error_of(client), Unavailable)
    client.close()


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "next"])
def test_a_token_is_not_waited_for_for_ever(
    world: OvhWorld, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    """The official client asks for tokens without a timeout."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}/token"
        account = world.service_account()
        if is_first:
            account = replace(account, token_url=silent_url)
        client = OvhZones(account, timeouts_s=(1.0, 1.0))
        if not is_first:
            assert read(client) == []
            session = client._client._oauth2.session
            session.token_url, session._client._expires_at = silent_url, time.time() - 1
        began = time.monotonic()
        said = error_of(client)
        assert isinstance(said, Unavailable)
        assert time.monotonic() - began < 5
        client.close()


@pytest.mark.parametrize("empty_204", [True, False])
def test_what_says_nothing_is_taken_in_both_forms(
    world: OvhWorld, zones: OvhZones, empty_204: bool
) -> None:
    world.double.answers_204 = empty_204
    zones.apply(change(Create(ONE, 60)), lambda: True)
    zones.publish(ZONE)
    (record,) = zones.read(ZONE, "git", ["A"])
    zones.apply(change(Update(record, TWO, 60)), lambda: True)
    zones.apply(change(Delete(record)), lambda: True)
    assert read(zones) == []


def test_a_request_that_may_have_been_done_is_never_sent_again(
    world: OvhWorld, zones: OvhZones
) -> None:
    world.double.faults.add(Fault("POST", RECORD, 502, HTML, is_applied=True))
    with pytest.raises(Unavailable):
        zones.apply(change(Create(ONE, 60)), lambda: True)
    assert world.double.zones[ZONE].has("git") == [(ONE, 60)]


def test_ids_that_went_away_are_a_conflict(world: OvhWorld, zones: OvhZones) -> None:
    zone = world.double.zones[ZONE]
    zone.put("git", ONE)
    (record,) = zones.read(ZONE, "git", ["A"])
    zone.renumber()
    with pytest.raises(Conflict):
        zones.apply(change(Update(record, TWO, 60)), lambda: True)


def test_a_new_record_that_cannot_be_read_yet_is_not_taken_for_none(
    world: OvhWorld, zones: OvhZones
) -> None:
    """Or else it would be made a second time."""
    behaviour = world.double.zones[ZONE].behaviour
    behaviour.hides_new_records_for, behaviour.creates_with_id_0 = 2, True
    zones.apply(change(Create(ONE, 60)), lambda: True)
    assert isinstance(error_of(zones), Conflict)
    assert isinstance(error_of(zones), Conflict)
    assert read(zones) == [ONE]


def test_the_zone_itself_is_asked_by_an_empty_name(world: OvhWorld, zones: OvhZones) -> None:
    world.double.zones[ZONE].put("", ONE)
    world.double.zones[ZONE].put("null", TWO)
    (record,) = zones.read(ZONE, APEX, ["A"])
    assert (record.name, record.value) == (APEX, ONE)
    assert f"GET {RECORD}?fieldType=A&subDomain=" in world.double.calls()


def test_a_stray_configuration_file_changes_nothing(
    world: OvhWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The official client reads such files wherever it runs."""
    both = "client_id=a\nclient_secret=b\n"
    (tmp_path / "ovh.conf").write_text(f"[{world.double.url}]\n{both}[default]\n{both}")
    monkeypatch.setattr("ovh.config.CONFIG_PATH", [str(tmp_path / "ovh.conf")])
    client = world.zones()
    assert read(client) == []
    client.close()


def test_no_word_of_a_credential_is_ever_told(world: OvhWorld, zones: OvhZones) -> None:
    accounts = world.double.accounts
    words = [accounts.application_secret, world.consumer.key, accounts.application_key]
    for word in words:
        said = json.dumps({"message": f"this key {word} is no good"}).encode()
        world.double.faults.add(Fault(path=RECORD, status=403, body=said))
        error = error_of(zones)
        shown = f"{error} {error!r} {''.join(traceback.format_exception(error))}"
        assert not [other for other in words if other in shown]
    assert "no good" in shown
    assert not [word for word in words if word in repr(zones)]


def test_a_name_beyond_ascii_is_found_in_both_forms(world: OvhWorld, zones: OvhZones) -> None:
    """Else every audit would make one more record."""
    for form, value in (("gîte", ONE), ("xn--gte-vma", TWO)):
        world.double.zones[ZONE].put(form, value)
    found = zones.read(ZONE, "xn--gte-vma", ["A"])
    assert sorted((record.name, record.value) for record in found) == [
        ("xn--gte-vma", ONE),
        ("xn--gte-vma", TWO),
    ]
    zones.sent()
    zones.read(ZONE, "git", ["A"])
    assert zones.sent() == 1
