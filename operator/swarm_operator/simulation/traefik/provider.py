"""How Traefik gets at its configuration: the watch of the KV, the decoder, and the throttle.

After Traefik's `pkg/provider/kv/kv.go`, `pkg/provider/aggregator` and `pkg/server/configurationwatcher.go`.
What it reads and what it makes of that is decoded by the operator's own `plan.routes.decoding`; the
contract tests hold both against real Traefiks.
"""

import base64
from collections.abc import Callable
from typing import Any, Final, Protocol

from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.tree import RouteTree
from swarm_operator.simulation.kv.http import Broken, Later, Outcome, Request, Response
from swarm_operator.simulation.timeline import Timeline, Timer

_WAIT: Final = "15s"
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 20.0
_FACTOR: Final = 1.5
_THAT_COUNT: Final = frozenset(
    [(each, kind) for each in ("http", "tcp") for kind in ("routers", "services", "middlewares")]
    + [("udp", "routers"), ("udp", "services")]
    + [("tls", "certificates"), ("tls", "stores"), ("tls", "options")]
)
"""A configuration without any of these is "empty", and Traefik goes on with what it has."""


class Consul(Protocol):
    """`ConsulApi`, or faults in front of it."""

    def handle(self, request: Request) -> Outcome:
        """Raises Broken where no answer will come."""
        ...


class KvProvider:
    """One Traefik's reading of one root, from `start` to `stop`."""

    def __init__(
        self,
        timeline: Timeline,
        consul: Consul,
        *,
        root: str,
        version: Version,
        throttle_s: float,
        apply: Callable[[RouteTree], None],
    ) -> None:
        self._timeline = timeline
        self._consul = consul
        self._root = root
        self._version = version
        self._throttle = _Throttle(timeline, throttle_s, apply)
        self._index = 0
        self._failures = 0
        self._pending: list[Callable[[], None]] = []
        """What takes the wait for an answer, or the pause after a failure, back."""
        self._runs = False

    def start(self) -> None:
        self._runs = True
        self._index = self._failures = 0
        self._ask()

    def stop(self) -> None:
        self._runs = False
        self._take_back()
        self._throttle.stop()

    def _ask(self) -> None:
        query = {"recurse": "", "consistent": ""}
        if self._index:
            query |= {"index": str(self._index), "wait": _WAIT}
        try:
            self._got(self._consul.handle(Request("GET", f"/v1/kv/{self._root}", query)))
        except Broken:
            self._failed()

    def _got(self, outcome: Outcome) -> None:
        if isinstance(outcome, Later):
            self._pending.append(outcome.subscribe(lambda: self._look_again(outcome)))
            if outcome.until < float("inf"):
                delay = outcome.until - self._timeline.now
                alarm = self._timeline.after(delay, lambda: self._look_again(outcome))
                self._pending.append(alarm.cancel)
            return
        self._answered(outcome)

    def _look_again(self, later: Later) -> None:
        """Not in the midst of the write that woke us."""
        self._take_back()
        timer = self._timeline.after(0, lambda: self._continue(later))
        self._pending.append(timer.cancel)

    def _continue(self, later: Later) -> None:
        self._take_back()
        try:
            self._got(later.answer())
        except Broken:
            self._failed()

    def _answered(self, response: Response) -> None:
        if response.status not in {200, 404}:
            self._failed()
            return
        index = int(response.headers.get("X-Consul-Index", "0"))
        if index == self._index:
            self._ask()
            return
        self._index = index
        if not self._decoded(response):
            self._failed()
            return
        self._failures = 0
        self._ask()

    def _decoded(self, response: Response) -> bool:
        """False where there is a key that Traefik does not understand."""
        pairs: list[Any] = response.content if response.status == 200 else []
        below = f"{self._root}/"
        keys = {
            pair["Key"].removeprefix(below): base64.b64decode(pair["Value"] or "")
            for pair in pairs
            if pair["Key"].startswith(below)
        }
        found = decode(keys, self._version)
        if found.faults:
            return False
        # No key at all is an answer; keys that say nothing are skipped, and the old routes stay.
        if not pairs or any((item.id.protocol, item.id.kind) in _THAT_COUNT for item in found.tree):
            self._throttle.send(found.tree)
        return True

    def _failed(self) -> None:
        """Try again from the beginning, after a pause that grows."""
        self._index = 0
        pause = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * _FACTOR**self._failures)
        self._failures += 1
        if self._runs:
            self._pending.append(self._timeline.after(pause, self._retry).cancel)

    def _retry(self) -> None:
        self._take_back()
        self._ask()

    def _take_back(self) -> None:
        for cancel in self._pending:
            cancel()
        self._pending.clear()


class _Throttle:
    """Passes on at once what comes after a rest; of what comes later the newest, once rested."""

    def __init__(
        self, timeline: Timeline, throttle_s: float, apply: Callable[[RouteTree], None]
    ) -> None:
        self._timeline = timeline
        self._throttle_s = throttle_s
        self._apply = apply
        self._newest: RouteTree | None = None
        self._rest: Timer | None = None

    def send(self, tree: RouteTree) -> None:
        self._newest = tree
        if self._rest is None:
            self._pass_on()

    def stop(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._rest = self._newest = None

    def _pass_on(self) -> None:
        tree, self._newest, self._rest = self._newest, None, None
        if tree is None:
            return
        if self._throttle_s > 0:
            self._rest = self._timeline.after(self._throttle_s, self._pass_on)
        self._apply(tree)
