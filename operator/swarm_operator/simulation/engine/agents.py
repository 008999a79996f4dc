"""The nodes' own side: power, cable, and the tasks that were assigned to each.

SwarmKit's agent/. An agent outlives every leader; it talks to whichever dispatcher there is.
"""

import random
from collections.abc import Callable, Iterable
from typing import Protocol

from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.engine.records import TaskRecord, TaskStatus
from swarm_operator.simulation.engine.task_run import Machine, TaskRun
from swarm_operator.simulation.timeline import Timeline, Timer

POWER_ON_S = (1.6, 1.8)
"""From switching on to the engine's first call of a manager, as measured."""
CABLE_BACK_S = (0.2, 0.6)
REFUSED_S = (0.1, 8.0)
"""Until an agent that was refused tries again."""
NEW_LEADER_S = (0.6, 6.0)
"""Until an agent has found a new leader."""


class Managers(Protocol):
    """What an agent can say to the leader's dispatcher."""

    def register(self, agent: "Agent") -> None: ...

    def status_of(self, agent: "Agent", task_id: str, status: TaskStatus) -> None: ...

    def silent(self, agent: "Agent") -> None:
        """No heartbeat comes from now on."""
        ...


class Agent:
    """One node. `has_power` and `has_link` are the machine's and the cable's own state."""

    def __init__(self, node_id: str, agents: "Agents") -> None:
        self.node_id = node_id
        self.has_power = True
        self.has_link = True
        self.has_session = False
        """With the dispatcher of now, as far as the node knows."""
        self.call: Timer | None = None
        """The next try to begin one."""
        self.runs: dict[str, TaskRun] = {}
        self._agents = agents
        self._machine = agents.machine(self._report)

    @property
    def is_reachable(self) -> bool:
        return self.has_power and self.has_link

    def assign(self, tasks: Iterable[TaskRecord]) -> None:
        """The whole set: what is not in it is removed."""
        given = {task.id: task for task in tasks}
        self.forget([task_id for task_id in self.runs if task_id not in given])
        for task in given.values():
            self.update(task)

    def update(self, task: TaskRecord) -> None:
        run = self.runs.get(task.id)
        if run is None:
            self.runs[task.id] = TaskRun(task, self._machine)
        else:
            run.update(task)

    def forget(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            run = self.runs.pop(task_id, None)
            if run is not None:
                run.remove()

    def report_all(self) -> None:
        """As at the beginning of each session."""
        for task_id, run in self.runs.items():
            self._report(task_id, run.status)

    def lose_power(self) -> None:
        self.has_power = False
        self.has_session = False
        for run in self.runs.values():
            run.lose_power()
        self._agents.note_silence(self)

    def regain_power(self) -> None:
        self.has_power = True
        for run in self.runs.values():
            run.regain_power()

    def lose_link(self) -> None:
        self.has_link = False
        self._agents.note_silence(self)

    def _report(self, task_id: str, status: TaskStatus) -> None:
        managers = self._agents.managers
        if managers is not None and self.is_reachable and self.has_session:
            managers.status_of(self, task_id, status)


class Agents:
    """All nodes' agents by node id, and the dispatcher that they talk to while there is a leader."""

    def __init__(
        self, timeline: Timeline, rng: random.Random, tempo: Tempo, images: ImageLibrary
    ) -> None:
        self.managers: Managers | None = None
        self._timeline = timeline
        self._rng = rng
        self._tempo = tempo
        self._images = images
        self._by_node: dict[str, Agent] = {}

    def machine(self, report: Callable[[str, TaskStatus], None]) -> Machine:
        return Machine(self._timeline, self._rng, self._tempo, self._images, report)

    def add(self, node_id: str) -> Agent:
        """A new node, on and connected; nobody was told yet."""
        agent = self._by_node[node_id] = Agent(node_id, self)
        return agent

    def remove(self, node_id: str) -> None:
        agent = self._by_node.pop(node_id, None)
        if agent is not None:
            agent.assign(())

    def get(self, node_id: str) -> Agent | None:
        return self._by_node.get(node_id)

    def all(self) -> list[Agent]:
        return list(self._by_node.values())

    def note_silence(self, agent: Agent) -> None:
        if self.managers is not None:
            self.managers.silent(agent)

    def call_in(self, agent: Agent, within_s: tuple[float, float]) -> None:
        """Let the agent begin a session after a while, if then there is a way to a leader.

        Takes the place of what it tried before.
        """
        if agent.call is not None:
            agent.call.cancel()

        def call() -> None:
            if self.managers is not None and agent.is_reachable:
                self.managers.register(agent)

        agent.call = self._timeline.after(self._rng.uniform(*within_s), call)
