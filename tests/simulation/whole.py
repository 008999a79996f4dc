"""A whole swarm for tests of SwarmKit's rules: requests as a person makes them, and what runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
)

VERSION = (1, 45)
NAME = "web"
SLOW = "slow:1"
BROKEN = "broken:1"
ABSENT = "absent:1"
IMAGES = {
    SLOW: Behaviour(start_s=10.0),
    BROKEN: Behaviour(exit_after_s=0.5, exit_code=1),
    ABSENT: Behaviour(missing=True),
}


@dataclass(frozen=True)
class Copy:
    """A task that runs and is to run."""

    id: str
    slot: int
    host: str


class Whole:
    """One manager that takes no tasks, `workers` that do, and one service, `web`."""

    def __init__(self, *, workers: int = 4, managers: int = 1, seed: int = 0) -> None:
        self.engine = Engine(seed=seed, images=ImageLibrary(dict(IMAGES)))
        for number in range(1, managers + 1):
            self.engine.add_node(f"m{number}", role="manager", availability="drain")
        for number in range(1, workers + 1):
            self.engine.add_node(f"w{number}")
        self.lowest = 0
        """Fewest running copies since `watch`."""

    # --- requests ---

    def create(self, *, replicas: int = 1, auth: str | None = None, **options: Any) -> "Whole":
        """`options` as `spec_of` takes them; waits until all is up."""
        spec = spec_of(replicas=replicas, **options)
        self.engine.control.create_service(spec, api_version=VERSION, registry_auth=auth)
        self.until(lambda: len(self.running()) == replicas, 60)
        return self

    def update(
        self, edit: Callable[[JsonObject], object] | None = None, *, auth: str | None = None
    ) -> None:
        """Read, edit, write back."""
        spec = thawed(self.service.spec)
        if edit is not None:
            edit(spec)
        self.put(spec, auth=auth)

    def put(self, spec: JsonObject, *, auth: str | None = None) -> None:
        service = self.service
        self.engine.control.update_service(
            service.id, service.meta.version, spec, api_version=VERSION, registry_auth=auth
        )

    def rollback(self) -> None:
        service = self.service
        self.engine.control.update_service(
            service.id, service.meta.version, None, rollback=True, api_version=VERSION
        )

    def scale(self, replicas: int) -> None:
        def edit(spec: JsonObject) -> None:
            spec["Mode"] = {"Replicated": {"Replicas": replicas}}

        self.update(edit)

    def label(self, host: str, **labels: str) -> None:
        """Replaces the node's labels."""
        self._update_node(host, Labels=labels)

    def availability(self, host: str, word: str) -> None:
        self._update_node(host, Availability=word)

    def _update_node(self, host: str, **changed: Any) -> None:
        node = self.node(host)
        spec = {
            "Role": node.role,
            "Availability": node.availability,
            "Labels": dict(node.labels),
            **changed,
        }
        self.engine.control.update_node(node.id, node.meta.version, spec)

    # --- time ---

    def advance(self, seconds: float) -> None:
        """In small steps, for `lowest`."""
        end = self.engine.timeline.now + seconds
        while self.engine.timeline.now < end:
            self.engine.run_until(min(end, self.engine.timeline.now + 0.05))
            self.lowest = min(self.lowest, len(self.running()))

    def until(self, holds: Callable[[], bool], limit_s: float = 60) -> float:
        """Seconds until it holds."""
        begin = self.engine.timeline.now
        while not holds():
            waited = self.engine.timeline.now - begin
            assert waited < limit_s, f"not within {limit_s} s: {self.described()}"
            self.advance(0.05)
        return self.engine.timeline.now - begin

    def watch(self) -> None:
        self.lowest = len(self.running())

    # --- what is ---

    @property
    def service(self) -> ServiceRecord:
        service = self.engine.store.service_named(NAME)
        assert service is not None
        return service

    @property
    def update_state(self) -> str:
        status = self.service.update_status
        return status.state if status is not None else ""

    def node(self, host: str) -> NodeRecord:
        node = self.engine.store.node_of_hostname(host)
        assert node is not None
        return node

    def tasks(self) -> list[TaskRecord]:
        return self.engine.store.tasks_of_service(self.service.id)

    def live(self) -> list[TaskRecord]:
        """Wished to run or to be ready, whatever they do."""
        return [task for task in self.tasks() if task.desired_state <= TaskState.COMPLETE]

    def running(self) -> list[Copy]:
        return [
            Copy(task.id, task.slot, self.engine.store.nodes[task.node_id].hostname)
            for task in self.live()
            if task.state is TaskState.RUNNING
        ]

    def ids(self) -> set[str]:
        return {copy.id for copy in self.running()}

    def hosts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for copy in self.running():
            counts[copy.host] = counts.get(copy.host, 0) + 1
        return dict(sorted(counts.items()))

    def settled(self) -> bool:
        """As many run as are wished, nothing else is live, no update is under way."""
        wished: int = self.service.spec["Mode"]["Replicated"]["Replicas"]
        if self.update_state == "updating" or len(self.live()) != wished:
            return False
        return len(self.running()) == wished

    def described(self) -> str:
        lines = [
            f"{task.slot} {task.desired_state.name} {task.state.name} {task.status.error}"
            for task in self.tasks()
        ]
        return f"update {self.update_state!r}, tasks: " + "; ".join(lines)


def spec_of(
    *,
    replicas: int = 1,
    image: str = "web:1",
    placement: JsonObject | None = None,
    update: JsonObject | None = None,
    **task: Any,
) -> JsonObject:
    """`task` are members of the TaskTemplate. A placement is always there, as the CLI sends it."""
    spec: JsonObject = {
        "Name": NAME,
        "Labels": {},
        "TaskTemplate": {
            "ContainerSpec": {"Image": image},
            "Placement": placement or {},
            **task,
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
    }
    if update is not None:
        spec["UpdateConfig"] = update
    return spec


def thawed(value: Any) -> Any:
    """A copy that may be edited."""
    if isinstance(value, dict):
        return {key: thawed(item) for key, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, list) else value
