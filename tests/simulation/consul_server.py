"""The embedded Consul on a loopback port of its own, with the faults that a real one has."""

import asyncio
import random
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from swarm_operator.simulation.faces import consul_http
from swarm_operator.simulation.faces.pump import Paced, Pump
from swarm_operator.simulation.kv.api import ConsulApi
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.kv_faults import FaultyConsul, State
from swarm_operator.simulation.timeline import Timeline

T = TypeVar("T")


class SimulatedConsul:
    """Like the harness' `Consul`, from `start` to `close`. `speed`: its seconds in a real one."""

    def __init__(self, *, speed: float = 1.0) -> None:
        kv = Kv(Timeline(), random.Random(1))
        self.faulty = FaultyConsul(ConsulApi(kv))
        self._speed = speed
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consul", daemon=True)
        self._pump: Pump | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def is_running(self) -> bool:
        return self.faulty.state is not State.REFUSED

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def call(self, function: Callable[[], T]) -> T:
        """In the thread that owns the KV."""

        async def run() -> T:
            assert self._pump is not None
            with self._pump.turn():
                return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def kill(self) -> None:
        self.call(self.faulty.kill)

    def restart(self) -> None:
        self.call(self.faulty.start)

    def freeze(self) -> None:
        self.call(self.faulty.freeze)

    def thaw(self) -> None:
        if self.faulty.state is State.FROZEN:
            self.call(self.faulty.thaw)

    def wipe(self) -> None:
        self.call(lambda: self.faulty.kv.delete_tree(""))

    def lose_data(self) -> None:
        self.call(self.faulty.lose_data)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._pump = Pump([Paced(self.faulty.timeline, self._speed)], self._loop)
        app = consul_http.application(self.faulty, self._pump)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2
        )
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        self._ready.set()
        await self._stopping.wait()
        self._pump.stop()
        await runner.cleanup()
        self._socket.close()
