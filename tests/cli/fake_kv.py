"""The simulation's KV behind the operator's own client, with a record of its transactions."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.observed.kv import Fence, KvEntry, KvOperation, KvTree
from swarm_operator.simulation import consul_transport
from swarm_operator.simulation.kv.api import ConsulApi
from swarm_operator.simulation.kv.http import Later, Request, Response
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv.sessions import Session
from swarm_operator.simulation.timeline import Timeline

ROOT = "swarm-operator"


class FakeKv:
    """Implements `KvPort` and the blocking `watch`. `commits` holds every transaction that held.

    `before_commit` is called in front of each transaction: another hand between read and write.
    `client` is the operator's client, for what else it can do. Its time stands still, but for
    lock delays in `hold`: no session ends by itself.
    """

    def __init__(self) -> None:
        self.model = Kv(Timeline(), random.Random(1))
        self._shared = _Shared(ConsulApi(self.model))
        self.client: ConsulKv = consul_transport.over(self._shared, self.model.timeline, ROOT)
        self.commits: list[tuple[KvOperation, ...]] = []
        self.before_commit: Callable[[], None] = lambda: None

    @property
    def entries(self) -> Mapping[str, KvEntry]:
        """All there is."""
        return self.client.read("").entries

    @property
    def index(self) -> int:
        """Moves with every write that changed something."""
        return self.model.store.kv_index

    def read(self, prefix: str) -> KvTree:
        return self.client.read(prefix)

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        return self.client.watch(prefix, index, wait_s)

    def get(self, key: str) -> KvEntry | None:
        return self.client.get(key)

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        self.before_commit()
        self.client.commit(operations, fence=fence)
        self.commits.append(tuple(operations))

    def put(self, key: str, value: bytes | str) -> None:
        """Another hand's write."""
        with self._shared.moved:
            self.model.put(f"{ROOT}/{key}", value.encode() if isinstance(value, str) else value)

    def delete(self, key: str) -> None:
        """Another hand's deletion."""
        with self._shared.moved:
            self.model.delete(f"{ROOT}/{key}")

    def hold(self, key: str, value: bytes = b"{}") -> str:
        """Another process takes a lock, from whoever has it. Returns its session."""
        with self._shared.moved:
            self.model.delete(f"{ROOT}/{key}")
            while self.model.sessions.is_delayed(f"{ROOT}/{key}"):
                self.model.timeline.advance(self.model.timeline.now + 1)
            session = self.model.sessions.create(Session(id="", lock_delay_s=0)).id
            assert self.client.acquire(key, session, value)
            return session


class _Shared:
    """Lets threads share the model: a blocking read waits in real time, and others may act."""

    def __init__(self, api: ConsulApi) -> None:
        self.moved = threading.Condition()
        self._api = api

    def handle(self, request: Request) -> Response:
        with self.moved:
            outcome = self._api.handle(request)
            while isinstance(outcome, Later):
                self._wait(outcome)
                outcome = outcome.answer()
            return outcome

    def _wait(self, later: Later) -> None:
        woken: list[None] = []

        def wake() -> None:
            woken.append(None)
            self.moved.notify_all()

        cancel = later.subscribe(wake)
        self.moved.wait_for(lambda: woken, later.until - self._api.timeline.now)
        cancel()
