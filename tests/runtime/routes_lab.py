"""Routes in virtual time: a simulated swarm, Consul and Traefik, and the operator's threads of routes as
appointments of the timeline. A process may die at any of its writes."""

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from desired_state import keys
from desired_state.records import SCHEMA_VERSION, Installation, Record
from desired_state.route_records import RouteStatus, StackRoutes, TraefikStatus
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import Fence, KvEntry, KvOperation, KvTree
from swarm_operator.plan.actions import Finding
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import ObjectId
from swarm_operator.runtime.lease import Lease
from swarm_operator.runtime.routes.controller import RoutesController
from swarm_operator.runtime.routes.surroundings import RouteSurroundings, TraefikPlan
from swarm_operator.runtime.routes.traefik_instances import TraefikInstances
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.toolbox import Identity, RouteNews
from swarm_operator.simulation import consul_transport, docker_transport
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.kv_faults import FaultyConsul
from swarm_operator.simulation.traefik.instance import Traefik
from swarm_operator.simulation.traefik.port import SimulatedTraefiks
from swarm_operator.simulation.world import NodePlan, World
from tests.runtime.fakes import FakeMetrics
from tests.runtime.turns import Died, TurningProcess

ROOT: Final = "swarm-operator"
NODES: Final = (NodePlan("m1", "manager"), NodePlan("w1"), NodePlan("w2"), NodePlan("w3"))
NETWORK: Final = "edge"
SECOND: Final = 10**9


class Log:
    """Keeps the lines; whatever is a defect fails the test."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")

    warning = debug = info

    def exception(self, event: str, **fields: object) -> None:
        raise AssertionError(f"{event} {fields}")


class MortalKv:
    """A process's port of the KV, which may be its end; counts what is written."""

    def __init__(self, process: "Process", inner: Any) -> None:
        self._process = process
        self._inner = inner
        self.commits: list[Sequence[KvOperation]] = []

    def read(self, prefix: str) -> KvTree:
        self._process.require_alive()
        tree: KvTree = self._inner.read(prefix)
        return tree

    def get(self, key: str) -> KvEntry | None:
        self._process.require_alive()
        entry: KvEntry | None = self._inner.get(key)
        return entry

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        process = self._process
        process.require_alive()
        process.writes_left -= 1
        if process.writes_left == -1:
            process.die()
            if process.dies_before:
                raise Died
        self._inner.commit(operations, fence=fence)
        self.commits.append(tuple(operations))
        process.require_alive()


class Process(TurningProcess):
    """The operator's threads of routes, and its lease."""

    def __init__(self, lab: "RoutesLab", name: str, plan: TraefikPlan, mode: str = "act") -> None:
        super().__init__(lab.world)
        self.lab = lab
        clock = self.clock
        self.writes_left = 10**9
        self.dies_before = True
        self.news: list[RouteNews] = []
        self.unrouted: list[Mapping[str, Finding] | None] = []
        client = consul_transport.over(lab.consul, lab.timeline, plan.operator_root)
        self.kv = MortalKv(self, client)
        self.root = MortalKv(self, client.beside("traefik"))
        self.lease = Lease(
            client,
            key=keys.LOCK,
            holder=name,
            ttl_s=15.0,
            lock_delay_s=1.0,
            on_change=lambda _held, _why: self.nudge(),
        )
        self.instances = TraefikInstances(
            lab.traefiks, clock, on_change=self.nudge, on_wish=lambda: self.take_turn("ask")
        )
        self.withdrawing = Withdrawing(clock.monotonic, self.nudge)
        wire = DirectWire(lab.world.engine_api, lab.world.engine)
        self.metrics = FakeMetrics()
        self.controller = RoutesController(
            RouteSurroundings(
                swarm=docker_transport.over(wire, lab.timeline),
                kv=self.kv,
                root=self.root,
                lease=self.lease,
                clock=clock,
                rng=random.Random(name),
                identity=Identity("test", "act" if mode == "act" else "observe", name),
                log=lab.log,
                metrics=self.metrics,
                instances=self.instances,
                withdrawing=self.withdrawing,
                plan=plan,
                tell=self.news.append,
                tell_unrouted=self.unrouted.append,
            )
        )
        self.begin(
            {
                "loop": lambda: self.controller.step(self.inbox.take(0.0)),
                "ask": self.instances.step,
                "lease": lambda: self.lease.step(clock.monotonic()),
            }
        )


