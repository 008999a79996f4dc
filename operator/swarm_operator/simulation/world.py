"""A world: a swarm, a Consul and the time that passes in both. No clock, no socket, no thread."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.kv.api import ConsulApi
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.timeline import Timeline


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A machine of the swarm-to-be."""

    hostname: str
    role: str = "worker"
    labels: Mapping[str, str] = field(default_factory=dict)
    cpus: float = 4.0
    memory_bytes: int = 8 << 30


FIVE_NODES: Final = (
    NodePlan("manager-1", "manager", {"zone": "a"}),
    NodePlan("manager-2", "manager", {"zone": "b"}),
    NodePlan("manager-3", "manager", {"zone": "c"}),
    NodePlan("worker-1", "worker", {"zone": "a", "disk": "ssd"}),
    NodePlan("worker-2", "worker", {"zone": "b", "disk": "ssd"}),
)
"""Three managers, so that one of them may be lost; they run tasks too, as Swarm's do."""


class World:
    """The same seed and the same calls at the same times give the same world, id by id."""

    def __init__(
        self,
        *,
        seed: int = 0,
        nodes: Sequence[NodePlan] = FIVE_NODES,
        timeline: Timeline | None = None,
        tempo: Tempo | None = None,
    ) -> None:
        """The engine's API is that of the first manager among `nodes`. Raises ValueError without a
        manager."""
        self.timeline = timeline if timeline is not None else Timeline()
        self.images = ImageLibrary()
        self.engine = Engine(timeline=self.timeline, seed=seed, tempo=tempo, images=self.images)
        self.entry = next((node.hostname for node in nodes if node.role == "manager"), "")
        """The host name of the manager that answers."""
        if not self.entry:
            raise ValueError("a swarm needs a manager")
        for node in nodes:
            self.engine.add_node(
                node.hostname,
                role=node.role,
                labels=node.labels,
                cpus=node.cpus,
                memory_bytes=node.memory_bytes,
            )
        self.engine_api = EngineApi(self.engine, self.engine.agent(self.entry).node_id)
        # Chance of its own: what happens in the swarm does not change what happens in the KV.
        self.kv = Kv(self.timeline, random.Random(f"kv {seed}"))  # noqa: S311 - a model's chance
        self.consul_api = ConsulApi(self.kv)
