"""What the schedules aim at is hit, and what they reach is noticed."""

from collections.abc import Sequence

import pytest

from swarm_operator.simulation.api.message import ApiRequest
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.coverage import (
    ADOPTED,
    FENCED_OFF,
    LATE,
    MOVED,
    PUSHED_AGAIN,
    ROLLED_BACK,
    TWO_LEAD,
    Coverage,
)
from tests.laws.schedules.process import Process
from tests.laws.schedules.schedule import LawBroken, Schedule
from tests.laws.schedules.step import Step
from tests.laws.schedules.vocabulary import (
    Crash,
    DeployByDocker,
    EndSession,
    Freeze,
    Image,
    Push,
    Scale,
    Start,
    Trouble,
    Wait,
)

ROLLS_BACK = {"update_config": {"failure_action": "rollback", "monitor": "2s"}}


def pair(image: str = "app:1", deploy: object = None) -> dict[str, object]:
    services = {name: {"image": image, "deploy": deploy or {}} for name in ("api", "web")}
    return {"services": services}


PUSHED = (Start("alpha"), Push("shop", pair()), Wait(10.0))
BOTH = (Start("alpha"), Wait(1.0), Start("beta"), Push("shop", pair()), Wait(10.0))
CHANGE = (Push("shop", pair("app:2")), Wait(20.0))
FAILS = Push("shop", pair("app:2", ROLLS_BACK))

SCHEDULES: dict[str, Sequence[Step]] = {
    ROLLED_BACK: (
        Start("alpha"),
        Push("shop", pair(deploy=ROLLS_BACK)),
        Wait(10.0),
        Image("app:2", "crash"),
        FAILS,
        Wait(20.0),
    ),
    ADOPTED: (DeployByDocker("shop", pair()), *PUSHED),
    TWO_LEAD: (*BOTH, Freeze("leader", 0, 6.0, EndSession(), "docker"), *CHANGE),
    LATE: (*BOTH, Freeze("leader", 0, 45.0, None, "docker"), *CHANGE),
    FENCED_OFF: (*BOTH, Freeze("leader", 0, 45.0, None, "consul"), *CHANGE),
    MOVED: (
        *PUSHED,
        Freeze("leader", 0, 0.1, Scale("shop_web", 3), "docker"),
        *CHANGE,
    ),
    **{
        f"crash {'after' if applied else 'before'} a {api} write": (
            *PUSHED,
            Crash("leader", 0, applied, api),
            *CHANGE,
        )
        for api in ("docker", "consul")
        for applied in (True, False)
    },
    **{
        f"{fault} {api} write": (
            *PUSHED,
            Trouble("leader", api, fault, 1, writes_only=True),
            *CHANGE,
        )
        for api in ("docker", "consul")
        for fault in ("refused", "slow", "stuck", "lost")
    },
    "moved docker write": (*PUSHED, Trouble("leader", "docker", "moved", 1, True), *CHANGE),
}
SCHEDULES[PUSHED_AGAIN] = (*SCHEDULES[ROLLED_BACK], FAILS, Wait(20.0))


def reached(*steps: Step) -> set[str]:
    return Schedule(steps).play().monitor(Coverage).reached


@pytest.mark.parametrize("word", SCHEDULES)
def test_what_is_aimed_at_is_reached(word: str) -> None:
    assert word in reached(*SCHEDULES[word])


def test_nothing_is_reached_where_nothing_happens() -> None:
    assert reached(*PUSHED, *CHANGE) == set()


@pytest.mark.parametrize("api", ["docker", "consul"])
@pytest.mark.parametrize("fault", ["refused", "slow", "stuck", "lost"])
def test_an_answer_that_does_not_come_saves_nobody_from_dying(api: str, fault: str) -> None:
    trouble = Trouble("leader", api, fault, 1, writes_only=True)
    words = reached(*PUSHED, trouble, Crash("leader", 0, True, api), *CHANGE)
    assert {f"{fault} {api} write", f"crash after a {api} write"} <= words


def test_an_update_with_a_version_that_nobody_planned_with_is_noticed() -> None:
    """Another hand changes the second service while the operator writes the first."""

    class ReadsAgain(Monitor):
        def before_write(self, process: Process, request: ApiRequest) -> None:
            del process
            service_id = request.path.removeprefix("/services/").removesuffix("/update")
            service = self.lab.engine.store.services.get(service_id)
            if service is not None:
                assert isinstance(request.query, dict)
                request.query["version"] = str(service.meta.version)

    race = (*PUSHED, Freeze("leader", 0, 0.1, Scale("shop_web", 3), "docker"), *CHANGE)
    Schedule(race).play()
    with pytest.raises(LawBroken, match="unseen"):
        Schedule(race, also=(ReadsAgain,)).play()
