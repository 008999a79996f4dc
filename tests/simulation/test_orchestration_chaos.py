"""Random days of a whole swarm: whatever happened, it comes to rest with what was asked for."""

import random
from collections import Counter

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import TaskState

S = TaskState
API = (1, 45)
SECOND = 1_000_000_000
WORKERS = ["w1", "w2", "w3", "w4"]
MANAGERS = ["m1", "m2", "m3"]
SERVICES = ["a", "b", "c"]
IMAGES = ["app:1", "app:2", "slow", "broken", "crashes"]
SCRIPTS = {
    "broken": Behaviour(missing=True),
    "slow": Behaviour(start_s=6.0),
    "crashes": Behaviour(exit_after_s=1.5, exit_code=1),
}


class Day:
    """One seed's sequence of events."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.engine = Engine(seed=seed, images=ImageLibrary(dict(SCRIPTS)))
        for name in MANAGERS:
            self.engine.add_node(name, role="manager")
        for name in WORKERS:
            self.engine.add_node(name)
        self.engine.advance(5)
        self.replicas: dict[str, int] = {}
        for name in SERVICES:
            self.replicas[name] = self.chance.randint(0, 5)
            self.engine.control.create_service(self.body(name, "app:1"), api_version=API)
        self.dead: set[str] = set()

    def body(self, name: str, image: str, force: int = 0) -> JsonObject:
        """The last one is global."""
        is_global = name == SERVICES[-1]
        mode = {"Global": {}} if is_global else {"Replicated": {"Replicas": self.replicas[name]}}
        config = {
            "Parallelism": self.chance.randint(0, 2),
            "Order": self.chance.choice(["start-first", "stop-first"]),
            "FailureAction": self.chance.choice(["pause", "continue", "rollback"]),
            "Delay": self.chance.choice([0, 2]) * SECOND,
        }
        return {
            "Name": name,
            "TaskTemplate": {"ContainerSpec": {"Image": image}, "ForceUpdate": force},
            "Mode": mode,
            "UpdateConfig": config,
        }

    def update(self, name: str, image: str, force: int = 0) -> None:
        if self.engine.leadership != "led":
            return
        version = self.engine.control.service(name).meta.version
        self.engine.control.update_service(
            name, version, self.body(name, image, force), api_version=API
        )

    def image(self, name: str) -> str:
        image: str = self.engine.control.service(name).spec["TaskTemplate"]["ContainerSpec"][
            "Image"
        ]
        return image

    def something(self) -> None:
        name = self.chance.choice(SERVICES)
        what = self.chance.randrange(7)
        if what == 0:
            self.update(name, self.chance.choice(IMAGES))
        elif what == 1:
            self.replicas[name] = self.chance.randint(0, 6)
            self.update(name, self.image(name))
        elif what == 2:
            self.update(name, self.image(name), self.chance.randint(1, 9))
        elif what == 3:
            self.power(self.chance.choice(WORKERS))
        elif what == 4 and self.engine.leadership == "led":
            self.engine.change_leader(self.chance.choice(MANAGERS))
        elif what == 5:
            self.avail(
                self.chance.choice(WORKERS), self.chance.choice(["active", "drain", "pause"])
            )
        elif what == 6:
            self.roll_back(name)

    def roll_back(self, name: str) -> None:
        service = self.engine.control.service(name)
        if service.previous_spec is not None and self.engine.leadership == "led":
            self.engine.control.update_service(
                name, service.meta.version, None, rollback=True, api_version=API
            )
            mode = self.engine.control.service(name).spec["Mode"]
            self.replicas[name] = mode.get("Replicated", {}).get("Replicas", 0)

    def power(self, name: str) -> None:
        if name in self.dead:
            self.engine.return_node(name)
            self.dead.discard(name)
        else:
            self.engine.kill_node(name)
            self.dead.add(name)

    def avail(self, name: str, availability: str) -> None:
        if self.engine.leadership != "led":
            return
        node = self.engine.control.node(name)
        body = {"Role": node.role, "Availability": availability, "Labels": dict(node.labels)}
        self.engine.control.update_node(name, node.meta.version, body)

    def recover(self) -> None:
        """All nodes are back, all images are good."""
        self.engine.advance(30)
        for name in sorted(self.dead):
            self.engine.return_node(name)
        self.engine.advance(10)
        for name in WORKERS:
            self.avail(name, "active")
        for name in SERVICES:
            self.update(name, "app:9")
        self.engine.advance(300)


@pytest.mark.parametrize("seed", range(40))
def test_it_comes_to_rest_as_asked(seed: int) -> None:
    day = Day(seed)
    for _ in range(60):
        day.something()
        day.engine.advance(day.chance.choice([0.0, 0.3, 1.0, 3.0, 12.0]))
    day.recover()
    store = day.engine.store
    for name in SERVICES:
        service = day.engine.control.service(name)
        tasks = store.tasks_of_service(service.id)
        live = [task for task in tasks if task.desired_state <= S.RUNNING]
        assert {task.state for task in live} <= {S.RUNNING}, name
        assert {task.spec["ContainerSpec"]["Image"] for task in live} <= {"app:9"}
        status = service.update_status
        assert status is None or status.state == "completed"
        if name == SERVICES[-1]:
            hosts = Counter(store.nodes[task.node_id].hostname for task in live)
            assert hosts == dict.fromkeys(MANAGERS + WORKERS, 1)
        else:
            slots = Counter(task.slot for task in live)
            assert len(slots) == day.replicas[name]
            assert set(slots.values()) <= {1}
        assert (
            max(
                Counter((t.slot, t.node_id if not t.slot else "") for t in tasks).values(),
                default=0,
            )
            <= 5
        )
