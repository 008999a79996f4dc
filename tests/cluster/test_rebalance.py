"""A worker loses its power, comes back, and its tasks come home: on a real swarm, by the daemon."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.swarm import Swarm
from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import ROOT, Stage, document, service

POLICY = (
    "rebalance: {hold_off: 1s, settle: 2s, canary: 1s, min_age: 5s, between_moves: 1s, "
    "moves_per_hour: 600, default: auto}\n"
)
SIZES = {"shop_api": 6, "shop_web": 3, "shop_solo": 1}


@pytest.fixture(scope="module")
def stage(engine: str) -> Iterator[Stage]:
    """One manager, which takes no tasks, and three workers; heartbeats of a second."""
    with Lab.start(4, 1, engine, heartbeat_s=1) as lab:
        lab.load_images()
        lab.consul.start()
        lab.docker_cli(1, "node", "update", "--availability", "drain", "node1")
        with Stage.of(lab) as made:
            made.kv.put(f"{ROOT}desired/policy", POLICY)
            yield made


class Watch(threading.Thread):
    """How few of each service's tasks served, and which came to run, many times a second."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self._port = DockerSwarm(f"unix://{lab.manager.socket}")
        self._ended = threading.Event()
        self.lowest = dict(SIZES)
        self.seen: set[str] = set()
        self._look()
        self.before = frozenset(self.seen)

    @property
    def restarts(self) -> int:
        """Tasks that came to run since the beginning."""
        return len(self.seen - self.before)

    def _look(self) -> None:
        swarm = self._port.read()
        for name in SIZES:
            running = serving(swarm, name)
            self.lowest[name] = min(self.lowest[name], len(running))
            self.seen |= {task_id for task_id, _ in running}

    def run(self) -> None:
        while not self._ended.wait(0.05):
            with contextlib.suppress(OutsideError):
                self._look()

    def end(self) -> None:
        self._ended.set()
        self.join()
        self._port.close()


def serving(swarm: Swarm, name: str) -> list[tuple[str, str]]:
    """Ids and host names of a service's running tasks."""
    found = swarm.tasks_by_service.get(swarm.services_by_name[name].id, ())
    return [
        (task.id, swarm.nodes_by_id[task.node_id].hostname)
        for task in found
        if task.state == task.desired_state == "running"
        and task.node_id is not None
        and swarm.nodes_by_id[task.node_id].state == "ready"
    ]


def hosts(stage: Stage) -> dict[str, Counter[str]]:
    port = DockerSwarm(f"unix://{stage.lab.manager.socket}")
    swarm = port.read()
    port.close()
    return {name: Counter(host for _, host in serving(swarm, name)) for name in SIZES}


def all_run_without(stage: Stage, lost: str) -> bool:
    found = hosts(stage)
    all_run = {name: sum(on.values()) for name, on in found.items()} == SIZES
    return all_run and not any(on[lost] for on in found.values())


def status(stage: Stage) -> dict[str, Any]:
    value = stage.key("status/rebalance")
    found: dict[str, Any] = json.loads(value) if value else {}
    return found


def moves(stage: Stage) -> list[str]:
    """How the moves ended."""
    ring = [json.loads(stage.key(key) or b"{}") for key in stage.keys_below("status/events/")]
    ends = {"moved", "aborted", "yielded", "lost"}
    return [e["result"] for e in ring if e.get("verb") == "move" and e["result"] in ends]


def wait(stage: Stage, holds: Callable[[], object], within: float, what: str) -> None:
    try:
        eventually(holds, within, what)
    except AssertionError as error:
        text = json.dumps(status(stage), indent=1)[:3000]
        raise AssertionError(f"{error}\n{text}\n{stage.operator.tail(3000)}") from None


def test_tasks_come_home_after_a_power_loss(stage: Stage) -> None:
    stage.deploy(
        "shop",
        document(
            {
                name.removeprefix("shop_"): service("lab/web:1", replicas=size)
                for name, size in SIZES.items()
            }
        ),
    )
    lost = stage.lab.node(4)
    lost.power_off()
    wait(
        stage,
        lambda: all_run_without(stage, "node4"),
        60,
        "Swarm puts the tasks elsewhere",
    )
    lost.power_on()
    specs = {name: stage.spec(name) for name in SIZES}
    watch = Watch(stage.lab)
    watch.start()
    wait(stage, lambda: status(stage).get("wished") and moves(stage) == [], 60, "moves are wished")
    wished = len(status(stage)["wished"])
    wait(stage, lambda: len(moves(stage)) == wished, 300, "every move is made")
    wait(stage, lambda: status(stage)["state"] in {"Balanced", "Unbalanced"}, 30, "balance")
    watch.end()
    assert set(moves(stage)) == {"moved"}
    assert watch.restarts == wished, "one restart a move, and no other"
    assert watch.lowest == SIZES, "running never below what is wished"
    assert {name: stage.spec(name) for name in SIZES} == specs
    spread = hosts(stage)
    for name in ("shop_api", "shop_web"):
        counts = [spread[name][node] for node in ("node2", "node3", "node4")]
        assert max(counts) - min(counts) <= 1, spread
    _assert_rollback_does_nothing(stage)


def _assert_rollback_does_nothing(stage: Stage) -> None:
    """After a move `docker service rollback` would else bring back its fences."""
    before, running = stage.spec("shop_api"), stage.containers("shop_api")
    stage.lab.docker_cli(1, "service", "rollback", "--detach", "shop_api")
    eventually(
        lambda: (
            stage.lab.service("shop_api").get("UpdateStatus", {}).get("State")
            in (None, "rollback_completed")
        ),
        20,
        "the rollback is over",
    )
    assert stage.spec("shop_api") == before
    assert stage.containers("shop_api") == running
