"""What goes wrong between a client and an engine, request by request: scripted or by chance.

A fault is a small value; several stand one behind another, the first nearest to the client. Whatever
happened is on record, and as a script it happens again.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from swarm_operator.simulation.api.event_stream import EventStream
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.responses import refusal
from swarm_operator.simulation.docker_memory import Memory
from swarm_operator.simulation.docker_wire import Wire
from swarm_operator.simulation.engine.errors import out_of_sequence
from swarm_operator.simulation.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way, as a fault sees it."""

    request: ApiRequest
    limit_s: float
    timeline: Timeline
    memory: Memory
    pass_on: Callable[[float], ApiResponse] = field(repr=False)
    """To whatever comes next, within so many seconds."""

    def lose_patience(self) -> TimeoutError:
        """All the client's time passes."""
        self.timeline.advance(self.timeline.now + self.limit_s)
        return TimeoutError()


class Fault(Protocol):
    def apply(self, call: Call, /) -> ApiResponse:
        """As `Wire.send`."""
        ...


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody listens."""

    def apply(self, _: Call) -> ApiResponse:
        raise ConnectionRefusedError


@dataclass(frozen=True, slots=True)
class Slow:
    """The request is on its way for `seconds`. Where the client gave up before, it arrives all the
    same, and is done behind its back."""

    seconds: float

    def apply(self, call: Call) -> ApiResponse:
        if self.seconds < call.limit_s:
            call.timeline.advance(call.timeline.now + self.seconds)
            return call.pass_on(call.limit_s - self.seconds)

        def arrive() -> None:
            try:
                call.pass_on(0.0)
            except OSError:
                return  # nobody hears of it

        call.timeline.after(self.seconds, arrive)
        raise call.lose_patience()


@dataclass(frozen=True, slots=True)
class SlowAnswer:
    """Done at once; the answer takes `seconds`, and comes to nobody after the client's limit."""

    seconds: float

    def apply(self, call: Call) -> ApiResponse:
        response = call.pass_on(call.limit_s)
        if self.seconds >= call.limit_s:
            raise call.lose_patience()
        call.timeline.advance(call.timeline.now + self.seconds)
        return response


@dataclass(frozen=True, slots=True)
class Stuck:
    """The engine took the connection and never reads from it."""

    def apply(self, call: Call) -> ApiResponse:
        raise call.lose_patience()


@dataclass(frozen=True, slots=True)
class Lost:
    """Done, but the connection breaks before the answer."""

    def apply(self, call: Call) -> ApiResponse:
        call.pass_on(call.limit_s)
        raise ConnectionResetError


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection breaks before the request arrives."""

    def apply(self, _: Call) -> ApiResponse:
        raise ConnectionResetError


@dataclass(frozen=True, slots=True)
class OutOfSequence:
    """An update meets another hand's: refused as if the version had moved. Reads pass."""

    def apply(self, call: Call) -> ApiResponse:
        if "version" not in call.request.query:
            return call.pass_on(call.limit_s)
        error = out_of_sequence()
        return refusal(error.status, error.message)


@dataclass(frozen=True, slots=True)
class Answer:
    """The engine says this, and does nothing: a 500, 503 with the engine's own text."""

    status: int
    message: str

    def apply(self, _: Call) -> ApiResponse:
        return refusal(self.status, self.message)


@dataclass(frozen=True, slots=True)
class Stale:
    """A read is answered as it was `seconds` ago, as far as anybody had asked then. Writes pass."""

    seconds: float

    def apply(self, call: Call) -> ApiResponse:
        old = call.memory.answer(call.request, call.timeline.now - self.seconds)
        return old if old is not None else call.pass_on(call.limit_s)


@dataclass(frozen=True, slots=True)
class Happened:
    """One request that met faults."""

    number: int
    """Which of the wire's requests it was, from 1 on."""
    at: float
    method: str
    path: str
    faults: tuple[Fault, ...]


class Chooser(Protocol):
    """Says which faults the wire's request of this number meets."""

    def faults(self, request: ApiRequest, number: int, /) -> Sequence[Fault]: ...


