"""What a name server that takes updates does to a client: refusals, silence, another hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from swarm_operator.clients.rfc2136 import TsigKey, UpdatedZones, UpdateServer
from swarm_operator.observed.dns import Create, Delete, Record, RrsetChange, RrsetKey, Update
from swarm_operator.observed.dns_errors import NotAuthorised, ZoneRefused
from swarm_operator.observed.errors import Conflict, Denied, Unavailable
from tests.dns.name_server import KEY, READER, NameServer

ZONE = "example.org"
ONE, TWO = "51.75.10.1", "51.75.10.2"


def client(named: NameServer, folder: Path, secret: str, key: str = KEY) -> UpdatedZones:
    (folder / "tsig").write_text(f"{secret}\n")
    server = UpdateServer(named.address, named.port, TsigKey(key, folder / "tsig"))
    return UpdatedZones(server, timeout_s=1.0)


def make(name: str, value: str) -> RrsetChange:
    return RrsetChange(RrsetKey(ZONE, name, "A"), (Create(value, 60),), (), (value,), 60)


def move(name: str, old: str, new: str) -> RrsetChange:
    record = Record(None, name, "A", old, 60)
    key = RrsetKey(ZONE, name, "A")
    return RrsetChange(key, (Update(record, new, 60),), (record,), (new,), 60)


def test_two_hands_make_one_record(named: NameServer, tmp_path: Path) -> None:
    zones = client(named, tmp_path, named.secret)
    zones.apply(make("two-hands", ONE), lambda: True)
    with pytest.raises(Conflict):
        zones.apply(make("two-hands", TWO), lambda: True)
    assert named.look_up(f"two-hands.{ZONE}") == [ONE]


def test_what_is_not_as_it_was_seen_is_not_replaced(named: NameServer, tmp_path: Path) -> None:
    zones = client(named, tmp_path, named.secret)
    named.change(ZONE, ("stale", "A", 60, [TWO]))
    with pytest.raises(Conflict):
        zones.apply(move("stale", ONE, TWO), lambda: True)
    named.change(ZONE, ("stale", "A", 60, [ONE, "198.41.0.4"]))
    with pytest.raises(Conflict):
        zones.apply(move("stale", ONE, TWO), lambda: True)
    assert named.look_up(f"stale.{ZONE}") == ["198.41.0.4", ONE]


def test_an_address_is_never_made_beside_a_cname(named: NameServer, tmp_path: Path) -> None:
    """It may have come after the look at the name."""
    named.change(ZONE, ("alias", "CNAME", 60, [f"ns.{ZONE}."]))
    with pytest.raises(Conflict):
        client(named, tmp_path, named.secret).apply(make("alias", ONE), lambda: True)
    assert named.look_up(f"alias.{ZONE}", "CNAME") == [f"ns.{ZONE}."]


@pytest.mark.parametrize("key", [KEY, "nobody"])
def test_a_wrong_key(named: NameServer, tmp_path: Path, key: str) -> None:
    secret = named.reader_secret if key == KEY else named.secret
    with pytest.raises(NotAuthorised) as caught:
        client(named, tmp_path, secret, key).apply(make("wrong-key", ONE), lambda: True)
    assert caught.value.what == "key"
    assert secret not in str(caught.value)


def test_a_key_without_the_right(named: NameServer, tmp_path: Path) -> None:
    zones = client(named, tmp_path, named.reader_secret, READER)
    with pytest.raises(NotAuthorised) as caught:
        zones.apply(make("no-right", ONE), lambda: True)
    assert caught.value.what == "right"


def test_it_recovers_when_the_file_changes(named: NameServer, tmp_path: Path) -> None:
    zones = client(named, tmp_path, "no base64 at all!")
    with pytest.raises(NotAuthorised) as caught:
        zones.read(ZONE, "renewed", ["A"])
    assert str(tmp_path / "tsig") in str(caught.value)
    (tmp_path / "tsig").write_text(named.secret)
    zones.apply(make("renewed", ONE), lambda: True)
    assert named.look_up(f"renewed.{ZONE}") == [ONE]


def test_a_zone_that_the_server_has_not(named: NameServer, tmp_path: Path) -> None:
    key = RrsetKey("elsewhere.org", "git", "A")
    change = RrsetChange(key, (Create(ONE, 60),), (), (ONE,), 60)
    with pytest.raises(Denied):
        client(named, tmp_path, named.secret).apply(change, lambda: True)


def test_a_server_that_is_away_and_back(own_named: NameServer, tmp_path: Path) -> None:
    zones = client(own_named, tmp_path, own_named.secret)
    zones.apply(make("git", ONE), lambda: True)
    own_named.stop()
    with pytest.raises(Unavailable):
        zones.apply(move("git", ONE, TWO), lambda: True)
    own_named.start()
    zones.apply(move("git", ONE, TWO), lambda: True)
    assert own_named.look_up(f"git.{ZONE}") == [TWO]


def test_a_cname_is_never_made_beside_anything(named: NameServer, tmp_path: Path) -> None:
    """It may have come after the look; bind9 would drop the CNAME and say that all is well."""
    named.change(ZONE, ("mail", "MX", 60, [f"10 ns.{ZONE}."]))
    key = RrsetKey(ZONE, "mail", "CNAME")
    change = RrsetChange(key, (Create(f"ns.{ZONE}", 60),), (), (f"ns.{ZONE}",), 60)
    with pytest.raises(Conflict):
        client(named, tmp_path, named.secret).apply(change, lambda: True)


def test_who_may_change_nothing_may_still_look(named: NameServer, tmp_path: Path) -> None:
    named.change(ZONE, ("seen", "A", 60, [ONE]))
    zones = client(named, tmp_path, named.reader_secret, READER)
    assert [record.value for record in zones.read(ZONE, "seen", ["A"])] == [ONE]


def test_a_zones_default_ttl_is_refused_before_anything_is_sent(
    named: NameServer, tmp_path: Path
) -> None:
    """An update says a number: 0 would mean that nobody may keep the answer."""
    zones = client(named, tmp_path, named.secret)
    change = replace(make("no-ttl", ONE), ttl=0)
    with pytest.raises(ZoneRefused) as caught:
        zones.apply(change, lambda: True)
    assert caught.value.reason == "Refused"
    assert "ttl" in str(caught.value)
    assert f"no-ttl.{ZONE}" in str(caught.value)
    assert zones.sent() == 0
    assert named.look_up(f"no-ttl.{ZONE}") == []
    zones.apply(make("no-ttl", ONE), lambda: True)
    record = Record(None, "no-ttl", "A", ONE, 60)
    key = RrsetKey(ZONE, "no-ttl", "A")
    zones.apply(RrsetChange(key, (Delete(record),), (record,), (), 0), lambda: True)
    assert named.look_up(f"no-ttl.{ZONE}") == []


def test_a_server_is_named_and_looked_up_when_it_is_asked(
    named: NameServer, tmp_path: Path
) -> None:
    """By the name that a service has in the swarm, as `bind9:53`: it moves."""
    (tmp_path / "tsig").write_text(named.secret)
    key = TsigKey(KEY, tmp_path / "tsig")
    assert named.address == "127.0.0.1"
    zones = UpdatedZones(UpdateServer("localhost", named.port, key), timeout_s=1.0)
    zones.apply(make("by-name", ONE), lambda: True)
    assert named.look_up(f"by-name.{ZONE}") == [ONE]
    nowhere = UpdatedZones(UpdateServer("nowhere.invalid", named.port, key), timeout_s=1.0)
    with pytest.raises(Unavailable, match=r"nowhere\.invalid"):
        nowhere.read(ZONE, "by-name", ["A"])
