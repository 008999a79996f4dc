"""The simulated world in a process of its own: the Engine API on a Unix socket, Consul's on loopback.

What is measured is the operator: so the lists of the engine are encoded object by object, once for each
version of it, and sent as fast as Go's server does. Below `/bench/` lies what the bench asks of the
world, not of an engine.
"""

import asyncio
import random
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from swarm_operator.simulation.api.message import split_version
from swarm_operator.simulation.faces import consul_http, docker_http
from swarm_operator.simulation.faces.pump import Paced, Pump
from swarm_operator.simulation.kv.api import ConsulApi
from tests.bench.scale import simulated
from tests.bench.scale.shape import Shape

SPEED: Final = 20.0
"""Seconds of the engine in a real one: nobody waits for health checks and heartbeats."""
_LISTS: Final = ("services", "tasks", "nodes", "networks", "configs", "secrets")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Served:
    """A world, and what it was asked for."""

    def __init__(self, shape: Shape) -> None:
        self.world, self.kv = simulated.world(shape)
        self.rng = random.Random(1)
        self.pump: Pump
        self.requests: list[tuple[str, str, str, int, float]] = []
        """API, method, path, bytes of the answer, and when it was answered (CLOCK_MONOTONIC)."""
        self._encoded: dict[int, tuple[Any, bytes]] = {}

    async def docker(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Counts; answers lists by itself."""
        if "/bench/" in request.path:
            return web.json_response(self._asked_by_the_bench(request.path.rpartition("/")[2]))
        if request.method == "GET" and request.path.rpartition("/")[2] in _LISTS:
            asked = await docker_http.api_request(request)
            with self.pump.turn():
                answer = self.world.engine_api.handle(asked)
            if isinstance(answer.body, list):
                body = b"[" + b",".join(map(self._text, answer.body)) + b"]\n"
                self._note("docker", request, len(body))
                headers = {**answer.headers, "Content-Type": "application/json"}
                return web.Response(status=answer.status, headers=headers, body=body)
        response = await handler(request)
        self._note("docker", request, response.content_length or 0)
        return response

    async def consul(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Counts."""
        response = await handler(request)
        self._note("consul", request, response.content_length or 0)
        return response

    def _note(self, api: str, request: web.Request, size: int) -> None:
        path = request.path if api == "consul" else split_version(request.path)[1]
        self.requests.append((api, request.method, path, size, time.monotonic()))

    def _text(self, item: Any) -> bytes:
        """The model hands out the same object for as long as nothing changed in it."""
        known = self._encoded.get(id(item))
        if known is None or known[0] is not item:
            known = self._encoded[id(item)] = (item, docker_http._json_line(item)[:-1])
        return known[1]

    def _asked_by_the_bench(self, act: str) -> Any:
        engine = self.world.engine
        if act == "requests":
            requests, self.requests = self.requests, []
            return requests
        with self.pump.turn():
            if act == "lose-node":
                workers = [node for node in engine.store.nodes.all() if node.role == "worker"]
                ready = [node.hostname for node in workers if node.state == "ready"]
                engine.kill_node(self.rng.choice(ready))
        return "done"


def _middleware(handle: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]) -> Any:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handle(request, handler)

    return middleware


async def serve(served: Served, socket_path: str) -> None:
    """For ever; prints Consul's port once both answer."""
    world, loop = served.world, asyncio.get_running_loop()
    served.pump = Pump([Paced(world.timeline, SPEED), Paced(served.kv.timeline)], loop)
    docker = docker_http.application(world.engine_api, served.pump)
    docker.middlewares.append(_middleware(served.docker))
    consul = consul_http.application(ConsulApi(served.kv), served.pump)
    consul.middlewares.append(_middleware(served.consul))
    for app in (docker, consul):
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        if app is docker:
            await web.UnixSite(runner, socket_path).start()
        else:
            listening = socket.create_server(("127.0.0.1", 0))
            await web.SockSite(runner, listening).start()
            print(listening.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Served(Shape(int(sys.argv[2]), int(sys.argv[3]))), sys.argv[1]))
