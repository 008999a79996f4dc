"""One write of a move: tried again where only the version moved, given up for all other reasons."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from swarm_operator.observed.errors import Conflict
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.runtime.ports import SwarmPort
from swarm_operator.runtime.service_desk import ATTEMPTS, ServiceDesk
from swarm_operator.simulation.timeline import Timeline
from tests.runtime.fakes import TimelineClock

SERVICE = Service("s1", 7, "web", {"Name": "web"})
WANTED: JsonObject = {"Name": "web", "Labels": {"a": "b"}}


@dataclass
class Engine:
    """Refuses the first writes, as an engine whose version of the service has moved."""

    refusals: int
    meanwhile: dict[str, Any] = field(default_factory=dict)
    """Fields of the service that are other ones at the look after a refusal."""
    written: list[int] = field(default_factory=list)
    """Versions that were written to."""

    def update_service(self, service_id: str, version: int, spec: JsonObject) -> None:
        assert (service_id, spec) == (SERVICE.id, WANTED)
        self.written.append(version)
        if len(self.written) <= self.refusals:
            raise Conflict("update out of sequence")

    def read_progress(self, last: Swarm, services: frozenset[str]) -> Swarm:
        assert services == {SERVICE.id}
        moved = replace(SERVICE, version=SERVICE.version + len(self.written), **self.meanwhile)
        return replace(last, services=(moved,))


def put(engine: Engine, until: int = ATTEMPTS) -> bool:
    """The write, by one who leads until so many requests were sent."""
    desk = ServiceDesk(
        cast("SwarmPort", engine),
        TimelineClock(Timeline()),
        leads=lambda: len(engine.written) < until,
    )
    return desk.put(SERVICE, WANTED, Swarm("c", services=(SERVICE,)))


def test_a_version_that_moved_by_itself_is_no_edit() -> None:
    engine = Engine(refusals=2)
    assert put(engine)
    assert engine.written == [7, 8, 9]


def test_it_is_not_tried_for_ever() -> None:
    engine = Engine(refusals=99)
    assert not put(engine)
    assert len(engine.written) == ATTEMPTS


@pytest.mark.parametrize("until", [0, 1, 2])
def test_no_try_goes_out_without_the_lease(until: int) -> None:
    """A try may take long: another may lead when it comes back."""
    engine = Engine(refusals=99)
    assert not put(engine, until=until)
    assert len(engine.written) == until


@pytest.mark.parametrize(
    "meanwhile",
    [{"spec": {"Name": "web", "Labels": {}}}, {"previous_spec": {}}, {"update_state": "updating"}],
    ids=["spec", "the same spec once more", "update"],
)
def test_what_another_hand_did_ends_it(meanwhile: dict[str, Any]) -> None:
    engine = Engine(refusals=1, meanwhile=meanwhile)
    assert not put(engine)
    assert engine.written == [7]
