"""A whole world to come home to: a swarm, a KV, operators in virtual time, and an eye on every task.

`Home` is the laws' lab with the eye of this folder: what was started and stopped since `watch`, and how
few of a service's tasks served at the worst instant, counted at every write of the managers' store.
"""

import json
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from desired_state import keys
from desired_state.rebalance_records import RebalanceStatus
from desired_state.records import Event, Request
from swarm_operator.observed.kv import Delete, Put
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Change
from tests.laws.schedules.lab import Lab
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.people import Push

Service = dict[str, Any]
QUICK = (
    "{hold_off: 30s, settle: 3s, canary: 5s, min_age: 10s, between_moves: 5s, "
    "moves_per_hour: 600, default: auto}"
)
"""A policy for those who cannot wait."""


class NoDefect(Monitor):
    """A defect is logged by the operator, and gone on from: here it is the end."""

    def said(self, level: str, event: str, fields: dict[str, object]) -> None:
        del fields
        if level == "exception":
            self.lab.broke("a step failed; this is a defect", f"{event} {traceback.format_exc()}")


class Home(Lab):
    """Three managers and two workers, all of which run tasks; the operator `alpha` once `live`."""

    def __init__(
        self,
        *,
        seed: int = 0,
        policy: str = QUICK,
        workers: int = 2,
        monitors: Sequence[type[Monitor]] = (),
    ) -> None:
        super().__init__(seed, (NoDefect, *monitors))
        for number in range(3, workers + 1):
            self.engine.add_node(f"w{number}")
        self.put_policy(policy)
        self.started: list[TaskRecord] = []
        self.stopped: list[TaskRecord] = []
        self.lowest: dict[str, int] = {}
        self._watched = False
        self.engine.store.observe(self._see)

    # --- people ---

    def put_policy(self, rebalance: str) -> None:
        text = f"rebalance: {rebalance}\n".encode()
        self.people.commit([Put(keys.DESIRED + keys.POLICY, text)])

    def push(self, stack: str, services: Mapping[str, Service]) -> None:
        document = {"services": {n: {"image": "app:1", **s} for n, s in services.items()}}
        Push(stack, document).do(self)

    def ask(self, target: str, **words: Any) -> None:
        """`swarm-operator rebalance`, or `rebalance pause`."""
        key = keys.DESIRED + keys.request_key(keys.REBALANCE, target)
        request = Request(who="ann", when=self.timeline.utc(), **words)
        self.people.commit([Put(key, request.encode())])

    def take_back(self, target: str) -> None:
        self.people.commit([Delete(keys.DESIRED + keys.request_key(keys.REBALANCE, target))])

    # --- time ---

    def live(self) -> None:
        """An operator starts, and what is pushed comes to run; leader and nodes grow steady."""
        self.start("alpha")
        self.run(180.0)

    def until(
        self, holds: Callable[[], bool], within_s: float = 900.0, step_s: float = 1.0
    ) -> float:
        """Seconds until it held."""
        began = self.now
        while not holds():
            assert self.now - began < within_s, f"not in {within_s} s; {self.status()}"
            self.run(step_s)
        return self.now - began

    def outage(self, *nodes: str, down_s: float = 60.0) -> None:
        """Power loss of nodes, all at once; Swarm puts their tasks elsewhere; they come back."""
        for node in nodes:
            self.engine.kill_node(node)
        self.run(down_s)
        for node in nodes:
            self.engine.return_node(node)
        self.run(5.0)

    # --- what is ---

    def status(self) -> RebalanceStatus:
        entry = self.people.get(keys.REBALANCE_STATUS)
        found = RebalanceStatus.parse(entry.value) if entry is not None else None
        return found if found is not None else RebalanceStatus()

    def events(self, result: str = "moved") -> list[Event]:
        """Ends (or steps) of moves, in order."""
        ring = self.people.read(keys.event_key(0).rpartition("/")[0]).entries.values()
        found = [event for entry in ring if (event := Event.parse(entry.value)) is not None]
        return sorted(
            (e for e in found if e.verb == "move" and e.result == result), key=lambda e: e.number
        )

    def tasks(self, service: str) -> list[TaskRecord]:
        """That are wished and run, on a node with power."""
        record = self.service(service)
        tasks = self.engine.store.tasks_of_service(record.id) if record is not None else ()
        return [task for task in tasks if self._serves(task)]

    def _serves(self, task: TaskRecord) -> bool:
        if task.state != TaskState.RUNNING or task.desired_state != TaskState.RUNNING:
            return False
        agent = self.engine.agents.get(task.node_id)
        return agent is not None and agent.has_power

    def hosts(self, service: str) -> Counter[str]:
        nodes = self.engine.store.nodes
        return Counter(nodes[task.node_id].hostname for task in self.tasks(service))

    def totals(self) -> dict[str, int]:
        """Running tasks by node."""
        result = {node.hostname: 0 for node in self.engine.store.nodes.all()}
        for service in self.engine.store.services.all():
            for host, count in self.hosts(service.name).items():
                result[host] += count
        return result

    def specs(self) -> dict[str, str]:
        return {
            service.name: json.dumps(service.spec, sort_keys=True)
            for service in self.engine.store.services.all()
        }

    def spread(self, service: str, nodes: Sequence[str]) -> int:
        counts = [self.hosts(service)[name] for name in nodes]
        return max(counts) - min(counts)

    # --- the eye ---

    def watch(self) -> None:
        """From now on; what served before is what must go on."""
        self.started.clear()
        self.stopped.clear()
        self.lowest = {}
        self._watched = True
        for service in self.engine.store.services.all():
            self.lowest[service.name] = len(self.tasks(service.name))

    def _see(self, change: Change) -> None:
        if not self._watched:
            return
        before, after = change.old, change.new
        record = after if after is not None else before
        if not isinstance(record, TaskRecord):
            return
        service = self.engine.store.services.get(record.service_id)
        if service is None or service.name not in self.lowest:
            return
        was = isinstance(before, TaskRecord) and self._serves(before)
        is_now = isinstance(after, TaskRecord) and self._serves(after)
        if is_now and not was:
            assert isinstance(after, TaskRecord)
            self.started.append(after)
        if was and not is_now:
            assert isinstance(before, TaskRecord)
            self.stopped.append(before)
        count = len(self.tasks(service.name))
        self.lowest[service.name] = min(self.lowest[service.name], count)
