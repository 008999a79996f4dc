"""Faults between a client and the embedded Consul: what a server, its host or the net can do.

All in the time of the world. A fault that ends lets go what waits for it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

from swarm_operator.simulation.kv.http import (
    JSON_HEADERS,
    Broken,
    Later,
    Outcome,
    Refused,
    Request,
    Response,
    plain,
)
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.timeline import Timeline

LEADER_WAIT_S: Final = 7.0
"""How long a server waits for a leader before it says that there is none (`rpc_hold_timeout`)."""

Concern = Callable[[Request], bool]


class State(StrEnum):
    """What the server does with a request."""

    UP = "up"
    REFUSED = "refused"
    FROZEN = "frozen"
    NO_LEADER = "no leader"


class Api(Protocol):
    """What answers where there is no fault."""

    @property
    def kv(self) -> Kv: ...

    @property
    def timeline(self) -> Timeline: ...

    def handle(self, request: Request) -> Outcome: ...


@dataclass(slots=True, eq=False)
class _Held:
    """A request that lies in the buffers of a frozen server."""

    request: Request
    outcome: Outcome | None = None


def is_write(request: Request) -> bool:
    """For `stick` and `lose_answer`: anything but a read and a renewal of a session."""
    return request.method != "GET" and not request.path.startswith("/v1/session/renew/")


class FaultyConsul:
    """A Consul that can be killed, frozen, slowed down or left without a leader."""

    def __init__(self, api: Api) -> None:
        self.delay_s = 0.0
        """By how much every request reaches the server late."""
        self._api = api
        self._state = State.UP
        self._epoch = 0
        """Of connections: whoever began in an earlier one has lost theirs."""
        self._waiting: dict[object, Callable[[], None]] = {}
        self._held: list[_Held] = []
        self._stuck: Concern | None = None
        self._lost: Concern | None = None

    @property
    def kv(self) -> Kv:
        return self._api.kv

    @property
    def timeline(self) -> Timeline:
        return self._api.timeline

    @property
    def state(self) -> State:
        return self._state

    def kill(self) -> None:
        """End it: connections break and nothing listens. Its disk keeps keys and sessions."""
        self.kv.sessions.suspend()
        self._held.clear()
        self._change(State.REFUSED, breaks=True)

    def start(self) -> None:
        """Begin again after `kill`. Nobody knows when sessions were renewed: their TTL begins."""
        self.kv.sessions.restart_timers()
        self._change(State.UP)

    def lose_data(self) -> None:
        """Kill it and its disk: `start` begins with nothing, and with small indexes."""
        self.kill()
        self.kv.lose_data()

    def freeze(self) -> None:
        """Stop it in place: it takes requests and answers none; no session ends."""
        self.kv.sessions.suspend()
        self._change(State.FROZEN)

    def thaw(self) -> None:
        """Go on: what came meanwhile is done now, whether anybody still waits for it or not."""
        self.kv.sessions.resume()
        held, self._held = self._held, []
        for each in held:
            each.outcome = self._api.handle(each.request)
        self._change(State.UP)

    def lose_leader(self) -> None:
        """The majority is gone: 500 to everything but stale reads, and no session ends."""
        self.kv.sessions.suspend()
        self._change(State.NO_LEADER)

    def elect_leader(self) -> None:
        """It knows neither when sessions were renewed nor lock delays: TTLs begin anew."""
        self.kv.sessions.restart_timers()
        self._change(State.UP)

    def break_connections(self) -> None:
        """Whoever waits for an answer gets none; the next request is served."""
        self._change(self._state, breaks=True)

    def stick(self, concerns: Concern = is_write) -> None:
        """The next such request is lost, and its client hears nothing."""
        self._stuck = concerns

    def lose_answer(self, concerns: Concern = is_write) -> None:
        """The next such request is done, and its connection breaks before the answer."""
        self._lost = concerns

    def end_session_of(self, key: str) -> bool:
        """Invalidate the session that holds a key before its time. False: nobody holds it."""
        entry = self.kv.store.get(key)
        if entry is None or not entry.session:
            return False
        self.kv.sessions.destroy(entry.session)
        return True

    def handle(self, request: Request) -> Outcome:
        """As `ConsulApi.handle`. Raises Refused or Broken where no answer will come."""
        if self._state is State.REFUSED:
            raise Refused
        if self._stuck is not None and self._stuck(request):
            self._stuck = None
            return self._never()
        if self.delay_s > 0:
            return self._later(lambda: self._reached(request), self.delay_s, wakes=False)
        return self._reached(request)

    def _reached(self, request: Request) -> Outcome:
        match self._state:
            case State.FROZEN:
                held = _Held(request)
                self._held.append(held)
                return self._later(lambda: self._thawed(held))
            case State.NO_LEADER:
                return self._leaderless(request)
        outcome = self._guarded(self._api.handle(request))
        if self._lost is not None and self._lost(request):
            self._lost = None
            raise Broken
        return outcome

    def _thawed(self, held: _Held) -> Outcome:
        if held.outcome is None:
            return self._later(lambda: self._thawed(held))
        return self._guarded(held.outcome)

    def _leaderless(self, request: Request) -> Outcome:
        if request.path == "/v1/status/leader":
            return Response(200, JSON_HEADERS, "")
        if request.method == "GET" and "stale" in request.query and "index" not in request.query:
            outcome = self._api.handle(request)
            assert isinstance(outcome, Response)
            unknown = {"X-Consul-KnownLeader": "false"}
            return replace(outcome, headers={**outcome.headers, **unknown})

        def after_a_while() -> Outcome:
            if self._state is State.NO_LEADER:
                return plain(500, "No cluster leader")
            return self._reached(request)

        return self._later(after_a_while, LEADER_WAIT_S)

    def _guarded(self, outcome: Outcome) -> Outcome:
        """A blocking read, which breaks with its connection and freezes with the server."""
        if isinstance(outcome, Response):
            return outcome
        later, epoch = outcome, self._epoch

        def subscribe(wake: Callable[[], None]) -> Callable[[], None]:
            undo = (later.subscribe(wake), self._wake_at_change(wake))

            def cancel() -> None:
                for each in undo:
                    each()

            return cancel

        def answer() -> Outcome:
            if epoch != self._epoch:
                raise Broken
            if self._state is State.FROZEN:
                return self._later(answer)
            return self._guarded(later.answer())

        return Later(later.until, subscribe, answer)

    def _later(
        self, then: Callable[[], Outcome], delay_s: float = math.inf, *, wakes: bool = True
    ) -> Later:
        """`then`, after the delay or, where it `wakes`, the next change of state; Broken where the
        connections broke meanwhile."""
        epoch = self._epoch
        until = self.timeline.now + delay_s

        def subscribe(wake: Callable[[], None]) -> Callable[[], None]:
            return self._wake_at_change(wake, lambda: wakes or epoch != self._epoch)

        def answer() -> Outcome:
            if epoch != self._epoch:
                raise Broken
            return then()

        return Later(until, subscribe, answer)

    def _never(self) -> Later:
        return self._later(self._never)

    def _wake_at_change(
        self, wake: Callable[[], None], matters: Callable[[], bool] = lambda: True
    ) -> Callable[[], None]:
        token = object()

        def changed() -> None:
            if matters():
                self._waiting.pop(token, None)
                wake()

        self._waiting[token] = changed
        return lambda: self._waiting.pop(token, None) and None

    def _change(self, state: State, *, breaks: bool = False) -> None:
        self._state = state
        if breaks:
            self._epoch += 1
        for changed in list(self._waiting.values()):
            changed()
