"""The schedules' own tests: they are deterministic, can be played again, and what they do happens."""

import pytest

from swarm_operator.simulation.api.message import ApiRequest
from tests.laws.schedules.__main__ import play
from tests.laws.schedules.lab import Lab
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.process import Process
from tests.laws.schedules.schedule import LawBroken, Schedule
from tests.laws.schedules.vocabulary import (
    Consul,
    Crash,
    Edit,
    Freeze,
    Image,
    Kill,
    Push,
    Scale,
    Start,
    Trouble,
    Wait,
)


def document(image: str = "app:1", replicas: int = 2) -> dict[str, object]:
    web = {
        "image": image,
        "deploy": {
            "replicas": replicas,
            "update_config": {"failure_action": "rollback", "monitor": "2s"},
        },
    }
    return {"services": {"web": web, "db": {"image": "app:1"}}}


STORY = (
    Start("alpha"),
    Start("beta"),
    Push("shop", document()),
    Wait(10.0),
    Image("app:2", "crash"),
    Freeze("alpha", 1, 20.0),
    Push("shop", document("app:2")),
    Wait(30.0),
    Scale("shop_db", 3),
    Kill("w1"),
    Trouble("beta", "docker", "lost", 2, writes_only=True),
    Crash("beta", 3, applied=True),
    Edit("wiki", document("app:3")),
    Consul("frozen"),
    Wait(10.0),
)


class Diary(Monitor):
    """Every write to Docker, with its time."""

    pages: list[str]

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.pages = []

    def before_write(self, process: Process, request: ApiRequest) -> None:
        page = f"{self.lab.now:.6f} {process.name} {request.method} {request.path} {request.body}"
        self.pages.append(page)


def test_the_same_schedule_is_the_same_world() -> None:
    """Request by request, byte by byte, moment by moment."""
    diaries = [Schedule(STORY, seed=7, also=(Diary,)).play().monitor(Diary).pages for _ in range(2)]
    assert len(diaries[0]) > 5
    assert diaries[0] == diaries[1]


class NothingIsCreated(Monitor):
    """A law that cannot hold."""

    def before_write(self, process: Process, request: ApiRequest) -> None:
        if request.path == "/services/create":
            self.lab.broke("nothing is created", process.name)


def test_a_broken_law_prints_the_script_that_breaks_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Pasted as it is, it does the same again."""
    with pytest.raises(LawBroken) as broken:
        Schedule(STORY, seed=7, also=(NothingIsCreated,)).play()
    _, _, script = str(broken.value).partition("To play it again:\n\n")
    assert script.startswith("from tests.laws.schedules.vocabulary import *\n")
    played: dict[str, object] = {}
    exec(script.replace(".play()", "").replace("Schedule(", "again = Schedule("), played)
    again = played["again"]
    assert isinstance(again, Schedule)
    assert tuple(again.steps) == STORY
    assert again.seed == 7
    play(script)
    assert "POST /services/create shop_web" in capsys.readouterr().out


def test_what_is_left_broken_is_no_happy_end() -> None:
    """The end demands convergence: an operator that is dead cannot give it."""

    class Murder(Monitor):
        def before_write(self, process: Process, request: ApiRequest) -> None:
            del request
            process.faults.crash_at(0, applied=False)

    with pytest.raises(LawBroken, match="desired = observed"):
        Schedule((Start("alpha"), Push("shop", document())), also=(Murder,)).play()
