"""The contract that moves rest on: SwarmKit's behaviour, on real engines, one generation after another.

No daemon here: the mover works on the engine directly, so that it can be stopped after any write.
"""

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clock import SystemClock
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Task
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.objective import Change
from swarm_operator.plan.rebalance.start import Limits
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime.move_reports import Progress
from swarm_operator.runtime.mover import Mover
from swarm_operator.runtime.withdrawal import NothingPublished
from tests.cluster.harness import Lab, eventually
from tests.cluster.harness.images import Image

NAME = "moved"
JOB = "job"
IMAGE = "lab/web:1"
RARE = Image("lab/rare:1", cmd=["until-term", "sleep", "2147483647"])
"""On all nodes but the last."""
LIMITS = Limits(settle_s=2, start_s=20)
PATIENT = Limits(settle_s=2, start_s=120)
"""For a swarm without a leader: nobody sees for some 20 s what has come up."""
WORKERS = ("node2", "node3", "node4")
WORLDS: dict[int, tuple[str, ...]] = {1: ("node2",), 2: ("node2", "node3"), 4: ("node2", "node3")}
"""By replicas, the nodes that hold them; the others are empty."""
MANY: dict[int, tuple[str, ...]] = {14: ("node2",)}
"""More than the twelve up to which Swarm's order among equals is known."""


@pytest.fixture(scope="module")
def shared_workers(engine: str) -> Iterator[Lab]:
    with Lab.start(4, 1, engine) as made:
        made.load_images()
        made.load_images(RARE, on=made.nodes[:-1])
        made.docker_cli(1, "node", "update", "--availability", "drain", "node1")
        yield made


@pytest.fixture
def stage(shared_workers: Lab) -> Iterator["Stage"]:
    made = Stage(shared_workers)
    yield made
    made.close()


