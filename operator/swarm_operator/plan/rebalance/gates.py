"""When a move may begin: each gate is open, or closed with the reason and, where time alone opens it,
the moment when.

Nothing here decides what is moved; it decides whether now is the time. A gate that is closed for no
good reason costs balance for a while; one that is open for no good reason costs tasks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from desired_state.rebalance_policy import RebalancePolicy
from desired_state.rebalance_records import RebalanceNode, RebalanceService, RebalanceStatus
from swarm_operator.observed.engine_time import parse_time
from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from swarm_operator.plan.rebalance import memory as remembered
from swarm_operator.plan.rebalance.begun import Owns, begun, hanging, stuck
from swarm_operator.plan.rebalance.closed import Closed, last_to_open
from swarm_operator.plan.rebalance.intent import has_label
from swarm_operator.plan.rebalance.mobility import replicas
from swarm_operator.plan.rebalance.placement import FAILED, REPORTED_WITHIN, went_with_its_node
from swarm_operator.plan.rebalance.recovery import RESTLESS
from swarm_operator.plan.rebalance.slots import slots_of

LEADER_STEADY: Final = timedelta(minutes=2)
"""The leader's scheduler and dispatcher begin anew with each leader. Less where the policy's hold-off
is shorter."""
NODES_STEADY: Final = timedelta(minutes=2)
"""Swarm puts elsewhere what ran on a node that went, and is busy with that for so long. Less as above."""
LONGEST_HOLD_OFF: Final = timedelta(hours=1)
DEAD_BUT_READY_S: Final = 15.0
"""A dead worker shows as ready for so long; the swarm's own grace comes on top."""
FAILURE: Final = timedelta(minutes=5)
"""A service with a failed task younger than this has other worries. Less where `min_age` is less."""


UNREAD: Final = "desired/policy cannot be read, and it may forbid moves: correct it"


