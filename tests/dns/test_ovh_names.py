"""The API's filters are patterns and do not see case; a name is only itself. Needs no name server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm_operator.clients.ovh import OvhZones
from tests.dns.ovh_world import OvhWorld, ovh_world

ZONE = "example.org"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OvhWorld]:
    with ovh_world(tmp_path, [ZONE]) as world:
        yield world


def test_a_pattern_and_another_case_find_no_other_name(world: OvhWorld) -> None:
    zone = world.double.zones[ZONE]
    for name, value in (("_x.gogs", "51.75.10.1"), ("zx.gogs", "51.75.10.2")):
        zone.put(name, value)
    zones = OvhZones(world.account())
    found = zones.read(ZONE, "_x.gogs", ["A"])
    zones.close()
    assert [(record.name, record.value) for record in found] == [("_x.gogs", "51.75.10.1")]
    listed = [
        call for call in world.double.calls() if call.startswith("GET") and "/record/" in call
    ]
    assert len(listed) == 2, "the double took the name for a pattern, as OVH does"
