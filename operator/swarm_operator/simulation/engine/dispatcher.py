"""The leader's line to the nodes: sessions, heartbeats, assignments out, statuses in.

SwarmKit's manager/dispatcher. A heartbeat is never simulated as such: only where a node stops
answering there is an appointment, at the time when the last one's grace runs out.
"""

from dataclasses import replace

from swarm_operator.simulation.engine.agents import NEW_LEADER_S, REFUSED_S, Agent, Agents
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.engine.task_run import DISPATCH_S
from swarm_operator.simulation.timeline import Timer

HEARTBEAT_EPSILON_S = 0.5
RATE_LIMIT_S = 8.0
RATE_LIMIT_COUNT = 3
LEADER_CHANGED = 'Node moved to "unknown" state due to leadership change in cluster'
HEARTBEAT_FAILURE = "heartbeat failure"
UNKNOWN_FAILURE = 'heartbeat failure for node in "unknown" state'


class Dispatcher:
    """Component of the leader."""

    def __init__(self, kit: Kit, agents: Agents) -> None:
        self._kit = kit
        self._agents = agents
        self._sessions: dict[str, float] = {}
        """Since when a node has had a session, by its id."""
        self._attempts: dict[str, tuple[float, int]] = {}
        """When a node was last admitted anew, and how often in a row, by its id."""
        self._expiries: dict[str, Timer] = {}
        self._orphanings: dict[str, Timer] = {}
        self._statuses: dict[str, TaskStatus] = {}
        self._assignments: dict[str, str] = {}
        """Node id by task id: what changed for the agents."""
        self._statuses_due: Timer | None = None
        self._assignments_due: Timer | None = None

    # --- component ---

    def start(self) -> None:
        self._started_at = self._kit.timeline.now
        self._agents.managers = self
        for node in self._kit.store.nodes.all():
            if node.state == "down":
                self._expect_orphans(node.id)
            else:
                unknown = replace(node, state="unknown", message=LEADER_CHANGED)
                self._kit.store.nodes.put(unknown)
        for agent in self._agents.all():
            if agent.is_reachable:
                self._agents.call_in(agent, NEW_LEADER_S)
            else:
                self.silent(agent)

    def handle(self, change: Change) -> None:
        record = change.record
        if isinstance(record, TaskRecord):
            self._note_task(change.old, change.new)
        elif isinstance(record, NodeRecord) and change.new is None:
            self._forget_node(record.id)

    def commit(self) -> None:
        if self._assignments and self._assignments_due is None:
            self._assignments_due = self._kit.after(DISPATCH_S, self._send_assignments)

    def stop(self) -> None:
        self._agents.managers = None
        for agent in self._agents.all():
            agent.has_session = False
        timers = [*self._expiries.values(), *self._orphanings.values()]
        for timer in (*timers, self._statuses_due, self._assignments_due):
            if timer is not None:
                timer.cancel()

    # --- what agents say ---

    def register(self, agent: Agent) -> None:
        """A session begins: the node is ready, gets all its tasks and tells how they are.

        One that was cut off for less than the grace goes on with its old session.
        """
        node = self._kit.store.nodes.get(agent.node_id)
        if node is None:
            return
        is_new = not agent.has_session or node.id not in self._sessions
        if is_new and not self._admits(node.id):
            self._agents.call_in(agent, REFUSED_S)
            return
        self._cancel(self._expiries, node.id)
        self._cancel(self._orphanings, node.id)
        if is_new:
            self._kit.store.nodes.put(replace(node, state="ready", message="", down_since=None))
        self._sessions[node.id] = self._kit.timeline.now
        agent.has_session = True
        tasks = self._kit.store.tasks_on_node(node.id)
        agent.assign(task for task in tasks if task.state >= TaskState.ASSIGNED)
        agent.report_all()
        self._kit.settle()

    def _admits(self, node_id: str) -> bool:
        """Too many sessions of a node that was never down in between are refused for a while."""
        if node_id not in self._sessions:
            self._attempts.pop(node_id, None)
            return True
        now = self._kit.timeline.now
        last, count = self._attempts.get(node_id, (self._sessions[node_id], 0))
        count = 1 if now - last > RATE_LIMIT_S else count + 1
        if count > RATE_LIMIT_COUNT:
            self._attempts[node_id] = (last, count)
            return False
        self._attempts[node_id] = (now, count)
        return True

    def status_of(self, agent: Agent, task_id: str, status: TaskStatus) -> None:
        if agent.node_id not in self._sessions:
            return
        self._statuses[task_id] = status
        if self._statuses_due is None:
            self._statuses_due = self._kit.after(DISPATCH_S, self._write_statuses)

    def silent(self, agent: Agent) -> None:
        """Down when three periods (six after a change of leader) went by since the last word."""
        now, node_id = self._kit.timeline.now, agent.node_id
        if node_id in self._expiries:
            return
        tempo, rng = self._kit.tempo, self._kit.rng
        period = tempo.heartbeat_s + rng.uniform(-HEARTBEAT_EPSILON_S, HEARTBEAT_EPSILON_S)
        since = self._sessions.get(node_id)
        if since is None:
            due = max(now, self._started_at + tempo.leader_grace * period)
            message = UNKNOWN_FAILURE
        else:
            last_beat = max(since, now - rng.uniform(0.0, period))
            due = last_beat + tempo.heartbeat_grace * period
            message = HEARTBEAT_FAILURE
        self._expiries[node_id] = self._kit.after(due - now, lambda: self._down(node_id, message))

    # --- nodes ---

    def _down(self, node_id: str, message: str) -> None:
        self._expiries.pop(node_id, None)
        self._sessions.pop(node_id, None)
        node = self._kit.store.nodes.get(node_id)
        if node is None or node.state == "down":
            return
        now = self._kit.timeline.now
        down = replace(node, state="down", message=message, down_since=now)
        self._kit.store.nodes.put(down)
        self._expect_orphans(node_id)

    def _expect_orphans(self, node_id: str) -> None:
        self._orphanings[node_id] = self._kit.after(
            self._kit.tempo.orphan_after_s, lambda: self._orphan(node_id)
        )

    def _orphan(self, node_id: str) -> None:
        """Nobody knows any more whether they run."""
        self._orphanings.pop(node_id, None)
        for task in self._kit.store.tasks_on_node(node_id):
            if TaskState.ASSIGNED <= task.state <= TaskState.RUNNING:
                status = replace(task.status, state=TaskState.ORPHANED)
                self._kit.store.tasks.put(replace(task, status=status))

    def _forget_node(self, node_id: str) -> None:
        self._agents.remove(node_id)
        self._attempts.pop(node_id, None)
        self._sessions.pop(node_id, None)
        self._cancel(self._expiries, node_id)
        self._cancel(self._orphanings, node_id)

    @staticmethod
    def _cancel(timers: dict[str, Timer], node_id: str) -> None:
        timer = timers.pop(node_id, None)
        if timer is not None:
            timer.cancel()

    # --- tasks ---

    def _note_task(self, old: object, new: object) -> None:
        """Agents hear of a task's assignment, desired state and removal, not of their own words."""
        if not isinstance(new, TaskRecord):
            if isinstance(old, TaskRecord) and old.node_id:
                self._assignments[old.id] = old.node_id
            return
        if not new.node_id or new.state < TaskState.ASSIGNED:
            return
        is_unheard = (
            not isinstance(old, TaskRecord)
            or new.state is TaskState.ASSIGNED
            or old.desired_state != new.desired_state
            or old.node_id != new.node_id
        )
        if is_unheard:
            self._assignments[new.id] = new.node_id

    def _send_assignments(self) -> None:
        self._assignments_due = None
        assignments, self._assignments = self._assignments, {}
        for task_id, node_id in assignments.items():
            agent = self._agents.get(node_id)
            if agent is None or not agent.is_reachable or node_id not in self._sessions:
                continue  # it gets the whole set when it is back
            task = self._kit.store.tasks.get(task_id)
            if task is None:
                agent.forget([task_id])
            else:
                agent.update(task)

    def _write_statuses(self) -> None:
        """A state never goes back: what an agent says too late is dropped."""
        self._statuses_due = None
        statuses, self._statuses = self._statuses, {}
        tasks = self._kit.store.tasks
        for task_id, status in statuses.items():
            task = tasks.get(task_id)
            if task is None or task.status == status or task.state > status.state:
                continue
            tasks.put(replace(task, status=status))
