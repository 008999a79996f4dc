"""A simulated swarm with one service to move, a mover on it, and an eye on what serves.

`lowest` is counted at every write of the managers' store: no instant is missed.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.rebalance.intent import LABEL, PLACEMENT
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.objective import Change as Gain
from swarm_operator.plan.rebalance.start import Limits
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime.move_reports import Progress, Report
from swarm_operator.runtime.mover import Mover
from swarm_operator.runtime.withdrawal import NothingPublished, Withdrawal
from swarm_operator.simulation import docker_transport
from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.docker_faults import FaultyWire
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.timeline import Timeline
from tests.simulation.whole import thawed

API = (1, 45)
NAME = "web"
SECOND = 10**9
LIMITS = Limits(settle_s=3, start_s=60)
LOOK_S = 0.4
"""Between two looks of a mover that waits for an event."""


def is_ours(labels: Mapping[str, str]) -> bool:
    """By the label that `spec_of` gives, as an installation's."""
    return labels.get("mine") == "yes"


class Time:
    """The clock of a timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def monotonic(self) -> float:
        return self._timeline.now

    def utc(self) -> datetime:
        return self._timeline.utc()


class Stage:
    """One manager or three that take no tasks, workers w1, w2, … that do, the service `web`."""

    def __init__(self, *, workers: int = 4, managers: int = 1, seed: int = 0) -> None:
        self.images = ImageLibrary()
        self.engine = Engine(seed=seed, images=self.images)
        for number in range(1, managers + 1):
            self.engine.add_node(f"m{number}", role="manager", availability="drain")
        for number in range(1, workers + 1):
            self.engine.add_node(f"w{number}")
        self.engine.advance(5)
        api = EngineApi(self.engine, self.engine.agent("m1").node_id)
        self.wire = FaultyWire(DirectWire(api, self.engine), self.engine.timeline)
        self.port = docker_transport.over(self.wire, self.engine.timeline)
        self.time = Time(self.engine.timeline)
        self.reports: list[Report] = []
        self.writes = 0
        self.lowest = 10**6
        self.started: set[str] = set()
        """Ids of the tasks that came to run since `watch`."""
        self._watched = False
        self.engine.store.observe(self._note)
        self._ids = itertools.count(1)
        self.mover = self.new_mover()

    def new_mover(self, withdrawal: Withdrawal | None = None) -> Mover:
        """As after a restart of the operator: it remembers nothing."""
        self.mover = Mover(
            self.port,
            self.time,
            withdrawal or NothingPublished(),
            who="test",
            new_id=lambda: f"move-{next(self._ids)}",
        )
        return self.mover

    # --- the service ---

    def create(self, spec: JsonObject, hosts: Mapping[str, int]) -> JsonObject:
        """With so many copies on each host; the spec as it then is, with its history gone.

        Copies are put there one after another, by constraints that are taken out again.
        """
        wished = sum(hosts.values())
        order = [host for host, count in hosts.items() for _ in range(count)]
        template = spec["TaskTemplate"]
        service_id = ""
        for number, host in enumerate(order, 1):
            busy = dict.fromkeys(order[:number])
            others = [n.hostname for n in self.engine.store.nodes.all() if n.hostname not in busy]
            put: JsonObject = {"Constraints": [f"node.hostname!={name}" for name in others]}
            put["MaxReplicas"] = order[:number].count(host)
            self._only(host)
            body = {**spec, "Mode": {"Replicated": {"Replicas": number}}}
            body["TaskTemplate"] = {**template, "Placement": put}
            service_id = self._write(body)
            self.until(lambda n=number: len(self.serving()) == n, 30)  # type: ignore[misc]
        self._only()
        final = {**spec, "Mode": {"Replicated": {"Replicas": wished}}}
        if "Placement" not in template:
            final["TaskTemplate"] = {**template, "Placement": {}}
        self._write(final)
        self._align(service_id, template)
        self._write(None)
        self.engine.advance(3)
        assert self.hosts() == {host: count for host, count in hosts.items() if count}
        return self.spec

    def _only(self, host: str = "") -> None:
        """All other workers take no tasks for the moment; "" lets all take some again."""
        for node in self.engine.store.nodes.all():
            if node.role == "worker":
                word = "active" if not host or node.hostname == host else "pause"
                self.availability(node.hostname, word)

    def _align(self, service_id: str, template: JsonObject) -> None:
        """Tasks as made by the service as it is, which may be one of the API without `Placement`."""
        store = self.engine.store
        service = store.services[service_id]
        made = service.spec["TaskTemplate"]
        made = {key: made[key] for key in made if key != "Placement" or key in template}
        for task in store.tasks_of_service(service_id):
            store.tasks.put(replace(task, spec=made))
        store.services.put(replace(service, spec={**service.spec, "TaskTemplate": made}))
        self.engine.settle()

    def _write(self, body: JsonObject | None) -> str:
        made = self.engine.store.service_named(NAME)
        if made is None:
            return self.engine.control.create_service(body, api_version=API)
        self.engine.control.update_service(NAME, made.meta.version, body, api_version=API)
        return made.id

    def edit(self, change: Callable[[JsonObject], object], *, auth: str | None = None) -> None:
        """As the command line does: read, change, write all of it back."""
        made = self.engine.control.service(NAME)
        body = thawed(made.spec)
        change(body)
        self.engine.control.update_service(
            NAME, made.meta.version, body, api_version=API, registry_auth=auth
        )

    @property
    def record(self) -> Any:
        return self.engine.control.service(NAME)

    @property
    def spec(self) -> JsonObject:
        spec: JsonObject = self.service.spec
        return spec

    @property
    def service(self) -> Service:
        return self.read().services_by_name[NAME]

    def read(self) -> Swarm:
        return self.port.read()

    # --- what is ---

    def tasks(self) -> list[TaskRecord]:
        service = self.engine.store.service_named(NAME)
        return [] if service is None else self.engine.store.tasks_of_service(service.id)

    def serving(self) -> list[TaskRecord]:
        return [
            task
            for task in self.tasks()
            if task.state is TaskState.RUNNING
            and task.desired_state is TaskState.RUNNING
            and self.engine.store.nodes[task.node_id].state != "down"
            and self.engine.agents.get(task.node_id).has_power  # type: ignore[union-attr]
        ]

    def hosts(self) -> dict[str, int]:
        counts = Counter(self.engine.store.nodes[t.node_id].hostname for t in self.serving())
        return dict(sorted(counts.items()))

    def node_id(self, hostname: str) -> str:
        node = self.engine.store.node_of_hostname(hostname)
        assert node is not None
        return node.id

    def availability(self, hostname: str, word: str, **labels: str) -> None:
        node = self.engine.store.node_of_hostname(hostname)
        assert node is not None
        body = {"Role": node.role, "Availability": word, "Labels": labels or dict(node.labels)}
        self.engine.control.update_node(node.id, node.meta.version, body)

    def watch(self) -> None:
        """From here on count what serves, and what is made."""
        self._watched = True
        self.lowest = len(self.serving())
        self.started.clear()

    def _note(self, change: Change) -> None:
        if not self._watched:
            return
        new, old = change.new, change.old
        if (
            isinstance(new, TaskRecord)
            and new.state is TaskState.RUNNING
            and isinstance(old, TaskRecord)
            and old.state < TaskState.RUNNING
        ):
            self.started.add(new.id)
        if isinstance(change.record, TaskRecord) and change.record.service_name == NAME:
            self.lowest = min(self.lowest, len(self.serving()))

    # --- moving ---

    def move(
        self, source: str, target: str, how: How = How.DIRECTED, also: tuple[str, ...] = ()
    ) -> Move:
        landings = frozenset(self.node_id(name) for name in (target, *also))
        return Move(
            self.record.id,
            NAME,
            self.node_id(source),
            self.node_id(target),
            how,
            Gain(),
            landings,
        )

    def begin(
        self, source: str, target: str, how: How = How.DIRECTED, limits: Limits = LIMITS
    ) -> str | None:
        """Landing is as good wherever as many copies are as on the target."""
        self.watch()
        copies = self.hosts()
        equal = [host for host in copies if copies[host] == copies.get(target, 0)]
        move = self.move(source, target, how, tuple(equal))
        return self.mover.begin(move, self.read(), limits)

    def step(self) -> Progress:
        """One look and what follows from it; an error of the swarm's is the next step's affair."""
        try:
            progress = self.mover.step(self.read(), is_ours)
        except OutsideError:
            return Progress(due_s=1.0, saw=False)
        self.reports += progress.reports
        self.writes += progress.wrote
        return progress

    def go(self, until: Callable[[], bool] | None = None, limit_s: float = 300) -> Outcome | None:
        """Step by step to the end of all moves, or until something holds."""
        end = self.engine.timeline.now + limit_s
        while self.engine.timeline.now < end:
            progress = self.step()
            if until is not None and until():
                return None
            if progress.is_idle and not progress.wrote and not self._is_marked():
                return next((r.outcome for r in reversed(self.reports) if r.outcome), None)
            due = LOOK_S if progress.due_s is None else min(progress.due_s, LOOK_S)
            self.engine.advance(max(due, 0.01))
        raise AssertionError(f"no end after {limit_s} s: {self.described()}")

    def _is_marked(self) -> bool:
        if self.engine.store.service_named(NAME) is None:
            return False
        labels = [
            (spec or {}).get("Labels", {}) for spec in (self.record.spec, self.record.previous_spec)
        ]
        return any(LABEL in each for each in labels)

    def until(self, holds: Callable[[], bool], limit_s: float = 60) -> None:
        end = self.engine.timeline.now + limit_s
        while not holds():
            assert self.engine.timeline.now < end, self.described()
            self.engine.advance(0.05)

    def described(self) -> str:
        lines = [
            f"  {t.slot} {t.id[:6]} {self._host(t):4} wished {t.desired_state.name} is {t.state.name} "
            f"{t.status.error}"
            for t in sorted(self.tasks(), key=lambda task: (task.slot, task.meta.created_at))
        ]
        said = [f"  {r.why} {r.outcome or ''}" for r in self.reports[-5:]]
        record = self.record
        return "\n".join(
            [f"{self.engine.timeline.now:.1f} s, update {record.update_status}", *lines, *said]
        )

    def _host(self, task: TaskRecord) -> str:
        node = self.engine.store.nodes.get(task.node_id)
        return node.hostname if node is not None else "-"


def spec_of(image: str = "web:1", *, update: JsonObject | None = None, **task: Any) -> JsonObject:
    """`task` are members of the TaskTemplate; `Placement=None` leaves it out."""
    template: JsonObject = {"ContainerSpec": {"Image": image}, "Placement": {}, **task}
    if template["Placement"] is None:
        del template["Placement"]
    spec: JsonObject = {"Name": NAME, "Labels": {"mine": "yes"}, "TaskTemplate": template}
    if update is not None:
        spec["UpdateConfig"] = update
    return spec


def assert_as_before(stage: Stage, original: JsonObject) -> None:
    """The spec is the original as raw JSON, but for `Placement`, and a rollback is a no-op."""
    wished = original
    if PLACEMENT[1] not in original["TaskTemplate"]:
        wished = {**original, "TaskTemplate": {**original["TaskTemplate"], "Placement": {}}}
    service = stage.service
    assert service.spec == wished
    assert service.previous_spec == service.spec


NEW_TASKS = {
    "good": Behaviour(),
    "slow": Behaviour(start_s=8.0),
    "absent": Behaviour(missing=True),
    "crashing": Behaviour(exit_after_s=1.0, exit_code=1),
    "hanging": Behaviour(start_s=10.0**6),
}
"""What becomes of tasks that start from now on."""
