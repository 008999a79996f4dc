"""Everything at once, by chance: whatever was done to a swarm, it comes to rest, whole and consistent."""

import contextlib
import random
from collections import Counter
from typing import Any

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord, TaskState
from swarm_operator.simulation.engine.scheduler import Scheduler
from tests.simulation.whole import VERSION, thawed

GOOD = "good:1"
IMAGES = {
    "slow:1": Behaviour(start_s=8.0),
    "crashing:1": Behaviour(exit_after_s=4.0, exit_code=1),
    "stubborn:1": Behaviour(ignores_sigterm=True),
    "absent:1": Behaviour(missing=True),
}
PLACEMENTS: list[JsonObject] = [
    {},
    {"Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]},
    {"MaxReplicas": 2},
    {"Constraints": ["node.labels.zone==1"]},
    {"Constraints": ["node.role==worker"]},
]
MANAGERS = ("m1", "m2", "m3")
WORKERS = ("w1", "w2", "w3", "w4")


class Chaos:
    """Hands that do at random what people, cables and power supplies do."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.engine = Engine(seed=seed, images=ImageLibrary(dict(IMAGES)))
        for name in MANAGERS:
            self.engine.add_node(name, role="manager")
        for name in WORKERS:
            self.engine.add_node(name)
        self.network = self.engine.control.create_network({"Name": "net", "Driver": "overlay"})
        self.made = 0

    def act(self) -> None:
        acts = {
            self.create: 4,
            self.update: 4,
            self.scale: 2,
            self.roll_back: 1,
            self.remove: 1,
            self.switch_power: 2,
            self.plug_cable: 2,
            self.change_leader: 1,
            self.change_node: 2,
        }
        [act] = self.chance.choices(list(acts), list(acts.values()))
        with contextlib.suppress(ApiError):  # refused, as it may be: a port taken, no previous spec
            act()
        self.engine.advance(self.chance.choice([0.01, 0.1, 1, 3, 10, 30]))

    # --- acts ---

    def create(self) -> None:
        if len(self.engine.store.services) < 6:
            self.made += 1
            modes: list[JsonObject] = [
                {"Replicated": {"Replicas": 4}},
                {"Replicated": {"Replicas": 1}},
                {"Global": {}},
            ]
            spec = self._spec(f"s{self.made}", self.chance.choice(modes))
            self.engine.control.create_service(spec, api_version=VERSION)

    def update(self) -> None:
        if service := self._service():
            self._put(service, self._spec(service.name, service.spec["Mode"]))

    def scale(self) -> None:
        service = self._service()
        if service and "Replicated" in service.spec["Mode"]:
            count = self.chance.randrange(7)
            self._put(
                service, {**thawed(service.spec), "Mode": {"Replicated": {"Replicas": count}}}
            )

    def roll_back(self) -> None:
        service = self._service()
        if service and service.previous_spec is not None:
            self.engine.control.update_service(
                service.id, service.meta.version, None, rollback=True, api_version=VERSION
            )

    def remove(self) -> None:
        if service := self._service():
            self.engine.control.remove_service(service.id)

    def switch_power(self) -> None:
        name = self.chance.choice(MANAGERS + WORKERS)
        if self.engine.agent(name).has_power:
            self.engine.kill_node(name)
        else:
            self.engine.return_node(name)

    def plug_cable(self) -> None:
        name = self.chance.choice(MANAGERS + WORKERS)
        if self.engine.agent(name).has_link:
            self.engine.cut_node(name)
        else:
            self.engine.reconnect_node(name)

    def change_leader(self) -> None:
        if self.engine.leadership == "led":
            self.engine.change_leader()

    def change_node(self) -> None:
        self._put_node(
            self.chance.choice(MANAGERS + WORKERS),
            self.chance.choice(["active", "pause", "drain"]),
            self.chance.choice(["", "0", "1"]),
        )

    # --- peace ---

    def make_peace(self) -> None:
        """All machines are back, every service is given a spec that can run everywhere."""
        for name in MANAGERS + WORKERS:
            if not self.engine.agent(name).has_power:
                self.engine.return_node(name)
            if not self.engine.agent(name).has_link:
                self.engine.reconnect_node(name)
        self.engine.advance(60)
        for name in MANAGERS + WORKERS:
            self._put_node(name, "active", "1")
        for service in self.engine.store.services.all():
            spec = {
                "Name": service.name,
                "TaskTemplate": _template(GOOD),
                "Mode": service.spec["Mode"],
            }
            self._put(service, {**spec, "UpdateConfig": {"FailureAction": "continue"}})
        self.engine.advance(600)

    def _put(self, service: ServiceRecord, spec: JsonObject) -> None:
        version = service.meta.version
        self.engine.control.update_service(service.id, version, spec, api_version=VERSION)

    def _put_node(self, name: str, availability: str, zone: str) -> None:
        node = self.engine.store.node_of_hostname(name)
        assert node is not None
        labels = {"zone": zone} if zone else {}
        spec = {"Role": node.role, "Availability": availability, "Labels": labels}
        self.engine.control.update_node(node.id, node.meta.version, spec)

    def _service(self) -> ServiceRecord | None:
        services = self.engine.store.services.all()
        return self.chance.choice(services) if services else None

    def _spec(self, name: str, mode: JsonObject) -> JsonObject:
        chance = self.chance
        template = _template(chance.choice([GOOD, "good:2", *IMAGES]))
        template["Placement"] = chance.choice(PLACEMENTS)
        if chance.random() < 0.4:
            template["Networks"] = [{"Target": self.network}]
        if chance.random() < 0.3:
            template["Resources"] = {"Reservations": {"NanoCPUs": 10**9, "MemoryBytes": 1 << 30}}
        spec: JsonObject = {
            "Name": name,
            "TaskTemplate": template,
            "Mode": mode,
            "UpdateConfig": {
                "Parallelism": chance.randrange(3),
                "Order": chance.choice(["stop-first", "start-first"]),
                "FailureAction": chance.choice(["pause", "continue", "rollback"]),
            },
        }
        if chance.random() < 0.3:
            port = {"TargetPort": 80, "PublishedPort": 8000, "PublishMode": "host"}
            spec["EndpointSpec"] = {"Ports": [{**port, "Protocol": "tcp"}]}
        return spec


def _template(image: str) -> JsonObject:
    return {"ContainerSpec": {"Image": image}, "Placement": {}}


@pytest.mark.parametrize("seed", range(25))
def test_a_swarm_recovers_from_everything(seed: int) -> None:
    chaos = Chaos(seed)
    for _ in range(50):
        chaos.act()
    chaos.make_peace()
    engine = chaos.engine
    assert engine.timeline.next_due() is None
    for service in engine.store.services.all():
        assert _running(engine, service) == _wished(service), service.name
    assert _scheduler_s_counts(engine) == _counts(engine)
    _assert_agents_agree(engine)


def _wished(service: ServiceRecord) -> int:
    replicated = service.spec["Mode"].get("Replicated")
    count: int = len(MANAGERS + WORKERS) if replicated is None else replicated["Replicas"]
    return count


def _running(engine: Engine, service: ServiceRecord) -> int:
    """All live ones run, and as the spec says."""
    live = [task for task in engine.store.tasks_of_service(service.id) if _is_live(task)]
    assert {task.state for task in live} <= {TaskState.RUNNING}
    assert {task.spec["ContainerSpec"]["Image"] for task in live} <= {GOOD}
    return len(live)


def _is_live(task: TaskRecord) -> bool:
    return task.desired_state <= TaskState.COMPLETE


def _counts(engine: Engine) -> dict[str, Any]:
    """Active tasks of each node by service, counted anew."""
    counts = {}
    for node in engine.store.nodes.all():
        tasks = [t for t in engine.store.tasks_on_node(node.id) if t.state <= TaskState.RUNNING]
        counts[node.id] = Counter(task.service_id for task in tasks if _is_live(task))
    return counts


def _scheduler_s_counts(engine: Engine) -> dict[str, Any]:
    [scheduler] = [part for part in engine._components if isinstance(part, Scheduler)]
    return {info.node.id: Counter(info.active_by_service) for info in scheduler._nodes}


def _assert_agents_agree(engine: Engine) -> None:
    """Each machine has the tasks that the managers say it has, in the state that they know."""
    for agent in engine.agents.all():
        tasks = {task.id: task for task in engine.store.tasks_on_node(agent.node_id)}
        assert set(agent.runs) == {i for i, t in tasks.items() if t.state >= TaskState.ASSIGNED}
        for task_id, run in agent.runs.items():
            assert tasks[task_id].state >= run.status.state