class RoutesLab:
    """The same seed and the same calls give the same world."""

    def __init__(
        self,
        *,
        seed: int = 0,
        versions: Sequence[str] = ("3.7.15",),
        throttle_s: float = 0.5,
        settings: RouteSettings | None = None,
        sentinel: bool = True,
    ) -> None:
        self.world = World(seed=seed, nodes=NODES)
        self.timeline = self.world.timeline
        self.consul = FaultyConsul(self.world.consul_api)
        self.log = Log()
        self.kv = self.world.kv
        self.hands = docker_transport.over(
            DirectWire(self.world.engine_api, self.world.engine), self.timeline
        )
        self.run(5)
        at: dict[str, Traefik] = {}
        self.instances = [
            Traefik(self.timeline, self.world.consul_api, version=version, throttle_s=throttle_s)
            for version in versions
        ]
        for number, instance in enumerate(self.instances, 1):
            at[f"http://traefik-{number}:8080"] = instance
            instance.start()
        self.traefiks = SimulatedTraefiks(at)
        self.plan = TraefikPlan(
            api=tuple(self.traefiks.instances), routes=settings or RouteSettings()
        )
        self.network = self.hands.create_network({"Name": NETWORK, "Driver": "overlay"})
        if sentinel:
            self.put_sentinel()
        self.processes = 0

    def put_sentinel(self, root: str = ROOT) -> None:
        fields: dict[str, Any] = {"schema": SCHEMA_VERSION, "swarm": self.world.engine.cluster_id}
        value = Installation(**fields, installation="inst-one", key="00ff" * 8).encode()
        self.kv.put(f"{root}/{keys.DESIRED}{keys.INSTALLATION}", value)

    def run(self, seconds: float) -> None:
        self.timeline.advance(self.timeline.now + seconds)

    def until(self, holds: Callable[[], bool], within_s: float = 30.0) -> float:
        """Seconds until it held. Raises AssertionError where it does not come to that."""
        began = self.timeline.now
        while not holds():
            assert self.timeline.now < began + within_s, "it never came to that"
            self.run(0.01)
        return self.timeline.now - began

    def start(self, mode: str = "act") -> Process:
        self.processes += 1
        return Process(self, f"operator-{self.processes}", self.plan, mode)

    # --- the swarm ----------------------------------------------------------------------------------

    def service(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        replicas: int = 2,
        order: str = "stop-first",
        **more: Any,
    ) -> str:
        """Makes a service with a router for `<name>.test`, unless labels say otherwise."""
        return self.hands.create_service(
            self.spec(name, labels, replicas=replicas, order=order, **more)
        )

    def spec(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        replicas: int = 2,
        order: str = "stop-first",
        image: str = "app:1",
        **more: Any,
    ) -> JsonObject:
        template: JsonObject = {
            "ContainerSpec": {"Image": image},
            "Placement": {},
            "Networks": [{"Target": self.network}],
        }
        return {
            "Name": name,
            "Labels": {
                "com.docker.stack.namespace": name.partition("_")[0],
                **(routed(name) if labels is None else labels),
            },
            "TaskTemplate": template,
            "Mode": {"Replicated": {"Replicas": replicas}},
            "UpdateConfig": {"Parallelism": 1, "Order": order},
            "EndpointSpec": {"Mode": "vip"},
            **more,
        }

    def update(self, name: str, change: Callable[[JsonObject], JsonObject]) -> None:
        live = self.hands.read().services_by_name[name]
        self.hands.update_service(live.id, live.version, change(live.spec))

    def scale(self, name: str, replicas: int) -> None:
        self.update(name, lambda s: {**s, "Mode": {"Replicated": {"Replicas": replicas}}})

    def relabel(self, name: str, labels: Mapping[str, str]) -> None:
        stack = {"com.docker.stack.namespace": name.partition("_")[0]}
        self.update(name, lambda s: {**s, "Labels": {**stack, **labels}})

    def running(self, name: str) -> list[str]:
        swarm = self.hands.read()
        tasks = swarm.tasks_by_service.get(swarm.services_by_name[name].id, ())
        return sorted(t.id for t in tasks if t.desired_state == t.state == "running")

    # --- the KV and Traefik -------------------------------------------------------------------------

    def written(self) -> dict[str, bytes]:
        """Everything below Traefik's root, relative to it."""
        client = consul_transport.over(self.world.consul_api, self.timeline, "traefik")
        return {key: entry.value for key, entry in client.read("").entries.items()}

    def servers(self, service: str) -> dict[str, str]:
        """URL by server, as written."""
        prefix = f"http/services/{service}/loadbalancer/servers/"
        return {
            key.removeprefix(prefix).partition("/")[0]: value.decode()
            for key, value in self.written().items()
            if key.startswith(prefix) and key.endswith("/url")
        }

    def serves(self, router: str) -> bool:
        """Whether every instance has the router, and nothing against it."""
        wanted = ObjectId("http", "routers", router)
        return all(
            wanted in each.applied.tree and each.applied.is_enabled(wanted)
            for each in self.instances
            if each.is_running
        )

    def stack(self, stack: str) -> StackRoutes:
        found: StackRoutes = self._status(keys.routes_status_key(stack), StackRoutes())
        return found

    def routes(self, stack: str) -> Mapping[str, RouteStatus]:
        return self.stack(stack).routes

    def states(self, stack: str) -> dict[str, str]:
        return {name: route.state for name, route in self.routes(stack).items()}

    def traefik(self) -> TraefikStatus | None:
        entry = self.status_client.get(keys.TRAEFIK_STATUS)
        return TraefikStatus.parse(entry.value) if entry is not None else None

    @property
    def status_client(self) -> Any:
        return consul_transport.over(self.world.consul_api, self.timeline, ROOT)

    def _status(self, key: str, default: Any) -> Any:
        entry = self.status_client.get(key)
        found: Record | None = type(default).parse(entry.value) if entry is not None else None
        return found if found is not None else default

    def put(self, key: str, value: bytes | str, flags: int = 0) -> None:
        """By hand, below Traefik's root."""
        self.kv.put(f"traefik/{key}", value.encode() if isinstance(value, str) else value, flags)

    @contextlib.contextmanager
    def no_writes(self, process: Process) -> Any:
        """Fails where anything is written meanwhile."""
        before = len(process.root.commits), len(process.kv.commits)
        yield
        assert (len(process.root.commits), len(process.kv.commits)) == before


def routed(name: str, *, rule: str = "", port: int = 80, router: str = "") -> dict[str, str]:
    """Labels of one router and its service."""
    router = router or name.rpartition("_")[2]
    return {
        f"traefik.http.routers.{router}.rule": rule or f"Host(`{router}.test`)",
        f"traefik.http.routers.{router}.entrypoints": "web",
        f"traefik.http.services.{router}.loadbalancer.server.port": str(port),
    }
