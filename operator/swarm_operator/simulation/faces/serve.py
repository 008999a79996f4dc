"""Serves a world on this machine: the Engine API on a Unix socket, Consul's HTTP API on loopback.

One thread with one asyncio loop owns the world while it is served. Others ask that thread (`call`).
"""

import asyncio
import concurrent.futures
import os
import socket
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, TypeVar

from aiohttp import web

from swarm_operator.simulation.dns.api import BASE, DnsProvider
from swarm_operator.simulation.dns.zone import Zone
from swarm_operator.simulation.faces import (
    consul_http,
    control_http,
    dns_http,
    docker_http,
    traefik_http,
)
from swarm_operator.simulation.faces.control import Control, FreezableConsul
from swarm_operator.simulation.faces.counter import RequestCounter
from swarm_operator.simulation.faces.dns_udp import NameServer
from swarm_operator.simulation.faces.gate import Gate
from swarm_operator.simulation.faces.pump import Paced, Pump
from swarm_operator.simulation.kv_faults import FaultyConsul
from swarm_operator.simulation.traefik.instance import Traefik
from swarm_operator.simulation.world import World

SOCKET: Final = "docker.sock"
_LONGEST_PATH_B: Final = 100
"""The kernel's limit for a socket's path is 108 bytes with its closing zero (unix(7))."""
_START_S: Final = 10.0
_STOP_S: Final = 5.0
_LINGER_S: Final = 0.2
"""Blocking reads and streams of events would go on for ever: they are cut off after this."""

T = TypeVar("T")


class CannotServe(Exception):
    """A socket cannot be made; the text says why and what to do."""


