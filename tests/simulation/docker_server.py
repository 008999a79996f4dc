"""Simulated engines on Unix sockets of their own, in one thread, as the docker command sees them."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.faces import docker_http
from swarm_operator.simulation.faces.gate import Gate
from swarm_operator.simulation.faces.pump import Paced, Pump

T = TypeVar("T")


class SimulatedEngines:
    """The engines of a model, each on `<folder>/<hostname>.sock`, from `start` to `close`.

    `speed`: how many of the model's seconds pass in a real one.
    """

    def __init__(self, engine: Engine, folder: Path, *, speed: float = 1.0) -> None:
        self._engine = engine
        self._folder = folder
        self._speed = speed
        nodes = engine.store.nodes.all()
        first = EngineApi(engine, nodes[0].id)
        self._apis = {node.hostname: first.of_node(node.id) for node in nodes}
        self._gates = {node.hostname: Gate() for node in nodes}
        self._runners: dict[str, web.AppRunner] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._pump: Pump | None = None

    @property
    def hostnames(self) -> Sequence[str]:
        return list(self._apis)

    def address(self, hostname: str) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self._path(hostname)}"

    def start(self) -> None:
        self._thread.start()
        self._do(self._begin())

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._loop.close()

    def call(self, function: Callable[[], T]) -> T:
        """In the thread that owns the model."""

        async def run() -> T:
            assert self._pump is not None
            with self._pump.turn():
                return function()

        return self._do(run())

    def power_off(self, hostname: str) -> None:
        self.call(lambda: self._engine.kill_node(hostname))
        self.call(self._apis[hostname].end_streams)
        self._do(self._shut(hostname))

    def power_on(self, hostname: str) -> None:
        self.call(lambda: self._engine.return_node(hostname))
        self._do(self._listen(hostname))

    def freeze(self, hostname: str) -> None:
        self.call(self._gates[hostname].freeze)

    def thaw(self, hostname: str) -> None:
        self.call(self._gates[hostname].thaw)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def _path(self, hostname: str) -> Path:
        return self._folder / f"{hostname}.sock"

    async def _begin(self) -> None:
        self._pump = Pump([Paced(self._engine.timeline, self._speed)], self._loop)
        for hostname in self._apis:
            await self._listen(hostname)

    async def _end(self) -> None:
        assert self._pump is not None
        self._pump.stop()
        for gate in self._gates.values():
            gate.thaw()
        for hostname in list(self._runners):
            await self._shut(hostname)

    async def _listen(self, hostname: str) -> None:
        assert self._pump is not None
        gate = self._gates[hostname]
        app = docker_http.application(self._apis[hostname], self._pump, gate)
        app.middlewares.append(gate.middleware())
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        await web.UnixSite(runner, str(self._path(hostname))).start()
        self._runners[hostname] = runner

    async def _shut(self, hostname: str) -> None:
        await self._runners.pop(hostname).cleanup()
        self._path(hostname).unlink(missing_ok=True)