@dataclass(frozen=True)
class Gates:
    """All gates at one moment."""

    policy: RebalancePolicy
    memory: RebalanceStatus
    swarm: Swarm
    utc: datetime
    watching_since: datetime
    """Since when this process looks at the swarm: what happened before it did not see."""
    owns: Owns
    """Whether a thing with these labels is ours: other installations move tasks of their own."""
    grace_s: float = 15.0
    """The swarm's: three heartbeats that a node may miss."""
    paused: Closed | None = None
    """A person's pause that holds now."""
    asked: bool = False
    """Whether a person asked for it now: then the hold-off is not waited for, only what is unsafe."""
    is_unread: bool = False
    """Whether the policy in the KV cannot be read; `policy` is a careful one then."""
    acts: bool = True
    """Whether this operator writes to the swarm at all."""
    unproven: Closed | None = None
    """Why directed moves are not trusted on this engine."""
    out_of_line: Callable[[Service], str | None] = lambda _service: None
    """Why the service is not as its document says; None where it is."""
    _services: dict[str, Closed | None] = field(default_factory=dict)
    _nodes: dict[str, Closed | None] = field(default_factory=dict)

    # --- all moves --------------------------------------------------------------------------------

    def cluster(self) -> Closed | None:
        """Of every move."""
        return last_to_open(
            self._wished(), self.unproven, self._whole(), self._in_flight(), self._budget()
        )

    def _wished(self) -> Closed | None:
        if self.is_unread:
            return Closed(UNREAD)
        if self.policy.mode != "act":
            return Closed(f"the policy says rebalance: {{mode: {self.policy.mode}}}")
        if not self.acts:
            return Closed("the operator observes only")
        if self.paused is not None:
            return self.paused
        quiet = self.policy.quiet_until(self.utc)
        return Closed("quiet hours", quiet) if quiet is not None else None

    def _whole(self) -> Closed | None:
        for node in self.swarm.nodes:
            if node.is_manager and (node.reachability != "reachable" or node.state == "down"):
                return Closed(f"the manager {node.hostname} cannot be reached")
        since = self.memory.leader_since
        if not self.memory.leader or since is None:
            return Closed("the swarm has no leader")
        young = "the swarm's leader is new: it must be steady"
        # A new leader grants twice the heartbeats (SwarmKit manager/dispatcher).
        grace = timedelta(seconds=self.grace_s)
        found = [Closed(young, since + self._at_most(LEADER_STEADY, self._floor + grace))]
        found += (
            Closed(
                f"{known.hostname} is {known.state}: Swarm is left to its work",
                known.away_since + self._at_most(NODES_STEADY, self._floor),
            )
            for known in self.memory.nodes.values()
            if known.away_since is not None
        )
        return last_to_open(*(gate for gate in found if self._holds(gate)))

    def _at_most(self, usual: timedelta, least: timedelta) -> timedelta:
        """Who has shortened the hold-off cannot wait; but nobody begins while the dead seem alive."""
        return min(usual, max(least, timedelta(seconds=self.policy.hold_off_s)))

    @property
    def _floor(self) -> timedelta:
        """A dead worker may show as ready for so long."""
        return timedelta(seconds=DEAD_BUT_READY_S + self.grace_s)

    def _holds(self, gate: Closed) -> bool:
        return gate.until is None or self.utc < gate.until

    def _in_flight(self) -> Closed | None:
        moving = [s for s in begun(self.swarm, self.owns) if not hanging(s, self.owns, self.utc)]
        return Closed(f"a task of {moving[0].name} is being moved") if moving else None

    def _budget(self) -> Closed | None:
        per_hour = self.policy.moves_per_hour
        at = remembered.next_token_at(self.memory, per_hour, self.utc)
        return Closed(f"{per_hour} moves an hour are enough", at) if at is not None else None

    # --- one move ---------------------------------------------------------------------------------

    def move(self, service: Service, source: Node, target: Node) -> Closed | None:
        """Of one move, besides those of every move."""
        del source
        return last_to_open(self._pair(service, target), self.service(service), self.node(target))

    def _pair(self, service: Service, target: Node) -> Closed | None:
        for block in self.memory.blocked:
            if (block.service, block.node) == (service.name, target.id):
                return Closed(
                    f"a move to {target.hostname} failed ({block.why}): not tried again until the "
                    "service's spec changes or the node comes back anew"
                )
        return None

    # --- the target -------------------------------------------------------------------------------

    def node(self, node: Node) -> Closed | None:
        """Of a target."""
        if node.id not in self._nodes:
            self._nodes[node.id] = self._node(node)
        return self._nodes[node.id]

    def _node(self, node: Node) -> Closed | None:
        known = self.memory.nodes.get(node.id)
        if known is None or known.steady_since is None:
            return Closed(f"{node.hostname} takes no tasks")
        left = self._leftovers(node, known.steady_since)
        if left:
            # Nearly always their end is told within seconds. Were it waited for without end, a container
            # that cannot be stopped would keep everything else from being evened out.
            passes = self.utc < known.steady_since + REPORTED_WITHIN
            why = f"containers of before run on {node.hostname} still ({left})"
            return Closed(why, passes=passes)
        found = [
            Closed(f"{node.hostname} must be steady", self.steady_at(known, known.steady_since))
        ]
        if known.blocked_until is not None:
            why = f"two moves to {node.hostname} failed: it gets none"
            found.append(Closed(why, known.blocked_until))
        if known.first_move is not None and not self.asked:
            until = known.first_move + timedelta(seconds=self.policy.canary_s)
            found.append(Closed(f"the first task moved to {node.hostname} is watched", until))
        return last_to_open(*(gate for gate in found if self._holds(gate)))

    def steady_at(self, known: RebalanceNode, since: datetime) -> datetime:
        """When a node that takes tasks since then may get some."""
        wait = self._floor if self.asked else max(self._floor, self.hold_off(known))
        return max(since + wait, self.watching_since + self._floor)

    def hold_off(self, known: RebalanceNode) -> timedelta:
        """Doubled for each time that the node was down in the last 24 hours, but for the first: to go
        once is no flapping."""
        downs = sum(1 for when in known.downs if self.utc - when < remembered.DAY)
        base = timedelta(seconds=self.policy.hold_off_s)
        doubled: timedelta = base * (1 << min(max(0, downs - 1), 20))
        return min(doubled, max(base, LONGEST_HOLD_OFF))

    def _leftovers(self, node: Node, since: datetime) -> int:
        """Containers that outlived the node's absence, and whose end it did not report yet."""
        return sum(
            1
            for task in self.swarm.tasks
            if task.node_id == node.id
            and task.desired_state not in {"ready", "running"}
            and task.state == "running"
            and _is_before(task.created_at, since)
        )

    # --- the service ------------------------------------------------------------------------------

    def service(self, service: Service) -> Closed | None:
        """Of a service's tasks."""
        if service.id not in self._services:
            self._services[service.id] = last_to_open(self._update(service), self._times(service))
        return self._services[service.id]

    def _update(self, service: Service) -> Closed | None:
        why = self._why_stuck(service)
        if why is not None:
            return Closed(f"{service.name}: {why}")
        if has_label(service.spec) or has_label(service.previous_spec):
            return Closed(f"a task of {service.name} is being moved")
        # "rollback_completed" is no reason by itself: Swarm keeps it until the next write, and where
        # the document says the same as the service there is none.
        if service.update_state in RESTLESS:
            return Closed(f"{service.name}: its update is {service.update_state}")
        different = self.out_of_line(service)
        if different is not None:
            return Closed(f"{service.name}: {different}")
        return self._tasks(service)

    def stuck(self) -> Mapping[str, str]:
        """By service, the moves of ours that can neither go on nor end: a person has to look."""
        found = ((s.name, self._why_stuck(s)) for s in self.swarm.services)
        return {name: why for name, why in found if why is not None}

    def _why_stuck(self, service: Service) -> str | None:
        return stuck(service, self.owns) or hanging(service, self.owns, self.utc)

    def is_in_motion(self, service: Service) -> bool:
        """Whether tasks of it come and go: then where they are says nothing yet."""
        return service.update_state == "updating" or not self._all_run(service)

    def _all_run(self, service: Service) -> bool:
        slots = slots_of(self.swarm.tasks_by_service.get(service.id, ()), self.swarm.nodes_by_id)
        wanted = replicas(service.spec)
        return len(slots.serving) == len(slots.live) == wanted and not slots.doubled

    def _tasks(self, service: Service) -> Closed | None:
        tasks = self.swarm.tasks_by_service.get(service.id, ())
        if not self._all_run(service):
            serving = len(slots_of(tasks, self.swarm.nodes_by_id).serving)
            return Closed(f"{service.name}: {serving} of {replicas(service.spec)} tasks run")
        failed = [at for task in tasks if (at := self._failed_at(task)) is not None]
        if failed:
            why = f"{service.name}: a task failed, it is watched"
            return Closed(why, max(failed) + self._failure_memory)
        return None

    @property
    def _failure_memory(self) -> timedelta:
        return min(FAILURE, timedelta(seconds=self.policy.min_age_s))

    def _failed_at(self, task: Task) -> datetime | None:
        """When a task failed lately by itself, and not with its node."""
        at = parse_time(task.timestamp) if task.state in FAILED else None
        if at is None or self.utc - at >= self._failure_memory:
            return None
        known = self.memory.nodes.get(task.node_id or "")
        if known is None:
            return at
        if known.steady_since is None:
            return at if known.state == "ready" else None
        returned_at = known.steady_since if known.downs else None
        return None if went_with_its_node(task, returned_at) else at

    def _times(self, service: Service) -> Closed | None:
        known = self.memory.services.get(service.name, RebalanceService())
        changed = service.updated_at
        if known.sealed and changed == known.sealed:
            changed = known.changed  # our own writes are no change
        name, policy = service.name, self.policy
        since = (
            (f"{name} was changed: it must be left", parse_time(changed), policy.min_age_s),
            (f"{name} was moved: it is left", known.moved_at, policy.between_moves_s),
        )
        found = [Closed(why, at + timedelta(seconds=s)) for why, at, s in since if at is not None]
        if known.left_until is not None:
            why = f"{name} was changed by another hand in a move: it is left"
            found.append(Closed(why, known.left_until))
        return last_to_open(*(gate for gate in found if self._holds(gate)))


def _is_before(timestamp: str, since: datetime) -> bool:
    at = parse_time(timestamp)
    return at is not None and at < since
