"""The managers' quorum and who of them leads, as far as raft shows.

SwarmKit's manager/state/raft: an orderly hand-over takes no time; a leader that is gone is noticed
after an election timeout of 10 to 20 ticks of a second.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from swarm_operator.simulation.engine.agents import Agents
from swarm_operator.simulation.engine.records import NodeRecord
from swarm_operator.simulation.engine.store import Change, Store
from swarm_operator.simulation.timeline import Timeline, Timer

ELECTION_S = (10.0, 20.0)
LONE_ELECTION_S = (1.0, 2.0)
"""A swarm's only manager elects itself as soon as it is up."""
PORT = 2377

Leadership = Literal["led", "electing", "lost"]
"""`electing`: a majority is there and has no leader yet. `lost`: there is no majority."""


class Managers:
    """Before the first manager is added the swarm counts as led: there is nobody to lose."""

    def __init__(
        self,
        store: Store,
        agents: Agents,
        timeline: Timeline,
        rng: random.Random,
        *,
        lead: Callable[[], None],
        step_down: Callable[[], None],
    ) -> None:
        """`lead` builds a new leader's components and lets them begin; `step_down` ends them."""
        self._store = store
        self._agents = agents
        self._timeline = timeline
        self._rng = rng
        self._lead = lead
        self._step_down = step_down
        self._is_led = False
        self._is_split = False
        self._is_crashed = False
        self._leader_id = ""
        self._election: Timer | None = None

    @property
    def leadership(self) -> Leadership:
        if self._is_led:
            return "led"
        return "electing" if self._has_quorum() else "lost"

    @property
    def leader(self) -> NodeRecord | None:
        return self._store.nodes.get(self._leader_id) if self._is_led else None

    def begin(self) -> None:
        """The swarm is made: it is led from the start."""
        self._is_led = True
        self._lead()

    def hand_over(self, hostname: str | None = None) -> None:
        """In good order, to the named manager or to the next one that can; a lone one to itself.

        Raises LookupError where there is no such manager alive, or no leader to begin with.
        """
        if not self._is_led:
            raise LookupError("no manager leads: there is nothing to hand over")
        able = [node for node in self._members() if self._is_able(node)]
        others = [node for node in able if node.id != self._leader_id]
        if hostname is not None:
            others = [node for node in able if node.hostname == hostname]
            if not others:
                raise LookupError(f"{hostname} is no manager that could lead")
        chosen = others[0] if others else self.leader
        self._resign()
        self._elect(chosen.id if chosen is not None else "")

    def split(self) -> None:
        """No manager hears another until `heal`."""
        self._is_split = True
        self.reconsider()

    def heal(self) -> None:
        self._is_split = False
        self.reconsider()

    def crash(self) -> None:
        """Each manager's process dies, and again at every start: nobody ever leads any more."""
        self._is_crashed = True
        self.reconsider()

    def reconsider(self) -> None:
        """Somebody came or went: a leader without a majority steps down, a majority elects one."""
        leader = self.leader
        is_gone = leader is not None and not self._is_able(leader)
        if self._is_led and (is_gone or not self._has_quorum()):
            self._resign()
        elif leader is not None and not leader.is_manager:
            self.hand_over()
        if not self._is_led and self._has_quorum():
            self._call_election()
        elif self._is_led and leader is None:
            self._take_the_lead()
        self._annotate()

    def handle(self, change: Change) -> None:
        """A node became a manager, or is one no longer: the majority is another one."""
        old, new = change.old, change.new
        was = isinstance(old, NodeRecord) and old.is_manager
        is_now = isinstance(new, NodeRecord) and new.is_manager
        if was != is_now:  # not within this step: components are being told of the change
            self._timeline.after(0.0, self.reconsider)

    # --- elections ---

    def _members(self) -> list[NodeRecord]:
        return [node for node in self._store.nodes.all() if node.is_manager]

    def _is_able(self, node: NodeRecord) -> bool:
        agent = self._agents.get(node.id)
        return agent is not None and agent.is_reachable

    def _has_quorum(self) -> bool:
        members = self._members()
        if self._is_crashed or (self._is_split and len(members) > 1):
            return False
        able = sum(1 for node in members if self._is_able(node))
        return not members or able > len(members) // 2

    def _call_election(self) -> None:
        if self._election is None or not self._election.is_pending:
            is_alone = len(self._members()) == 1
            delay_s = self._rng.uniform(*(LONE_ELECTION_S if is_alone else ELECTION_S))
            self._election = self._timeline.after(delay_s, self._election_over)

    def _election_over(self) -> None:
        if self._is_led or not self._has_quorum():
            return
        able = [node for node in self._members() if self._is_able(node)]
        self._elect(self._rng.choice(able).id if able else "")

    def _elect(self, node_id: str) -> None:
        self._leader_id = node_id
        self._is_led = True
        self._annotate()
        self._lead()

    def _take_the_lead(self) -> None:
        """The first manager of a swarm that had none."""
        able = [node for node in self._members() if self._is_able(node)]
        if able:
            self._leader_id = able[0].id

    def _resign(self) -> None:
        self._is_led = False
        self._leader_id = ""
        self._step_down()
        self._annotate()

    def _annotate(self) -> None:
        for node in self._store.nodes.all():
            if not node.is_manager:
                continue
            is_leader = self._is_led and node.id == self._leader_id
            reachability = "reachable" if self._is_able(node) else "unreachable"
            if (node.is_leader, node.reachability) != (is_leader, reachability):
                seen = replace(node, is_leader=is_leader, reachability=reachability)
                self._store.nodes.annotate(seen)