class Faces:
    """A world's servers, from `start` to `stop`."""

    def __init__(
        self,
        world: World,
        folder: Path,
        *,
        consul_port: int = 0,
        traefik_throttle_s: float | None = None,
        dns_zones: Collection[str] = (),
    ) -> None:
        """`folder` is private, and made by the caller: the socket comes to lie in it. Port 0 is any
        free one. With a throttle, a Traefik reads the KV's root `traefik`, and its API is served.
        With zones, a DNS provider has them, and a name server serves them."""
        self.world = world
        self.gate = Gate()
        """Before the engine: closed, it stands still."""
        self.consul = FaultyConsul(world.consul_api)
        self.engine_requests = RequestCounter()
        self.requests_of_others = RequestCounter()
        """To the engine, from other processes than this one."""
        self.consul_requests = RequestCounter()
        self.traefik: Traefik | None = None
        if traefik_throttle_s is not None:
            self.traefik = Traefik(world.timeline, self.consul, throttle_s=traefik_throttle_s)
        self.dns: DnsProvider | None = None
        self.dns_requests = RequestCounter()
        if dns_zones:
            zones = {name: Zone(name) for name in dns_zones}
            self.dns = DnsProvider(zones, lambda: world.timeline.utc().timestamp())
        self.folder = folder
        self._path = folder / SOCKET
        self._consul_port = consul_port
        self._sockets: list[socket.socket] = []
        self._name_server: socket.socket | None = None
        self._consul_addr = self._traefik_addr = self._dns_addr = ""
        self._pump: Pump | None = None
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="simulation", daemon=True)

    @property
    def docker_host(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self._path}"

    @property
    def consul_addr(self) -> str:
        """For CONSUL_HTTP_ADDR. Known once it is started."""
        return self._consul_addr

    @property
    def traefik_addr(self) -> str:
        """Of Traefik's API, for SWARM_OPERATOR_TRAEFIK_API; "" where there is none."""
        return self._traefik_addr

    @property
    def dns_zones(self) -> tuple[str, ...]:
        """That the DNS provider has."""
        return () if self.dns is None else tuple(self.dns.zones)

    @property
    def dns_addr(self) -> str:
        """Of the DNS provider's API, for SWARM_OPERATOR_OVH_ENDPOINT; "" where there is none."""
        return self._dns_addr

    @property
    def name_server(self) -> str:
        """`host:port` of the zones' name server, over UDP; "" where there is none."""
        if self._name_server is None:
            return ""
        return "{}:{}".format(*self._name_server.getsockname())

    def start(self) -> None:
        """Returns once all answer. Raises CannotServe."""
        consul = _tcp_socket(self._consul_port)
        self._sockets = [consul]
        try:
            self._sockets = [_unix_socket(self._path), consul]
        except CannotServe:
            self.stop()
            raise
        self._consul_addr = _url(consul)
        if self.traefik is not None:
            self._sockets.append(_tcp_socket(0))
            self._traefik_addr = _url(self._sockets[-1])
        if self.dns is not None:
            self._sockets.append(_tcp_socket(0))
            self._dns_addr = _url(self._sockets[-1]) + BASE
            self._name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._name_server.bind(("127.0.0.1", 0))
            self._name_server.setblocking(False)
        self._thread.start()
        try:
            self._started.result(timeout=_START_S)
        except TimeoutError:
            self.stop()
            raise CannotServe(f"the world did not begin to answer in {_START_S:g} s") from None

    def stop(self) -> None:
        """Cut all connections off, and wait for the thread's end."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOP_S)
        for each in (*self._sockets, *filter(None, [self._name_server])):
            each.close()
        self._path.unlink(missing_ok=True)

    def call(self, function: Callable[[], T]) -> T:
        """Let the world's own thread call it, with time brought up to now; its result, or its
        exception. From other threads only. Raises TimeoutError where it is too busy to answer."""
        result: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            assert self._pump is not None
            try:
                with self._pump.turn():
                    result.set_result(function())
            except Exception as error:  # noqa: BLE001 - handed over to the caller as it is
                result.set_exception(error)

        assert self._loop is not None
        self._loop.call_soon_threadsafe(run)
        try:
            return result.result(timeout=_START_S)
        except TimeoutError:
            if result.done():  # the function's own
                raise
            raise TimeoutError(f"the simulated world did not answer in {_START_S:g} s") from None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if not self._started.done():
                self._started.set_exception(error)
            else:
                raise

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._pump = Pump([Paced(self.world.timeline)], self._loop)
        if self.traefik is not None:
            with self._pump.turn():
                self.traefik.start()
        runners = []
        names: asyncio.BaseTransport | None = None
        try:
            for app, sock in zip(self._applications(self._pump), self._sockets, strict=True):
                # With cancellation a client that hangs up ends what it waited for.
                runner = web.AppRunner(
                    app, access_log=None, handler_cancellation=True, shutdown_timeout=_LINGER_S
                )
                await runner.setup()
                runners.append(runner)
                await web.SockSite(runner, sock).start()
            if self.dns is not None:
                zones = self.dns.zones
                names, _ = await self._loop.create_datagram_endpoint(
                    lambda: NameServer(zones), sock=self._name_server
                )
            self._started.set_result(None)
            await self._stopping.wait()
        finally:
            if names is not None:
                names.close()
            self._pump.stop()
            for runner in runners:
                await runner.cleanup()

    def _applications(self, pump: Pump) -> tuple[web.Application, ...]:
        control = Control(
            self.world,
            freezers={"docker": self.gate, "kv": FreezableConsul(self.consul)},
            counters={"docker": self.engine_requests, "kv": self.consul_requests},
            consul_addr=lambda: self.consul_addr,
        )
        docker = docker_http.application(self.world.engine_api, pump, self.gate)
        below = control_http.PREFIX
        docker.middlewares.append(control_http.middleware(control, pump))
        # What was held and then given up by its client was never asked: counted behind the gate.
        docker.middlewares.append(self.gate.middleware(except_below=below))
        docker.middlewares.append(self.engine_requests.middleware(except_below=below))
        others = self.requests_of_others
        docker.middlewares.append(others.middleware(except_below=below, of_others=True))
        consul = consul_http.application(self.consul, pump)
        consul.middlewares.append(self.consul_requests.middleware())
        made = [docker, consul]
        if self.traefik is not None:
            made.append(traefik_http.application(self.traefik, pump))
        if self.dns is not None:
            made.append(dns_http.application(self.dns, pump))
            made[-1].middlewares.append(self.dns_requests.middleware())
        return tuple(made)


def _url(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def _unix_socket(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > _LONGEST_PATH_B:
        raise CannotServe(
            f"{path} is too long for a socket's path; set TMPDIR to a shorter folder, e.g. /tmp"
        )
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
        path.chmod(0o600)
        made.listen(128)
    except OSError as error:
        made.close()
        raise CannotServe(f"cannot listen on {path}: {error.strerror}") from None
    return made


def _tcp_socket(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        made.listen(128)
    except OSError as error:
        made.close()
        raise CannotServe(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from None
    return made