class Watch(threading.Thread):
    """How many serve, and what was started, many times a second."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._port = DockerSwarm(url)
        self._ended = threading.Event()
        self._last = self._port.read()
        self._service = frozenset({self._last.services_by_name[NAME].id})
        self.counts: list[int] = []
        self.ran: set[str] = set()
        self._look()

    def _look(self) -> None:
        self._last = self._port.read_progress(self._last, self._service)
        tasks = [t for s in self._service for t in self._last.tasks_by_service.get(s, ())]
        running = [task for task in tasks if task.state == "running"]
        self.counts.append(sum(task.desired_state == "running" for task in running))
        self.ran |= {task.id for task in running}

    def run(self) -> None:
        while not self._ended.wait(0.02):
            with contextlib.suppress(OutsideError):
                self._look()  # without a leader nobody answers for a while

    def end(self) -> None:
        self._ended.set()
        self.join()
        self._port.close()


class Stage:
    """A service on a real swarm, and a mover for it."""

    def __init__(self, lab: Lab, through: int = 1) -> None:
        """`through` is the number of the manager that is asked."""
        self.lab = lab
        self.url = f"unix://{lab.node(through).socket}"
        self.workers: Sequence[str] = WORKERS
        self.port = DockerSwarm(self.url)
        self._ids = itertools.count(1)
        self.writes = 0
        self.said: list[str] = []
        self.mover = self.new_mover()
        self._watch: Watch | None = None
        self._before: set[str] = set()

    def close(self) -> None:
        self.end_watch()
        self.lab.docker_cli(1, "service", "rm", NAME, check=False)
        self.lab.wait_until_gone(NAME)
        self.only(*self.workers)
        self.port.close()

    def new_mover(self) -> Mover:
        """As after a restart of the operator."""
        self.mover = Mover(
            self.port,
            SystemClock(),
            NothingPublished(),
            who="test",
            new_id=lambda: f"move-{next(self._ids)}",
        )
        return self.mover

    def only(self, *hostnames: str) -> None:
        """What is so already is not said again: each call of the command line takes a while."""
        found = {node.hostname: node.availability for node in self.port.read().nodes}
        for hostname in self.workers:
            word = "active" if hostname in hostnames else "pause"
            if found.get(hostname) != word:
                self.lab.docker_cli(1, "node", "update", "--availability", word, hostname)

    def create(
        self,
        replicas: int,
        *,
        image: str = IMAGE,
        placement: bool = True,
        hosts: Sequence[str] = (),
    ) -> JsonObject:
        """Spread over `hosts`, or the nodes of its world; then all workers take tasks again."""
        self.only(*(hosts or (WORLDS | MANY)[replicas]))
        template: JsonObject = {"ContainerSpec": {"Image": image, "Env": ["A=1"]}}
        if placement:
            template["Placement"] = {"Constraints": ["node.role==worker"]}
        body = {
            "Name": NAME,
            "Labels": {"mine": "yes"},
            "TaskTemplate": template,
            "Mode": {"Replicated": {"Replicas": replicas}},
            "UpdateConfig": {"Parallelism": 2, "MaxFailureRatio": 0.25},
        }
        self.send(body)
        self.lab.wait_until_running(NAME, replicas)
        self.only(*self.workers)
        return self.service.spec

    def send(self, body: JsonObject) -> None:
        """Create a service as the API has it; our own client refuses one without `Placement`."""
        engine: Any = self.lab.manager.docker
        url = engine._url("/services/create")
        engine._raise_for_status(engine._post_json(url, data=body))

    @property
    def service(self) -> Service:
        return self.port.read().services_by_name[NAME]

    def tasks(self, name: str = NAME) -> Sequence[Task]:
        swarm = self.port.read()
        return swarm.tasks_by_service.get(swarm.services_by_name[name].id, ())

    def serving(self) -> list[Task]:
        return [t for t in self.tasks() if t.state == "running" and t.desired_state == "running"]

    def hosts(self) -> dict[str, int]:
        return dict(Counter(self.lab.hosts_of(NAME)))

    def begin(
        self,
        target: str,
        how: How = How.DIRECTED,
        limits: Limits = LIMITS,
        sources: Sequence[str] = (),
    ) -> str:
        """From whichever node Swarm would take the task, or any of `sources`; its name."""
        swarm = self.port.read()
        ids = {node.hostname: node.id for node in swarm.nodes}
        service = swarm.services_by_name[NAME]
        refusals = []
        for source in self.hosts():
            landings = frozenset({ids[target]})
            leaves = frozenset(ids[name] for name in sources)
            move = Move(service.id, NAME, ids[source], ids[target], how, Change(), landings, leaves)
            why = self.mover.begin(move, swarm, limits)
            if why is None:
                self._begin_watch()
                return source
            refusals.append(why)
        raise AssertionError("; ".join(refusals))

    def _begin_watch(self) -> None:
        self._watch = Watch(self.url)
        self._before = set(self._watch.ran)
        self._watch.start()

    def end_watch(self) -> None:
        if self._watch is not None and self._watch.is_alive():
            self._watch.end()

    def seen(self) -> tuple[int, int]:
        """The fewest that served, and how many tasks were started."""
        assert self._watch is not None
        self.end_watch()
        return min(self._watch.counts), len(self._watch.ran - self._before)

    def step(self) -> Progress:
        try:
            progress = self.mover.step(self.port.read(), lambda labels: labels.get("mine") == "yes")
        except OutsideError as error:
            self.said.append(str(error))
            return Progress(due_s=0.5, saw=False)
        self.writes += progress.wrote
        self.said += [f"{r.why} {r.outcome or ''}" for r in progress.reports]
        return progress

    def go(self, until: Callable[[], bool] | None = None, within: float = 90) -> Outcome | None:
        end, outcome = time.monotonic() + within, None
        while time.monotonic() < end:
            progress = self.step()
            outcome = next((r.outcome for r in progress.reports if r.outcome), outcome)
            if until is not None and until():
                return None
            if progress.is_idle and not progress.wrote:
                return outcome  # None: there was nothing left to do
            time.sleep(max(0.02, min(progress.due_s or 0.0, 0.3)))
        raise AssertionError("\n".join(["no end:", *self.said[-10:]]))

    def assert_as_before(self, original: JsonObject) -> None:
        template = {"Placement": {}, **original["TaskTemplate"]}
        service = self.service
        assert service.spec == {**original, "TaskTemplate": template}
        assert service.previous_spec == service.spec


def slow(values: Iterable[int]) -> list[Any]:
    """Run by `make test-full` only: the others show the same in less time."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in sorted(values)]