@dataclass(slots=True)
class Script:
    """Faults for the next requests that fit; `times` of them, or all of them where it is None."""

    faults_for_it: tuple[Fault, ...]
    method: str = ""
    """"" fits every method."""
    path: str = ""
    """A regular expression that is to fit somewhere in the path."""
    skip: int = 0
    """So many that fit are let pass first."""
    times: int | None = 1

    def faults(self, request: ApiRequest, _: int) -> Sequence[Fault]:
        if self.method not in {"", request.method} or not re.search(self.path, request.path):
            return ()
        if self.skip > 0:
            self.skip -= 1
            return ()
        if self.times == 0:
            return ()
        if self.times is not None:
            self.times -= 1
        return self.faults_for_it


@dataclass(frozen=True, slots=True)
class Replay:
    """The faults of another run, request by request: what `FaultyWire.script` gave."""

    by_number: Mapping[int, tuple[Fault, ...]]

    def faults(self, _: ApiRequest, number: int) -> Sequence[Fault]:
        return self.by_number.get(number, ())


NUISANCES: Final[Mapping[Fault, float]] = {
    Refused(): 1,
    Broken(): 1,
    Lost(): 2,
    Slow(2.0): 1,
    SlowAnswer(5.0): 1,
    Slow(40.0): 1,
    Stuck(): 1,
    OutOfSequence(): 2,
    Stale(5.0): 1,
    Answer(500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"): 1,
    Answer(503, "rpc error: code = Unavailable desc = transport is closing"): 1,
}
"""What befalls a client now and then, and how often by comparison."""


class ByChance:
    """Each request meets one of the `weights`' faults with a probability of `rate`."""

    def __init__(
        self, rng: random.Random, rate: float, weights: Mapping[Fault, float] = NUISANCES
    ) -> None:
        self._rng = rng
        self.rate = rate
        """0 ends it; may be changed at any time."""
        self._faults = list(weights)
        self._weights = list(weights.values())

    def faults(self, *_: object) -> Sequence[Fault]:
        if self._rng.random() >= self.rate:
            return ()
        return self._rng.choices(self._faults, self._weights)


class FaultyWire:
    """A wire with faults in front of it. Without any it only remembers what was read."""

    def __init__(self, wire: Wire, timeline: Timeline) -> None:
        self._wire = wire
        self._timeline = timeline
        self._memory = Memory()
        self._always: tuple[Fault, ...] = ()
        self.choosers: list[Chooser] = []
        """Asked in turn; the first that has faults for a request decides."""
        self.happened: list[Happened] = []
        """All requests that met faults, oldest first."""
        self.count = 0
        """Requests so far."""
        self._streams: list[EventStream] = []

    def always(self, *faults: Fault) -> None:
        """From now on every request meets these; without arguments none does any more."""
        self._always = faults

    def once(
        self, *faults: Fault, method: str = "", path: str = "", skip: int = 0, times: int = 1
    ) -> None:
        """The next requests that fit meet these; see `Script`."""
        self.choosers.append(Script(faults, method, path, skip, times))

    def send(self, request: ApiRequest, limit_s: float) -> ApiResponse:
        self.count += 1
        faults = tuple(self._faults(request))
        if faults:
            self.happened.append(
                Happened(self.count, self._timeline.now, request.method, request.path, faults)
            )
        return self._pass(request, faults, limit_s)

    def script(self) -> Replay:
        """What happened here, to happen again: its repr is Python."""
        return Replay({each.number: each.faults for each in self.happened})

    def end_streams(self) -> None:
        """The streams of events that were opened over this wire break."""
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()

    def _faults(self, request: ApiRequest) -> Sequence[Fault]:
        if self._always:
            return self._always
        found = (chooser.faults(request, self.count) for chooser in self.choosers)
        return next((faults for faults in found if faults), ())

    def _pass(self, request: ApiRequest, faults: tuple[Fault, ...], limit_s: float) -> ApiResponse:
        if faults:
            first, rest = faults[0], faults[1:]
            return first.apply(
                Call(
                    request,
                    limit_s,
                    self._timeline,
                    self._memory,
                    lambda left_s: self._pass(request, rest, left_s),
                )
            )
        response = self._wire.send(request, limit_s)
        self._memory.note(request, response, self._timeline.now)
        if response.stream is not None:
            self._streams = [s for s in self._streams if not s.is_over]
            self._streams.append(response.stream)
        return response
