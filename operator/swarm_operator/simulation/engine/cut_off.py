"""A manager whose cable is out: what it still believes of the swarm, and for how long.

Raft's leader goes on answering reads from its own memory until it notices that no majority hears it
(SwarmKit's raft: CheckQuorum, after an election timeout or two; measured: 14 s). A follower has to
ask the leader, and cannot.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.control import Control
from swarm_operator.simulation.engine.events import EventRing
from swarm_operator.simulation.engine.managers import Leadership
from swarm_operator.simulation.timeline import Timeline

BELIEF_S: Final = 14.0
"""How long a leader that was cut off takes itself for one."""
NOTICE_S: Final = 2.0
"""After this long without an answer it calls the other managers unreachable."""


class CutOff:
    """The swarm as one manager sees it that was cut off (implements the API's `Model`).

    Nothing that is written here is ever part of the swarm: no majority agrees.
    """

    def __init__(self, kit: Kit, node_id: str, cluster_id: str) -> None:
        """To be made before the cable is pulled: the records are those of now."""
        self.store = kit.store.copy()
        self.timeline: Timeline = kit.timeline
        self.images = kit.images
        self.control = Control(replace(kit, store=self.store, settle=lambda: None))
        self.events = EventRing(kit.timeline)
        self.cluster_id = cluster_id
        self.cut_off: Mapping[str, CutOff] = {}
        self._node_id = node_id
        self._since = kit.timeline.now
        node = self.store.nodes.get(node_id)
        self._was_leader = node is not None and node.is_leader
        kit.timeline.after(NOTICE_S, self._notice)

    @property
    def leadership(self) -> Leadership:
        is_recent = self.timeline.now - self._since < BELIEF_S
        if self._was_leader:
            return "led" if is_recent else "lost"
        return "electing" if is_recent else "lost"

    def _notice(self) -> None:
        for node in self.store.nodes.all():
            if node.is_manager and node.id != self._node_id:
                self.store.nodes.annotate(replace(node, reachability="unreachable"))