@pytest.mark.parametrize(
    ("replicas", "placement"),
    [
        *((replicas, True) for replicas in (*WORLDS, *MANY)),
        (1, False),
        *(pytest.param(replicas, False, marks=pytest.mark.slow) for replicas in (2, 4, 14)),
    ],
)
def test_one_task_moves_and_no_other_restarts(stage: Stage, replicas: int, placement: bool) -> None:
    original = stage.create(replicas, placement=placement)
    before = stage.hosts()
    began = time.monotonic()
    source = stage.begin("node4")
    assert stage.go() is Outcome.MOVED, stage.said
    print(f"{time.monotonic() - began - LIMITS.settle_s:.2f} s and the settle time")
    stage.lab.wait_until_running(NAME, replicas)
    moved = Counter(before)
    moved.subtract([source])
    moved.update(["node4"])
    assert stage.hosts() == {host: count for host, count in moved.items() if count}
    assert stage.seen() == (replicas, 1)
    stage.assert_as_before(original)
    assert stage.writes == (4 if before[source] == 1 else 3) + (not placement)


@pytest.mark.slow
def test_of_many_whichever_of_the_fullest_nodes_loses_one(stage: Stage) -> None:
    """Beyond twelve slots nobody knows which: both are as good."""
    fullest = ("node2", "node3")
    original = stage.create(14, hosts=fullest)
    assert stage.hosts() == dict.fromkeys(fullest, 7)
    stage.begin("node4", sources=fullest)
    assert stage.go() is Outcome.MOVED
    assert stage.seen() == (14, 1)
    assert sorted(stage.hosts().values()) == [1, 6, 7]
    stage.assert_as_before(original)


@pytest.mark.parametrize("replicas", WORLDS)
def test_a_target_without_the_image(stage: Stage, replicas: int) -> None:
    original = stage.create(replicas, image=RARE.name)
    before = stage.hosts()
    stage.begin("node4")
    assert stage.go() is Outcome.ABORTED, stage.said
    stage.lab.wait_until_running(NAME, replicas)
    assert stage.hosts() == before
    assert stage.seen() == (replicas, 0)
    stage.assert_as_before(original)


@pytest.mark.parametrize("image", [IMAGE, RARE.name], ids=["good", "absent"])
@pytest.mark.parametrize("writes", [1, 2, 3])
@pytest.mark.parametrize("replicas", [2, *slow({1, 4})])
def test_the_operator_dies_after_a_write(
    stage: Stage, replicas: int, writes: int, image: str
) -> None:
    original = stage.create(replicas, image=image)
    stage.begin("node4")
    if stage.go(until=lambda: stage.writes == writes) is None:
        time.sleep(0.2)
        stage.new_mover()
        stage.go()
    stage.lab.wait_until_running(NAME, replicas)
    lowest, started = stage.seen()
    assert lowest == replicas, stage.said
    assert started <= 1
    stage.assert_as_before(original)


@pytest.mark.parametrize("replicas", WORLDS)
def test_renewed_credentials(stage: Stage, replicas: int) -> None:
    """Every task is dirty together with a change of placement."""
    stage.create(replicas)
    for auth in ("eyJ1c2VybmFtZSI6ICJhIn0=", None):
        service = stage.service
        stage.port.update_service(service.id, service.version, service.spec, registry_auth=auth)
    original = stage.service.spec
    time.sleep(1)
    stage.begin("node4")
    stage.go(within=120)
    eventually(lambda: len(stage.lab.running_tasks(NAME)) == replicas, 30)
    lowest, _ = stage.seen()
    assert lowest == replicas, stage.said
    stage.assert_as_before(original)


@pytest.mark.parametrize("image", [IMAGE, RARE.name], ids=["good", "absent"])
def test_stop_first(stage: Stage, image: str) -> None:
    original = stage.create(1, image=image)
    stage.begin("node4", How.STOP_FIRST)
    outcome = stage.go()
    stage.lab.wait_until_running(NAME, 1)
    if image == IMAGE:
        assert outcome is Outcome.MOVED
        assert stage.hosts() == {"node4": 1}
        assert stage.seen()[1] == 1
    else:
        assert outcome is Outcome.ABORTED
    assert stage.service.spec == original


