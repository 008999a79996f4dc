"""The guided tour: every act holds, and each could fail."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from desired_state import keys
from swarm_operator.cli.demo import (
    acts_of_change,
    acts_of_dns,
    acts_of_faults,
    acts_of_routes,
    shop,
    theatre,
)
from swarm_operator.cli.demo.acts import ACTS, Act
from swarm_operator.cli.demo.route_witness import WINDOW_S
from swarm_operator.cli.demo.stage import ActFailed, Stage, pause
from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.faces.serve import Faces
from swarm_operator.simulation.timeline import Timeline
from swarm_operator.simulation.world import World
from tests.simulation.demo import COMMAND, bare_environment, call, short_folder

HALVES = ((1, 2, 3, 4, 5), (6, 7, 8, 9, 10, 11))
"""The tour mostly waits: its halves run beside each other, and beside the tests here."""


@dataclass
class Half:
    """A part of the tour as a process, and where its temporary files go."""

    process: subprocess.Popen[str]
    folder: Path


@pytest.fixture(scope="module", autouse=True)
def halves(request: pytest.FixtureRequest) -> Iterator[Mapping[tuple[int, ...], Half]]:
    """The last of the tests here look at them."""
    wanted = test_every_act_holds_and_nothing_is_left.__name__
    if not any(wanted in item.name for item in request.session.items):
        yield {}
        return
    with ExitStack() as stack:
        yield {acts: stack.enter_context(a_half(acts)) for acts in HALVES}


@contextmanager
def a_half(acts: Sequence[int]) -> Iterator[Half]:
    """The tour with these acts."""
    with short_folder() as folder:
        chosen = [word for number in acts for word in ("--act", str(number))]
        process = subprocess.Popen(
            [*COMMAND, "demo", "story", "--fast", *chosen],
            env=bare_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield Half(process, folder)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_one_act_can_be_asked_for() -> None:
    with short_folder() as folder:
        done = call("demo", "story", "--fast", "--act", "10", environment=bare_environment(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert [line for line in done.stdout.splitlines() if line.startswith("Act ")] == [
            "Act 10: A stack is removed"
        ]


def test_an_act_that_there_is_not() -> None:
    with short_folder() as folder:
        done = call("demo", "story", "--act", "99", environment=bare_environment(folder))
        assert done.returncode == 2
        assert "there is no act 99: they are 1 to 11" in done.stderr


@contextmanager
def a_stage() -> Iterator[Stage]:
    """A world with a short breath and no operator in it."""
    with short_folder() as folder:
        timeline = Timeline(start=datetime.now(UTC))
        faces = Faces(
            World(seed=1, tempo=Tempo(heartbeat_s=1.0), timeline=timeline),
            folder,
            traefik_throttle_s=0.5,
            dns_zones=[acts_of_dns.ZONE],
        )
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


def test_servers_that_stay_behind_fail_the_act(
    played: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update while nobody writes routes: requests go to where no task is any more."""

    def updated_by_hand(stage: Stage, _image: str) -> float:
        os.kill(stage.operators[0].pid, signal.SIGSTOP)
        swarm = stage.clients.swarm
        found = swarm.read().services_by_name[acts_of_routes.WEB]
        template = {**found.spec["TaskTemplate"], "ForceUpdate": 1}
        swarm.update_service(found.id, found.version, {**found.spec, "TaskTemplate": template})
        pause(1.0)
        stage.until("all tasks run", lambda: stage.running(acts_of_routes.WEB) == 3, 20)
        pause(WINDOW_S + 2)
        return 0.0

    monkeypatch.setattr(acts_of_routes, "_updated", updated_by_hand)
    try:
        with pytest.raises(ActFailed, match="no server was a task whose time is up"):
            acts_of_routes.follows(played)
    finally:
        os.kill(played.operators[0].pid, signal.SIGCONT)
        acts_of_routes._removed(played)


def test_nothing_moves_by_itself(played: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Swarm leaves two tasks on one node where they are, though there is room."""
    move = acts_of_routes._move

    def move_without_an_operator(stage: Stage, image: str) -> None:
        stage.push(acts_of_routes.STACK, acts_of_routes.document(image))
        stage.until("it is Ready", lambda: stage.state(acts_of_routes.STACK) == "Ready", 20)
        os.kill(stage.operators[0].pid, signal.SIGSTOP)
        monkeypatch.setattr(stage, "patience", 0.03)
        move(stage, image)

    monkeypatch.setattr(acts_of_routes, "_move", move_without_an_operator)
    try:
        with pytest.raises(ActFailed, match=r"each task has a node of its own.* instead: 2 nodes"):
            acts_of_routes.follows(played)
    finally:
        os.kill(played.operators[0].pid, signal.SIGCONT)
        monkeypatch.undo()
        acts_of_routes._removed(played)


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
    9: "the operator looked at it",
    3: "the operator looked at the swarm",
    4: "a task is on its way to worker-[12]",
    1: "four writes",
    6: "the update began",
    8: "the first write",
    2: f"{shop.WEB} wishes for 3 again; instead: 6",
    10: "all three services are gone",
    5: "the route is live",
    11: "the name is there",
    7: "the operator leads again|the operator says that it waits",
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


def test_an_act_that_fails_leaves_the_world_to_the_others_as_it_was(
    stopped: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts_of_faults, "FROZEN_S", 0.5)
    monkeypatch.setattr(stopped, "patience", 0.1)
    before = stopped.clients.kv.read(keys.DESIRED).entries
    with pytest.raises(ActFailed):
        acts_of_faults.blind(stopped)
    after = stopped.clients.kv.read(keys.DESIRED).entries
    assert {key: entry.value for key, entry in after.items()} == {
        key: entry.value for key, entry in before.items()
    }
    assert len(before) > 1
    with pytest.raises(ActFailed, match="the first write"):
        acts_of_faults.killed(stopped)
    assert stopped.faces.gate.delay_s == 0.0


def test_every_act_is_tried_with_an_operator_that_stands_still() -> None:
    assert sorted(STANDS_STILL) == [act.number for act in ACTS]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("acts", HALVES)
def test_every_act_holds_and_nothing_is_left(
    halves: Mapping[tuple[int, ...], Half], acts: tuple[int, ...]
) -> None:
    half = halves[acts]
    told, _ = half.process.communicate(timeout=240)
    assert half.process.returncode == 0, told
    assert told.count("  ok        (") == len(acts)
    assert "ok: every act held" in told.splitlines()[-1]
    assert list(half.folder.iterdir()) == []


def test_the_halves_are_the_whole() -> None:
    assert sorted(number for acts in HALVES for number in acts) == [act.number for act in ACTS]
