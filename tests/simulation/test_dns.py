"""The simulated DNS provider, asked by the operator's own clients over real sockets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarm_operator.clients.name_servers import Server, ZoneServers
from swarm_operator.clients.ovh import ConsumerKey, OvhAccount, OvhZones
from swarm_operator.observed.dns import Create, Delete, RrsetChange, RrsetKey, Update
from swarm_operator.observed.dns_errors import ZoneRefused
from swarm_operator.simulation.dns.api import DnsProvider
from swarm_operator.simulation.dns.zone import Zone
from swarm_operator.simulation.faces.serve import Faces
from swarm_operator.simulation.world import World
from tests.simulation.demo import short_folder

ZONE = "example.org"
KEY = RrsetKey(ZONE, "git", "A")
ONE, TWO = "51.75.10.1", "51.75.10.2"


@pytest.fixture(scope="module")
def faces() -> Iterator[Faces]:
    with short_folder() as folder:
        made = Faces(World(), Path(folder), dns_zones=[ZONE])
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def zones(faces: Faces, tmp_path: Path) -> Iterator[OvhZones]:
    files = {word: tmp_path / word for word in ("application_key", "application_secret")}
    files["consumer_key"] = tmp_path / "consumer_key"
    for file in files.values():
        file.write_text("word")
    client = OvhZones(OvhAccount(faces.dns_addr, ConsumerKey(**files)))
    yield client
    client.close()


@pytest.fixture
def servers(faces: Faces) -> ZoneServers:
    host, _, port = faces.name_server.partition(":")
    return ZoneServers({ZONE: [Server(host, int(port))]})


def change(*operations: Any) -> RrsetChange:
    return RrsetChange(KEY, operations, before=(), after=(), ttl=60)


def served(servers: ZoneServers, name: str = "git") -> tuple[str, ...]:
    (answer,) = servers.ask(ZONE, f"{name}.{ZONE}", "A")
    assert not answer.error
    return answer.values


def test_a_record_is_served_after_the_refresh_and_not_before(
    zones: OvhZones, servers: ZoneServers
) -> None:
    zones.apply(change(Create(ONE, 60)), lambda: True)
    assert served(servers) == ()
    zones.publish(ZONE)
    assert served(servers) == (ONE,)
    (record,) = zones.read(ZONE, "git", ["A"])
    assert (record.value, record.ttl) == (ONE, 60)
    zones.apply(change(Update(record, TWO, 60)), lambda: True)
    assert served(servers) == (ONE,)
    zones.publish(ZONE)
    assert served(servers) == (TWO,)
    zones.apply(change(Delete(record)), lambda: True)
    zones.publish(ZONE)
    assert served(servers) == ()


def test_what_the_name_server_is_not_asked_for(servers: ZoneServers) -> None:
    (answer,) = servers.ask(ZONE, "git.elsewhere.net", "A")
    assert answer.error == "REFUSED"


def test_an_unknown_zone_is_refused(zones: OvhZones) -> None:
    with pytest.raises(ZoneRefused):
        zones.read("elsewhere.net", "git", ["A"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/auth/time", None, 200),
        ("GET", f"/domain/zone/{ZONE}/record/1", None, 404),
        ("GET", f"/domain/zone/{ZONE}/record/x", None, 400),
        ("POST", f"/domain/zone/{ZONE}/record", {"fieldType": "A"}, 400),
        ("POST", f"/domain/zone/{ZONE}/record", {"fieldType": "A", "target": ONE, "ttl": 5}, 400),
        ("POST", f"/domain/zone/{ZONE}/refresh", None, 204),
        ("GET", "/me", None, 404),
    ],
)
def test_answers(method: str, path: str, body: Any, status: int) -> None:
    provider = DnsProvider({ZONE: Zone(ZONE)}, lambda: 0.0)
    assert provider.answer(method, path, {}, body)[0] == status


def test_filters_are_patterns_that_do_not_see_case_and_types_stay() -> None:
    zone = Zone(ZONE)
    for name in ("_x", "ax", "AX", "y"):
        zone.create({"fieldType": "A", "target": ONE, "subDomain": name})
    assert len(zone.matching("A", "_x")) == 3
    assert len(zone.matching("A", "ax")) == 2
    (one,) = zone.matching("A", "y")
    provider = DnsProvider({ZONE: zone}, lambda: 0.0)
    path = f"/domain/zone/{ZONE}/record/{one}"
    assert provider.answer("PUT", path, {}, {"fieldType": "AAAA"})[0] == 400
    assert provider.answer("PUT", path, {}, {"target": TWO})[0] == 204
    assert zone.get(one)["target"] == TWO
