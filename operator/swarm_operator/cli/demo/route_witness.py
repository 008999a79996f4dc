"""Sees what Traefik sends requests to: at each configuration that it takes, and at each write of the
managers' store, so that no instant is missed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.traefik.instance import Traefik

WINDOW_S: Final = 3.1
"""A task on an overlay network still serves for so long when it is told to stop (swarmkit's agent and
moby's executor, measured on real engines); who is sent there until then loses nothing."""


@dataclass(slots=True)
class Told:
    """A task that was told to stop. Times are the world's, in seconds."""

    at: float
    gone_at: float | None
    """Since when Traefik sends nobody to it; None while it does."""

    @property
    def was_gone(self) -> bool:
        """Before it was told."""
        return self.gone_at is not None and self.gone_at <= self.at


class RouteWitness:
    """From its making to `rest`. To be made and read in the world's own thread."""

    def __init__(self, engine: Engine, traefik: Traefik, services: Mapping[str, str]) -> None:
        """`services`: of the swarm → of Traefik's."""
        self._engine, self._traefik = engine, traefik
        self._services = dict(services)
        self._is_awake = True
        self._gone_at: dict[str, float] = {}
        """By task that was a server once, and is none now."""
        self.published: dict[str, frozenset[str]] = {}
        """By service: the tasks that are servers now."""
        self.told: dict[str, Told] = {}
        """By task."""
        self.fewest: dict[str, int] = {}
        """By service: the fewest servers at once that were tasks which run."""
        self._look()
        engine.store.observe(self._see)
        traefik.observe(self._look)

    def rest(self) -> None:
        """It has seen enough."""
        self._is_awake = False

    @property
    def too_long(self) -> dict[str, float]:
        """Tasks that requests were, or still are, sent to when their window was over, and for how
        many seconds after they had been told."""
        now = self._engine.timeline.now
        lasted = {
            task_id: (told.gone_at if told.gone_at is not None else now) - told.at
            for task_id, told in self.told.items()
        }
        return {task_id: seconds for task_id, seconds in lasted.items() if seconds > WINDOW_S}

    @property
    def longest_s(self) -> float:
        """So long after it was told to stop the last request may have been sent to a task."""
        gone = [told.gone_at - told.at for told in self.told.values() if told.gone_at is not None]
        return max(0.0, max(gone, default=0.0))

    @property
    def ahead_s(self) -> float:
        """So long before it was told to stop a task was no server any more, at the least."""
        ahead = [told.at - told.gone_at for told in self.told.values() if told.gone_at is not None]
        return min(ahead, default=0.0)

    @property
    def still_sent(self) -> list[str]:
        """Tasks that were servers when they were told to stop."""
        return sorted(task_id for task_id, told in self.told.items() if not told.was_gone)

    def _see(self, change: Change) -> None:
        if not self._is_awake or not isinstance(change.old, TaskRecord):
            return
        old, new = change.old, change.new
        if old.service_name not in self._services:
            return
        self._look()
        is_told = isinstance(new, TaskRecord) and new.desired_state > TaskState.RUNNING
        if old.desired_state is TaskState.RUNNING and is_told and old.state is TaskState.RUNNING:
            now = self._engine.timeline.now
            is_server = any(old.id in servers for servers in self.published.values())
            self.told[old.id] = Told(now, None if is_server else self._gone_at.get(old.id, now))

    def _look(self) -> None:
        if not self._is_awake:
            return
        now = self._engine.timeline.now
        for name, traefik_service in self._services.items():
            before = self.published.get(name, frozenset())
            servers = self._tasks_behind(name, traefik_service)
            self.published[name] = servers
            for task_id in servers:
                self._gone_at.pop(task_id, None)
            for task_id in before - servers:
                self._gone_at[task_id] = now
                told = self.told.get(task_id)
                if told is not None and told.gone_at is None:
                    told.gone_at = now
            good = sum(1 for task_id in servers if self._runs(task_id))
            self.fewest[name] = min(self.fewest.get(name, good), good)

    def _tasks_behind(self, service: str, traefik_service: str) -> frozenset[str]:
        """Ids of the tasks that Traefik's own API names as servers, by their addresses."""
        found = self._traefik.get(f"/api/http/services/{traefik_service}@consul") or {}
        servers = (found.get("loadBalancer") or {}).get("servers") or ()
        hosts = {urlsplit(each["url"]).hostname for each in servers if "url" in each}
        return frozenset(
            task.id
            for task in self._engine.store.tasks.all()
            if task.service_name == service and hosts & _addresses(task)
        )

    def _runs(self, task_id: str) -> bool:
        task = self._engine.store.tasks.get(task_id)
        agent = self._engine.agents.get(task.node_id) if task is not None else None
        return (
            task is not None
            and task.state is TaskState.RUNNING
            and agent is not None
            and agent.has_power
        )


def _addresses(task: TaskRecord) -> set[str]:
    return {
        str(address).partition("/")[0]
        for attachment in task.networks
        for address in attachment.get("Addresses") or ()
    }
