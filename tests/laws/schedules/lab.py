"""A simulated world with operators in it, people, other hands, and monitors that watch them all."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from desired_state import keys
from desired_state.records import SCHEMA_VERSION, Installation
from swarm_operator.plan.ownership import Owner
from swarm_operator.simulation import consul_transport, docker_transport
from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.kv_faults import FaultyConsul, State
from swarm_operator.simulation.world import NodePlan, World
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors import MONITORS
from tests.laws.schedules.monitors.routes import Routes
from tests.laws.schedules.process import TTL_S, Process
from tests.laws.schedules.traefiks import Traefiks

NODES: Final = (
    NodePlan("m1", "manager", {"zone": "a"}),
    NodePlan("m2", "manager", {"zone": "b"}),
    NodePlan("m3", "manager", {"zone": "b"}),
    NodePlan("w1", "worker", {"zone": "a"}),
    NodePlan("w2", "worker", {"zone": "b"}),
)
AnyMonitor = TypeVar("AnyMonitor", bound=Monitor)

LEADER: Final = "leader"
"""In the place of an operator's name: whoever holds the lease."""

MANAGER_OF: Final = {"alpha": "m1", "beta": "m2"}
"""Which manager each operator talks to."""


class Breach(NamedTuple):
    """A law that was broken, and what is known about it."""

    law: str
    said: str

    def __str__(self) -> str:
        return self.said


class Lab:
    """The same seed and the same steps give the same world, request by request."""

    ROOT: Final = "swarm-operator/"
    INSTALLATION: Final = "inst-one"
    GRACE_S: Final = 60.0
    stacks: Final = frozenset({"shop", "wiki"})

    def __init__(self, seed: int = 0, monitors: Sequence[type[Monitor]] = MONITORS) -> None:
        self.seed = seed
        self.world = World(seed=seed, nodes=NODES)
        self.timeline = self.world.timeline
        self.engine = self.world.engine
        self.control = self.engine.control
        self.kv = self.world.kv
        self.consul = FaultyConsul(self.world.consul_api)
        self.log = Log(self)
        self.broken: list[Breach] = []
        self.adopted: dict[str, dict[str, Any]] = {}
        """Services that `docker stack deploy` made, with their document."""
        self.people = consul_transport.over(self.world.consul_api, self.timeline, self.ROOT)
        self.hands = docker_transport.over(
            DirectWire(self.world.engine_api, self.engine), self.timeline
        )
        self.policy: dict[str, Any] = {"rebalance": {"mode": "off"}}
        """As it is in the KV. Moves have a machine of their own: they would disturb the others."""
        self.moves = False
        """Whether a policy ever let tasks be moved."""
        self.traefiks: Traefiks | None = None
        """None: operators that start know nothing of routes."""
        self.processes: dict[str, Process] = {}
        self._started = 0
        self.lock_torn_until = 0.0
        """The lock was taken from its holder before its time: until then it may not know."""
        self.monitors = [monitor(self) for monitor in monitors]
        fields: dict[str, Any] = {"schema": SCHEMA_VERSION, "swarm": self.engine.cluster_id}
        self.sentinel = Installation(**fields, installation=self.INSTALLATION, key="00ff" * 8)
        self.owner = Owner.of(self.sentinel)
        self.kv.put(self.ROOT + keys.DESIRED + keys.INSTALLATION, self.sentinel.encode())
        self.kv.put(self.ROOT + keys.DESIRED + keys.POLICY, json.dumps(self.policy).encode())

    @property
    def now(self) -> float:
        return self.timeline.now

    def run(self, seconds: float) -> None:
        """Let time go on; the operators are a part of it."""
        self.timeline.advance(self.timeline.now + seconds)

    def broke(self, law: str, what: str) -> None:
        """A monitor, or the end of a schedule, says that a law does not hold."""
        self.broken.append(Breach(law, f"{self.now:.3f} s: {law}: {what}"))

    def tear_lock(self) -> None:
        """Consul itself breaks the promise of a session's TTL: only the fence of KV writes is left."""
        self.lock_torn_until = self.now + TTL_S

    # --- operators --------------------------------------------------------------------------------

    def api_of(self, operator: str) -> EngineApi:
        """The engine that this operator talks to."""
        node = self.engine.store.node_of_hostname(MANAGER_OF[operator])
        assert node is not None
        return self.world.engine_api.of_node(node.id)

    def hears(self, operator: str) -> bool:
        """Whether the operator's manager is a part of the swarm, and not of its past."""
        agent = self.engine.agent(MANAGER_OF[operator])
        return agent.has_power and agent.has_link and self.engine.leadership == "led"

    def monitor(self, kind: type[AnyMonitor]) -> AnyMonitor:
        """The monitor of this kind."""
        return next(item for item in self.monitors if isinstance(item, kind))

    def running(self, operator: str) -> Process | None:
        """The process of this name, or the one that leads; None where there is none."""
        if operator == LEADER:
            return next((p for p in self.processes.values() if p.alive and p.fence), None)
        process = self.processes.get(operator)
        return process if process is not None and process.alive else None

    def start_traefik(self, count: int) -> None:
        """Operators that start from now on publish routes; there is none without them."""
        if self.traefiks is None and not self.processes:
            self.traefiks = Traefiks(self, count)
            self.monitor(Routes).watch()

    def start(self, operator: str) -> Process:
        process = self.running(operator)
        if process is None:
            self._started += 1
            process = self.processes[operator] = Process(self, operator, self._started)
        return process

    # --- the world --------------------------------------------------------------------------------

    def service(self, name: str) -> ServiceRecord | None:
        return self.engine.store.service_named(name)

    def by_hand(self, act: Callable[[], object], name: str) -> None:
        """Another hand's request; where the engine refuses it nothing happens."""
        for monitor in self.monitors:
            monitor.by_hand(name)
        try:
            act()
        except ApiError:
            return
        for monitor in self.monitors:
            monitor.by_hand_done(name)

    def set_consul(self, state: str) -> None:
        match State(state):
            case State.REFUSED:
                self.consul.kill()
            case State.FROZEN:
                self.consul.freeze()
            case State.NO_LEADER:
                self.consul.lose_leader()
            case State.UP:
                self._mend_consul()

    def _mend_consul(self) -> None:
        match self.consul.state:
            case State.REFUSED:
                self.consul.start()
            case State.FROZEN:
                self.consul.thaw()
            case State.NO_LEADER:
                self.consul.elect_leader()
            case State.UP:
                pass


class Log:
    """Shows every line to the monitors, and keeps none."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def info(self, event: str, **fields: object) -> None:
        self._say("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._say("warning", event, fields)

    def debug(self, event: str, **fields: object) -> None:
        self._say("debug", event, fields)

    def exception(self, event: str, **fields: object) -> None:
        self._say("exception", event, fields)

    def _say(self, level: str, event: str, fields: dict[str, object]) -> None:
        for monitor in self._lab.monitors:
            monitor.said(level, event, fields)
