"""The embedded Consul over HTTP, for py-consul, curl, Traefik and the `consul` command."""

import asyncio
import gzip
import math
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from swarm_operator.simulation.faces.pump import Pump
from swarm_operator.simulation.kv.http import Broken, Later, Outcome, Request, Response
from swarm_operator.simulation.timeline import Timeline

MAX_BODY_BYTES: Final = 16 << 20
"""More than Consul's own limits, so that it is Consul that refuses."""


class Handler(Protocol):
    """`ConsulApi`, or faults in front of it."""

    @property
    def timeline(self) -> Timeline: ...

    def handle(self, request: Request) -> Outcome: ...


def application(api: Handler, pump: Pump) -> web.Application:
    """Serves `api`; `pump` owns its time."""
    made = web.Application(client_max_size=MAX_BODY_BYTES)
    made.router.add_route("*", "/{path:.*}", _Face(api, pump).serve)
    made.on_response_prepare.append(_take_away_what_aiohttp_adds)
    return made


class _Face:
    def __init__(self, api: Handler, pump: Pump) -> None:
        self._api = api
        self._pump = pump

    async def serve(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        try:
            response = await self._answer(asked)
        except Broken:
            # As a process that dies: the connection ends without a byte.
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return _encoded(response, request.headers.get("Accept-Encoding", ""))

    async def _answer(self, asked: Request) -> Response:
        with self._pump.turn():
            outcome = self._api.handle(asked)
        while isinstance(outcome, Later):
            await self._wait(outcome)
            with self._pump.turn():
                outcome = outcome.answer()
        return outcome

    async def _wait(self, later: Later) -> None:
        """Until the model wakes it, or its time has come. A client that hangs up ends it."""
        ready = asyncio.Event()
        timeline = self._api.timeline
        with self._pump.turn():
            take_back = later.subscribe(ready.set)
            alarm = None
            if later.until < math.inf:
                alarm = timeline.after(later.until - timeline.now, ready.set)
        try:
            await ready.wait()
        finally:
            take_back()
            if alarm is not None:
                alarm.cancel()


async def _asked(request: web.Request) -> Request:
    path, _, raw_query = request.raw_path.partition("?")
    # The first of equal names counts.
    query = dict(reversed(parse_qsl(raw_query, keep_blank_values=True)))
    body = await request.read()
    return Request(request.method, unquote(path, errors="replace"), query, body, raw_query)


def _encoded(response: Response, accepted: str) -> web.Response:
    headers = {_canonical(name): value for name, value in response.headers.items()}
    body = response.body
    if body and "gzip" in accepted and "Vary" in headers:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=1)
    return web.Response(status=response.status, headers=headers, body=body)


def _canonical(name: str) -> str:
    """As Go writes header names."""
    return "-".join(part.capitalize() for part in name.split("-"))


async def _take_away_what_aiohttp_adds(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)
    if response.content_type == "application/octet-stream":
        response.headers.pop("Content-Type", None)
