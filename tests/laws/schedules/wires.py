"""Between a process's clients and the models: every call is shown to the monitors, and may go wrong."""

import math
from typing import TYPE_CHECKING, Final

from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.consul_transport import Handler
from swarm_operator.simulation.docker_wire import Wire
from swarm_operator.simulation.kv.http import Broken, Later, Outcome, Refused, Request, Response
from tests.laws.schedules.faults import SLOW_S, Death, Fault, Killed
from tests.laws.schedules.traefiks import Traefiks

if TYPE_CHECKING:
    from tests.laws.schedules.process import Process

_TRAEFIK_S_KEY: Final = f'"{Traefiks.ROOT}/'.encode()
_MOVED: Final = "rpc error: code = Unknown desc = update out of sequence"


class DockerTap:
    """A process's way to its manager."""

    def __init__(self, process: "Process", inner: Wire) -> None:
        self._process = process
        self._inner = inner
        self._seen: dict[tuple[str, str], ApiResponse] = {}
        self._stale_until = 0.0

    def go_stale(self, seconds: float) -> None:
        """The manager is cut off: it answers what it knew, and its writes come to nothing."""
        self._stale_until = self._process.now + seconds

    def heal(self) -> None:
        self._stale_until = 0.0

    @property
    def is_stale(self) -> bool:
        return self._process.now < self._stale_until

    def send(self, request: ApiRequest, limit_s: float) -> ApiResponse:
        process = self._process
        process.require_alive()
        if request.method == "GET":
            return self.read(request, limit_s)
        for monitor in process.lab.monitors:
            monitor.before_write(process, request)
        death = process.begin_write("docker")
        for monitor in process.lab.monitors:
            monitor.write_goes_out(process, request)
        try:
            response = self._faulty(request, limit_s)
        except OSError:
            process.end_write(death)
            raise
        if response.status < 400:
            for monitor in process.lab.monitors:
                monitor.wrote(process, request, response)
        process.end_write(death)
        return response

    def read(self, request: ApiRequest, limit_s: float, *, is_shown: bool = True) -> ApiResponse:
        """`is_shown`: to the monitors, as what the process knows when it writes to Docker."""
        key = (request.path, request.query.get("filters", ""))
        if self._process.now < self._stale_until and key in self._seen:
            return self._seen[key]
        response = self._faulty(request, limit_s)
        self._process.require_alive()
        if response.status < 400:
            self._seen[key] = response
            for monitor in self._process.lab.monitors if is_shown else ():
                monitor.read(self._process, request, response)
        return response

    def _faulty(self, request: ApiRequest, limit_s: float) -> ApiResponse:
        is_write = request.method != "GET"
        fault = self._process.faults.next_fault("docker", is_write=is_write)
        if is_write and self._process.now < self._stale_until:
            fault = Fault.STUCK
        if fault is not None:
            self._process.met(f"{fault} docker {'write' if is_write else 'read'}")
        match fault:
            case Fault.REFUSED:
                raise ConnectionRefusedError
            case Fault.STUCK:
                self._process.lab.run(limit_s)
                raise TimeoutError
            case Fault.SLOW:
                self._process.lab.run(SLOW_S)
            case Fault.MOVED if is_write and "version" in request.query:
                return ApiResponse(500, {"message": _MOVED})
        response = self._inner.send(request, limit_s)
        if response.status == 500 and "out of sequence" in str(response.body):
            self._process.met("a docker write out of sequence")
        if fault is Fault.LOST:
            for monitor in self._process.lab.monitors if response.status < 400 and is_write else ():
                monitor.wrote(self._process, request, response)
            raise ConnectionResetError
        return response


class Unwatched:
    """The same way for a thread that never writes: what it reads is no evidence for the others."""

    def __init__(self, tap: DockerTap) -> None:
        self._tap = tap

    def send(self, request: ApiRequest, limit_s: float) -> ApiResponse:
        assert request.method == "GET", "the threads of routes do not write to Docker"
        return self._tap.read(request, limit_s, is_shown=False)


class ConsulTap:
    """A process's way to Consul (a `Handler`)."""

    def __init__(self, process: "Process", inner: Handler) -> None:
        self._process = process
        self._inner = inner

    def handle(self, request: Request) -> Outcome:
        process = self._process
        process.require_alive()
        for monitor in process.lab.monitors:
            monitor.before_kv(process, request)
        is_write = request.path == "/v1/txn" or "acquire" in request.query
        api = "traefik" if _is_of_routes(request) else "consul"
        death = process.begin_write(api) if is_write else None
        fault = process.faults.next_fault(api, is_write=is_write)
        if fault is None and api != "consul":
            fault = process.faults.next_fault("consul", is_write=is_write)
        if fault is not None:
            process.met(f"{fault} {api} {'write' if is_write else 'read'}")
        match fault:
            case Fault.REFUSED:
                process.end_write(death)
                raise Refused
            case Fault.STUCK:
                process.end_write(death)
                return _never()
            case Fault.SLOW:
                until = process.now + SLOW_S
                return Later(until, lambda _wake: _nothing, lambda: self._reached(request, death))
        outcome = self._reached(request, death)
        if fault is Fault.LOST:
            raise Broken
        return outcome

    def _reached(self, request: Request, death: Death | None) -> Outcome:
        outcome = self._shown(request, self._inner.handle(request))
        if death is not None:
            self._process.end_write(death)
        return outcome

    def _shown(self, request: Request, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Response):
            self._process.require_alive()
            for monitor in self._process.lab.monitors:
                monitor.after_kv(self._process, request, outcome)
            return outcome
        later = outcome
        return Later(later.until, later.subscribe, lambda: self._shown(request, later.answer()))


def _is_of_routes(request: Request) -> bool:
    """Whether it writes below Traefik's root: schedules can aim at that."""
    return request.path == "/v1/txn" and _TRAEFIK_S_KEY in request.body


def _never() -> Later:
    return Later(math.inf, lambda _wake: _nothing, _never)


def _nothing() -> None:
    pass


__all__ = ["ConsulTap", "DockerTap", "Killed"]
