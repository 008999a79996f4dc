"""The operator's watches of the KV in virtual time: `KvWatch`'s own rules, without its thread."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.consul_transport import Answer
from swarm_operator.observed.errors import OutsideError, Unavailable
from swarm_operator.observed.kv import KvTree
from swarm_operator.simulation.consul_transport import _answer
from swarm_operator.simulation.kv.http import Broken, Later, Outcome, Request, Response
from swarm_operator.simulation.timeline import Timer
from swarm_operator.watch.kv import KvWatch
from tests.laws.schedules.faults import Killed

if TYPE_CHECKING:
    from tests.laws.schedules.process import Process

WAIT_S: Final = 25.0
PATIENCE_S: Final = 10.0 + WAIT_S * 17 / 16
"""As `ConsulKv` waits for a blocking read."""


class TreeWatch:
    """Blocking reads, one after another; each is a `Later` of the model instead of a thread."""

    def __init__(
        self,
        process: "Process",
        prefix: str,
        on_tree: Callable[[KvTree], None],
        on_error: Callable[[OutsideError], None],
    ) -> None:
        self._process = process
        self._prefix = prefix
        self._timeline = process.lab.timeline
        self._rules = KvWatch(
            _NoSource(),
            prefix,
            on_tree,
            on_error,
            wait_s=WAIT_S,
            clock=lambda: process.now,
            rng=random.Random(process.name).random,
        )
        self._timer: Timer | None = None
        self._waiting: Later | None = None
        self._cancel: Callable[[], None] = lambda: None
        self._deadline = 0.0
        self._at(0.0, self._ask)

    def stop(self) -> None:
        self._cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _at(self, delay_s: float, call: Callable[[], None]) -> None:
        self._timer = self._timeline.after(delay_s, call)

    def _ask(self) -> None:
        query = {"recurse": "1"}
        if self._rules._index > 0:
            query |= {"index": str(self._rules._index), "wait": f"{WAIT_S:.3f}s"}
        path = f"/v1/kv/{self._process.lab.ROOT}{self._prefix}"
        self._deadline = self._process.now + PATIENCE_S
        try:
            self._took(self._process.consul.handle(Request("GET", path, query)))
        except Broken:
            self._failed(Unavailable("the connection to the simulated Consul broke"))
        except Killed:
            self.stop()

    def _took(self, outcome: Outcome) -> None:
        if isinstance(outcome, Response):
            self._answered(outcome)
            return
        if self._process.now >= self._deadline:
            self._failed(Unavailable("Consul did not answer in time"))
            return
        self._waiting = outcome
        self._cancel = outcome.subscribe(self._woken)
        until = min(outcome.until, self._deadline)
        self._at(until - self._process.now, self._look)

    def _woken(self) -> None:
        # Called from within the model's step: it only notes.
        if self._timer is not None:
            self._timer.cancel()
        self._at(0.0, self._look)

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, None
        self._cancel()
        if waiting is None:
            return
        try:
            self._took(waiting.answer())
        except Broken:
            self._failed(Unavailable("the connection to the simulated Consul broke"))
        except Killed:
            self.stop()

    def _answered(self, response: Response) -> None:
        client = ConsulKv.over(_Canned(_answer(response)), self._process.lab.ROOT)
        try:
            tree = client.watch(self._prefix, self._rules._index, WAIT_S)
        except OutsideError as error:
            self._failed(error)
            return
        self._rules._answered(tree)
        self._at(self._rules._limit.take_delay_s(), self._ask)

    def _failed(self, error: OutsideError) -> None:
        self._rules._failed(error)
        self._at(self._rules._backoff.next_delay_s(), self._ask)


class _NoSource:
    """Never asked: the rules alone are used."""

    def watch(self, prefix: str, index: int, wait_s: float) -> KvTree:
        raise NotImplementedError

    def interrupt(self) -> None: ...


class _Canned:
    """A transport with one answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def get(self, path: str, params: object = ()) -> Answer:
        del path, params
        return self._answer

    def put(self, path: str, params: object = (), body: bytes | str = "") -> Answer:
        raise NotImplementedError

    def delete(self, path: str, params: object = ()) -> Answer:
        raise NotImplementedError

    def interrupt(self) -> None: ...

    def close(self) -> None: ...
