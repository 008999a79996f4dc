"""The guided tour: every act holds, and each could fail."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from swarm_operator.cli.demo import acts_of_change, acts_of_faults, shop, theatre
from swarm_operator.cli.demo.acts import ACTS, Act
from swarm_operator.cli.demo.stage import ActFailed, Stage
from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.faces.serve import Faces
from swarm_operator.simulation.timeline import Timeline
from swarm_operator.simulation.world import World
from tests.simulation.demo import COMMAND, bare_environment, call, short_folder

WholeStory: TypeAlias = tuple[subprocess.Popen[str], Path]
"""The process, and where its temporary files go."""


@pytest.fixture(scope="module", autouse=True)
def whole_story(request: pytest.FixtureRequest) -> Iterator[WholeStory | None]:
    """The tour mostly waits: it runs beside the tests here, and the last of them looks at it."""
    wanted = test_every_act_holds_and_nothing_is_left.__name__
    if not any(item.name == wanted for item in request.session.items):
        yield None
        return
    with short_folder() as folder:
        process = subprocess.Popen(
            [*COMMAND, "demo", "story", "--fast"],
            env=bare_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process, folder
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_one_act_can_be_asked_for() -> None:
    with short_folder() as folder:
        done = call("demo", "story", "--fast", "--act", "8", environment=bare_environment(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert [line for line in done.stdout.splitlines() if line.startswith("Act ")] == [
            "Act 8: A stack is removed"
        ]


def test_an_act_that_there_is_not() -> None:
    with short_folder() as folder:
        done = call("demo", "story", "--act", "99", environment=bare_environment(folder))
        assert done.returncode == 2
        assert "there is no act 99: they are 1 to 8" in done.stderr


@contextmanager
def a_stage() -> Iterator[Stage]:
    """A world with a short breath and no operator in it."""
    with short_folder() as folder:
        timeline = Timeline(start=datetime.now(UTC))
        faces = Faces(World(seed=1, tempo=Tempo(heartbeat_s=1.0), timeline=timeline), folder)
        faces.start()
        made = Stage(faces, 5.0, bare_environment(folder))
        try:
            yield made
        finally:
            made.stop_operators()
            faces.stop()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with a_stage() as made:
        yield made


def test_without_an_operator_no_act_holds(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """A world that does it all by itself would prove nothing."""
    shop.make_foreign_service(stage)
    stage.patience = 0.1
    assert theatre.played(stage, [ACTS[0]]) == [1]
    told = capsys.readouterr().out
    assert "FAILED" in told
    assert "not within" in told


def test_an_operator_that_ends_by_itself_fails_whatever_act(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.start_operator().stop()
    assert theatre.played(stage, [Act(1, "Nothing", lambda _stage: None)]) == [1]
    assert "an operator ended by itself with exit code 0" in capsys.readouterr().out


def test_paths_of_the_logs_are_private(stage: Stage) -> None:
    assert Path(stage.log(1)).parent == stage.faces.folder


@pytest.fixture(scope="module")
def played() -> Iterator[Stage]:
    """A stage on which all runs; the tests below go on with it, in their order."""
    with a_stage() as made:
        made.start_operator()
        shop.prologue(made)
        yield made


def test_a_write_too_many_fails_the_act(played: Stage) -> None:
    stopping = threading.Event()

    def meddle() -> None:
        number = 0
        while not stopping.wait(0.5):
            acts_of_change.label(played, number)
            number += 1

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        with pytest.raises(ActFailed, match="no write to the engine"):
            acts_of_faults.node_loss(played)
    finally:
        stopping.set()
        meddler.join()


@pytest.fixture(scope="module")
def stopped(played: Stage) -> Iterator[Stage]:
    """The same with an operator that neither ends nor does anything (SIGSTOP)."""
    shop.ready(played)
    pid = played.operators[0].pid
    os.kill(pid, signal.SIGSTOP)
    yield played
    played.operators[0].kill()


STANDS_STILL = {
    # First those in which nobody has to write anything: they leave all as it is.
    7: "the operator looked at it",
    3: "the operator looked at the swarm",
    1: "four writes",
    4: "the update began",
    6: "the first write",
    2: f"{shop.WEB} wishes for 3 again; instead: 6",
    8: "all three services are gone",
    5: "the operator leads again|the operator says that it waits",
}
"""What each act misses where the operator stands still."""


@pytest.mark.parametrize("number", STANDS_STILL)
def test_with_an_operator_that_stands_still_no_act_holds(
    stopped: Stage, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts_of_faults, "FROZEN_S", 0.5)
    # The engine moves the tasks of a lost node by itself, in its own time.
    monkeypatch.setattr(stopped, "patience", 1.0 if number == 3 else 0.1)
    act = next(each for each in ACTS if each.number == number)
    with pytest.raises(ActFailed, match=STANDS_STILL[number]):
        act.play(stopped)


def test_every_act_is_tried_with_an_operator_that_stands_still() -> None:
    assert sorted(STANDS_STILL) == [act.number for act in ACTS]


@pytest.mark.timeout(300)
def test_every_act_holds_and_nothing_is_left(whole_story: WholeStory) -> None:
    process, folder = whole_story
    told, _ = process.communicate(timeout=240)
    assert process.returncode == 0, told
    assert told.count("  ok        (") == len(ACTS)
    assert "ok: every act held" in told.splitlines()[-1]
    assert list(folder.iterdir()) == []