@pytest.mark.parametrize("writes", [1, 2])
@pytest.mark.parametrize("replicas", [2, *slow({1, 4})])
def test_the_source_nodes_labels_change(stage: Stage, replicas: int, writes: int) -> None:
    """The enforcer looks at all tasks of the node then, and rejects what a mark shuts out there."""
    original = stage.create(replicas)
    source = stage.begin("node4")
    stage.go(until=lambda: stage.writes == writes)
    stage.lab.docker_cli(1, "node", "update", "--label-add", f"rack={writes}", source)
    assert stage.go() is Outcome.MOVED, stage.said
    stage.lab.wait_until_running(NAME, replicas)
    assert stage.seen() == (replicas, 1)
    stage.assert_as_before(original)


@pytest.mark.parametrize("writes", [1, 2])
def test_the_leader_dies(lab: Callable[..., Lab], writes: int) -> None:
    """Whoever leads next begins every update anew, and looks at every node."""
    made = lab(6, 3)
    made.load_images()
    for number in (1, 2, 3):
        made.docker_cli(1, "node", "update", "--availability", "drain", f"node{number}")
    stage = Stage(made, through=2)
    stage.workers = ("node4", "node5", "node6")
    original = stage.create(2, hosts=("node4", "node5"))
    stage.begin("node6", limits=PATIENT)
    stage.go(until=lambda: stage.writes == writes)
    made.node(1).power_off()
    assert stage.go(within=180) is Outcome.MOVED, stage.said
    eventually(lambda: len(made.running_tasks(NAME)) == 2, 60)
    assert stage.seen() == (2, 1)
    stage.assert_as_before(original)
    stage.port.close()


@pytest.mark.slow
def test_the_target_loses_its_power(stage: Stage) -> None:
    """It shows as ready for 10 to 16 s more; a settle time that is longer sees it."""
    original = stage.create(2)
    before = stage.hosts()
    stage.begin("node4", limits=Limits(settle_s=20, start_s=60))
    stage.go(until=lambda: "node4" in stage.hosts())
    target = stage.lab.node(4)
    target.power_off()
    assert stage.go(within=180) is Outcome.ABORTED, stage.said
    assert stage.hosts() == before
    assert stage.seen() == (2, 1), "the one that was lost, and no other"
    stage.assert_as_before(original)
    target.power_on()
    stage.lab.wait_until_ready(60)


def test_a_paused_update_is_not_begun_on(stage: Stage) -> None:
    stage.create(4)  # of which its own config stops two
    stage.lab.docker_cli(
        1, "service", "update", "-d", "--no-resolve-image", "--image", "lab/nowhere:1", NAME
    )
    eventually(lambda: stage.service.update_state == "paused", 30)
    before = stage.service
    with pytest.raises(AssertionError, match="an update of it is paused"):
        stage.begin("node4")
    stage.step()
    assert stage.service == before


def test_a_job_is_never_touched(stage: Stage) -> None:
    """Its mere label would run it again."""
    body = {
        "Name": JOB,
        "TaskTemplate": {"ContainerSpec": {"Image": "lab/sleep:1"}, "Placement": {}},
        "Mode": {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}},
    }
    stage.send(body)
    eventually(lambda: any(task.state == "running" for task in stage.tasks(JOB)), 20)
    swarm = stage.port.read()
    before = swarm.services_by_name[JOB]
    (task,) = stage.tasks(JOB)
    assert task.node_id is not None
    ids = {node.hostname: node.id for node in swarm.nodes}
    move = Move(before.id, JOB, task.node_id, ids["node4"], How.DIRECTED, Change(), frozenset())
    why = stage.mover.begin(move, swarm, LIMITS)
    assert why == "it is no replicated service with a task"
    stage.step()
    assert stage.port.read().services_by_name[JOB] == before
    stage.lab.docker_cli(1, "service", "rm", JOB)


def test_a_person_changes_the_image_in_the_middle(stage: Stage) -> None:
    original = stage.create(2)
    stage.begin("node4")
    stage.go(until=lambda: stage.writes == 1)
    stage.lab.docker_cli(
        1, "service", "update", "-d", "--no-resolve-image", "--image", "lab/web:2", NAME
    )
    assert stage.go() is Outcome.YIELDED
    container = {**original["TaskTemplate"]["ContainerSpec"], "Image": "lab/web:2"}
    template = {**original["TaskTemplate"], "ContainerSpec": container}
    assert stage.service.spec == {**original, "TaskTemplate": template}
    assert stage.service.previous_spec == stage.service.spec
    eventually(lambda: [t.image for t in stage.serving()] == ["lab/web:2"] * 2, 60)
