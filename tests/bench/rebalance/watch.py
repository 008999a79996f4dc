"""What the swarm does while somebody moves tasks: how many serve, what starts, what ends."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from docker import APIClient
from docker.errors import DockerException

from tests.bench.rebalance.optimum import Spread
from tests.bench.rebalance.shop import HOST_PORT, PREFIX, ZONES, Kind
from tests.cluster.harness import Lab

EVERY_S: Final = 0.1
"""Between two looks. A restart takes a second at the least."""
LISTED_EVERY_S: Final = 1.0
"""How often a balancer learns the host ports anew."""


@dataclass(frozen=True, slots=True)
class Look:
    """The tasks of our services that are wished, by service: task id to host name."""

    wished: Mapping[str, Mapping[str, str]]
    serving: Mapping[str, Mapping[str, str]]
    """Those of them that run."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """By task id."""

    def copies(self, service: str) -> Counter[str]:
        return Counter(self.wished.get(service, {}).values())

    def with_global_tasks_on(self, kinds: Iterable[Kind], names: Sequence[str]) -> "Look":
        """As it will be when these nodes are back: only global services get tasks there."""
        wished = {service: dict(tasks) for service, tasks in self.wished.items()}
        for kind in kinds:
            if not kind.replicas:
                wished[kind.full_name] |= {name: name for name in names}
        return Look(wished, self.serving, self.slots)

    def runs(self, kind: Kind, nodes: int) -> bool:
        """Whether exactly as many serve as are wished."""
        size = kind.replicas or nodes
        found = self.wished.get(kind.full_name, {}), self.serving.get(kind.full_name, {})
        return [len(each) for each in found] == [size, size]

    def spread(self, kind: Kind, workers: Sequence[str]) -> Spread:
        """For the proof of the fewest moves, over these workers."""
        nodes = [node for node in workers if node in (kind.nodes or workers)]
        branches = {node: ZONES[node] for node in nodes} if kind.spread_by else {}
        tasks = self.wished.get(kind.full_name, {})
        slots = {self.slots[task]: node for task, node in tasks.items() if task in self.slots}
        if len(slots) < len(tasks):
            slots = {}  # an update is under way
        return Spread(self.copies(kind.full_name), nodes, kind.most_per_node, branches, slots)

    def others(self, kinds: Iterable[Kind], workers: Sequence[str]) -> dict[str, int]:
        """Tasks by worker that are never moved."""
        fixed: Counter[str] = Counter()
        for kind in kinds:
            if not kind.movable:
                fixed.update(self.copies(kind.full_name))
        return {node: fixed[node] for node in workers}

    def totals(self, workers: Sequence[str]) -> list[int]:
        every: Counter[str] = Counter()
        for tasks in self.wished.values():
            every.update(tasks.values())
        return [every[node] for node in workers]


def hostname(node: Mapping[str, Any]) -> str:
    """Empty for a node that joined this moment."""
    return str((node.get("Description") or {}).get("Hostname") or "")


class Eye:
    """Looks at the swarm through a client of its own."""

    def __init__(self, lab: Lab) -> None:
        self._client: Any = APIClient(f"unix://{lab.manager.socket}", version="auto", timeout=20)
        self._client.trust_env = False

    def look(self) -> Look:
        """Raises what the client raises."""
        names = {s["ID"]: s["Spec"]["Name"] for s in self._client.services()}
        hosts = {n["ID"]: hostname(n) for n in self._client.nodes()}
        wished: dict[str, dict[str, str]] = {}
        serving: dict[str, dict[str, str]] = {}
        slots: dict[str, int] = {}
        for task in self._client.tasks():
            name, node = names.get(task["ServiceID"], ""), hosts.get(task.get("NodeID", ""))
            if not name.startswith(PREFIX) or task["DesiredState"] not in {"ready", "running"}:
                continue
            wished.setdefault(name, {})[task["ID"]] = node or ""
            slots[task["ID"]] = int(task.get("Slot") or 0)
            if node and task["Status"]["State"] == task["DesiredState"] == "running":
                serving.setdefault(name, {})[task["ID"]] = node
        return Look(wished, serving, slots)

    def run_on(self, node: str) -> int:
        """Tasks that run on a node, wished or not: who ignores SIGTERM does for 10 s more."""
        (found,) = (n["ID"] for n in self._client.nodes() if hostname(n) == node)
        tasks = self._client.tasks(filters={"node": found})
        return sum(task["Status"]["State"] == "running" for task in tasks)

    def specs(self) -> dict[str, Any]:
        """The raw specs of our services."""
        found = {s["Spec"]["Name"]: s["Spec"] for s in self._client.services()}
        return {name: spec for name, spec in found.items() if name.startswith(PREFIX)}

    def close(self) -> None:
        self._client.close()


@dataclass(slots=True)
class Watch:
    """A thread that looks, until it is ended. Global services are counted by their ends only."""

    lab: Lab
    kinds: Sequence[Kind]
    host_ports: Callable[[list[str]], None] | None = None
    """Called with what a balancer that follows *desired* state would list."""
    lowest: dict[str, int] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    before: frozenset[str] = frozenset()
    died: str = ""
    """Why it looks no more: what it says is nothing worth then."""
    now: Look = field(default_factory=lambda: Look({}, {}))
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _eye: Eye = field(init=False)
    _listed_at: float = 0.0

    def begin(self) -> "Watch":
        self._eye = Eye(self.lab)
        self._look()
        self.before = frozenset(self.ran)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            while not self._ended.wait(EVERY_S):
                with contextlib.suppress(DockerException, requests.RequestException):
                    self._look()
        except BaseException as error:
            self.died = repr(error)
            raise

    def _look(self) -> None:
        self.now = self._eye.look()
        for kind in self.kinds:
            serving = self.now.serving.get(kind.full_name, {})
            if kind.replicas:
                self.lowest[kind.name] = min(self.lowest.get(kind.name, 99), len(serving))
                self.ran |= serving.keys()
        if self.host_ports is not None and time.monotonic() - self._listed_at >= LISTED_EVERY_S:
            self._listed_at = time.monotonic()
            self.host_ports(self._listed())

    def _listed(self) -> list[str]:
        nodes = {node.hostname: node.address for node in self.lab.nodes}
        return [
            f"{nodes[host]}:{HOST_PORT}"
            for kind in self.kinds
            if not kind.by_name
            for host in self.now.serving.get(kind.full_name, {}).values()
        ]

    def end(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._eye.close()

    @property
    def at_end(self) -> frozenset[str]:
        """Ids of the tasks that serve now, of services with replicas."""
        names = [kind.full_name for kind in self.kinds if kind.replicas]
        return frozenset(task for name in names for task in self.now.serving.get(name, {}))

    @property
    def restarts(self) -> int:
        """Tasks that ran at some time since the beginning, and do not any more."""
        return len(self.ran - self.at_end)

    @property
    def stopped(self) -> int:
        """Of those, tasks that were there at the beginning."""
        return len(self.before - self.at_end)

    @property
    def below(self) -> dict[str, str]:
        """Services of which fewer ran than are wished, with how few."""
        return {
            kind.name: f"{self.lowest[kind.name]} of {kind.replicas}"
            for kind in self.kinds
            if kind.replicas and self.lowest[kind.name] < kind.replicas
        }
