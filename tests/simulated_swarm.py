"""The simulated swarm behind the operator's own Docker client, for tests.

Nothing of a swarm is modelled here: this is a record of what was asked, a place for hooks, and short
words for what other hands do. What the engine makes of it all is `swarm_operator.simulation`, which the
contract suite holds against real engines.
"""

import base64
import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Swarm
from swarm_operator.simulation import docker_transport
from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.docker_faults import FaultyWire
from swarm_operator.simulation.docker_wire import DirectWire, Wire
from swarm_operator.simulation.engine.cut_off import NOTICE_S
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour
from swarm_operator.simulation.engine.records import NetworkRecord, TaskState
from swarm_operator.simulation.timeline import Timeline

SWARM_ID: Final = "swarm-one"
START: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""The time of day when a swarm is made."""
UPTIME_S: Final = 1000.0
"""What the monotonic clock says then: no test may take 0 for the beginning."""
FAILS: Final = Behaviour(exit_after_s=0.1, exit_code=1)
"""Of an image whose containers end at once."""

_QUIET_S: Final = 30.0
"""Nothing is due for so long: what was to follow has followed."""
_PATIENCE_S: Final = 900.0
_API: Final = (1, 45)
"""In which version other hands make their requests."""

Hook = Callable[[str, str], None]


def _no_hook(_verb: str, _name: str) -> None:
    pass


class SimulatedSwarm:
    """A swarm of two nodes that take tasks (alpha, whose engine is asked, and beta) and two more
    managers that take none. Implements `SwarmPort`.

    `before` is called with each write's verb and target before the engine hears of it: it may raise, or
    let another hand act first. `after` is called when it was done. Time is `timeline`'s alone.
    """

    def __init__(
        self,
        *,
        before: Hook = _no_hook,
        after: Hook = _no_hook,
        engine_version: str = "26.1.5",
    ) -> None:
        """`engine_version` is that of alpha's Docker."""
        self.timeline = Timeline(start=START - timedelta(seconds=UPTIME_S))
        self.timeline.advance(UPTIME_S)
        self.engine = Engine(timeline=self.timeline, cluster_id=SWARM_ID)
        alpha = self.engine.add_node("alpha", role="manager", engine_version=engine_version)
        self.engine.add_node("beta")
        for hostname in ("gamma", "delta"):
            self.engine.add_node(hostname, role="manager", availability="drain")
        self.before = before
        self.after = after
        self.calls: list[tuple[str, str]] = []
        """Verb and name of every write of ours that was done."""
        self.reads = 0
        self.progress_reads = 0
        self.partial_reads = 0
        """Of these the looks at some services only."""
        direct = DirectWire(EngineApi(self.engine, alpha.id), self.engine)
        self.wire = FaultyWire(direct, self.timeline)
        """What may go wrong between us and the engine."""
        client = docker_transport.over(_Tap(self, self.wire), self.timeline)
        self.hand = docker_transport.over(direct, self.timeline)
        """Another hand's client, of which nothing is recorded."""
        self._client = client
        self._last: tuple[tuple[object, ...], Swarm] | None = None
        self.image_volumes = client.image_volumes
        self.create_service = client.create_service
        self.update_service = client.update_service
        self.remove_service = client.remove_service
        self.create_network = client.create_network
        self.remove_network = client.remove_network
        self.create_config = client.create_config
        self.remove_config = client.remove_config
        self.create_secret = client.create_secret
        self.remove_secret = client.remove_secret

    def read(self) -> Swarm:
        self.reads += 1
        return self._client.read()

    def read_progress(self, last: Swarm, services: frozenset[str] = frozenset()) -> Swarm:
        self.progress_reads += 1
        self.partial_reads += bool(services)
        return self._client.read_progress(last, services)

    # --- time -------------------------------------------------------------------------------------

    def monotonic(self) -> float:
        """Seconds; with `utc` this is the runtime's `Clock`."""
        return self.timeline.now

    def utc(self) -> datetime:
        return self.timeline.utc()

    def advance(self, seconds: float) -> None:
        self.timeline.advance(self.timeline.now + seconds)

    def settle(self) -> "SimulatedSwarm":
        """Let time go on until the engine is quiet: tasks follow, updates end, failures are judged."""
        limit = self.timeline.now + _PATIENCE_S
        while (due := self.timeline.next_due()) is not None:
            if due > min(self.timeline.now + _QUIET_S, limit):
                break
            self.timeline.advance(due)
        return self

    # --- what there is ----------------------------------------------------------------------------

    @property
    def snapshot(self) -> Swarm:
        """All that alpha's engine says now; no read of ours. Read once for as long as nothing moved."""
        state = (self.timeline.now, self.index, self.is_cut_off, *self.engine.store.nodes.all())
        if self._last is None or self._last[0] != state:
            self._last = (state, self.hand.read())
        return self._last[1]

    @property
    def index(self) -> int:
        """The raft index: every write takes one, whoever makes it."""
        return self.engine.store.index

    @property
    def running(self) -> frozenset[str]:
        """Ids of the tasks that run: a restart gives others."""
        tasks = self.engine.store.tasks.all()
        return frozenset(task.id for task in tasks if task.state == TaskState.RUNNING)

    @property
    def contents(self) -> Mapping[str, bytes]:
        """What is in each secret, by id: no read shows it."""
        return {
            secret.id: base64.b64decode(secret.spec.get("Data") or "")
            for secret in self.engine.store.secrets.all()
        }

    # --- other hands, and trouble -----------------------------------------------------------------

    def scale(self, name: str, replicas: int) -> None:
        """`docker service scale`."""
        self.edit(name, Mode={"Replicated": {"Replicas": replicas}})

    def set_image(self, name: str, image: str) -> None:
        """`docker service update --image`."""
        template = dict(self._spec(name)["TaskTemplate"])
        template["ContainerSpec"] = {**template["ContainerSpec"], "Image": image}
        self.edit(name, TaskTemplate=template)

    def edit(self, name: str, **members: Any) -> None:
        """`docker service update`: top-level members of its spec."""
        service = self.engine.control.service(name)
        spec = {**self._spec(name), **members}
        self.engine.control.update_service(name, service.meta.version, spec, api_version=_API)

    def roll_back(self, name: str) -> None:
        """`docker service rollback`."""
        version = self.engine.control.service(name).meta.version
        self.engine.control.update_service(name, version, None, rollback=True, api_version=_API)

    def add_local_network(self, name: str) -> None:
        """`docker network create --driver bridge` on alpha: its name is taken there, and no list of
        swarm scope shows it."""
        body: JsonObject = {"Name": name, "Driver": "bridge", "IPAM": None, "Labels": {}}
        local = next(n for n in self.engine.store.networks.all() if not n.is_swarm_scope)
        made = NetworkRecord(
            id=f"local-{name}",
            name=name,
            body={**local.body, **body},
            allocated=local.allocated,
            is_swarm_scope=False,
        )
        self.engine.store.networks.put(made)
        self.engine.settle()

    def cut_off(self) -> None:
        """Alpha's cable is out, and it has noticed: what it says is in doubt, and soon nothing."""
        self.engine.cut_node("alpha")
        self.advance(NOTICE_S)

    @property
    def is_cut_off(self) -> bool:
        return bool(self.engine.cut_off)

    def rejoin(self) -> None:
        """The cable is back, and there is a leader again."""
        self.engine.reconnect_node("alpha")
        while self.engine.leadership != "led":
            self.advance(1)

    def report_failure(self, error: str) -> None:
        """The nodes say that all tasks failed, with this error."""
        tasks = self.engine.store.tasks
        for task in tasks.all():
            status = replace(task.status, state=TaskState.FAILED, error=error)
            tasks.put(replace(task, status=status))

    def _spec(self, name: str) -> JsonObject:
        return copy.deepcopy(self.engine.control.service(name).spec)


class _Tap:
    """Between our client and the engine: records the writes, and calls the hooks."""

    def __init__(self, swarm: SimulatedSwarm, wire: Wire) -> None:
        self._swarm = swarm
        self._wire = wire

    def send(self, request: ApiRequest, limit_s: float) -> ApiResponse:
        if request.method == "GET":
            return self._wire.send(request, limit_s)
        write = self._write(request)
        self._swarm.before(*write)
        response = self._wire.send(request, limit_s)
        if response.status < 400:
            self._swarm.calls.append(write)
            self._swarm.after(*write)
        return response

    def _write(self, request: ApiRequest) -> tuple[str, str]:
        kind, target = request.path.split("/")[1:3]
        if request.method != "DELETE":
            verb = "create" if target == "create" else "update"
            return verb, request.body["Name"]
        table: Any = getattr(self._swarm.engine.store, kind)
        record = table.get(target)
        return "remove", record.name if record is not None else target
