"""The Engine API over HTTP, as the docker command and the SDKs speak it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from swarm_operator.simulation.api.event_stream import EventStream
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse, BadJson, split_version
from swarm_operator.simulation.engine.errors import ManagerPanic
from swarm_operator.simulation.faces.gate import Gate
from swarm_operator.simulation.faces.pump import Pump

MAX_BODY_B: Final = 16 << 20
"""A config of a megabyte, in base64, with room to spare."""


class EngineHandler(Protocol):
    """What answers: the engine's API, or one with faults in front of it."""

    def handle(self, request: ApiRequest) -> ApiResponse: ...


def application(api: EngineHandler, pump: Pump, gate: Gate | None = None) -> web.Application:
    """Every path and method goes to `api`; what it does not know it refuses by itself.

    `gate` holds the streams of events: all else it holds as a middleware, which is up to the caller.
    """
    app = web.Application(client_max_size=MAX_BODY_B)
    app.router.add_route("*", "/{path:.*}", _Face(api, pump, gate or Gate()).answer)
    return app


class _Face:
    def __init__(self, api: EngineHandler, pump: Pump, gate: Gate) -> None:
        self._api = api
        self._pump = pump
        self._gate = gate

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = await api_request(request)
        try:
            with self._pump.turn():
                answer = self._api.handle(asked)
        except ManagerPanic:
            return _hung_up(request)
        if answer.stream is not None:
            return await self._send_events(request, answer, answer.stream)
        return _whole(answer)

    async def _send_events(
        self, request: web.Request, answer: ApiResponse, stream: EventStream
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            status=answer.status,
            headers={**answer.headers, "Content-Type": "application/json"},
        )
        response.enable_chunked_encoding()
        try:
            # The engine sends its headers at once: a subscriber knows from them that it is one.
            await response.prepare(request)
            await self._copy(stream, response.write)
            await response.write_eof()
        except ConnectionError:
            pass  # the client hung up
        finally:
            with self._pump.turn():
                stream.close()
        return response

    async def _copy(self, stream: EventStream, write: Callable[[bytes], Awaitable[None]]) -> None:
        ready = asyncio.Event()
        stream.on_ready(ready.set)
        while True:
            await self._gate.passes()
            with self._pump.turn():
                events = stream.take()
                is_over = stream.is_over
            if events:
                await write(b"".join(map(_json_line, events)))
            if is_over:
                return
            await ready.wait()
            ready.clear()


async def api_request(request: web.Request) -> ApiRequest:
    """A request as the API takes it."""
    version, path = split_version(request.path)
    return ApiRequest(
        method=request.method,
        path=path,
        api_version=version,
        query={name: request.query.getone(name) for name in request.query},
        headers=dict(request.headers),
        body=_body(await request.read(), request.headers.get("Content-Type", "")),
    )


def _body(raw: bytes, content_type: str) -> Any:
    """JSON by its name and by its form, as moby's httputils reads it; None where there is no body."""
    if not raw:
        return None
    media_type = content_type.partition(";")[0].strip()
    if not media_type:
        return BadJson(f"malformed Content-Type header ({content_type}): mime: no media type")
    if media_type.lower() != "application/json":
        return BadJson(
            f"unsupported Content-Type header ({content_type}): must be 'application/json'"
        )
    return _json(raw.decode(errors="replace"))


def _json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return BadJson("unexpected content after JSON")
        if error.pos >= len(text.rstrip()):
            return BadJson("invalid JSON: unexpected EOF")
        return BadJson(f"invalid JSON: invalid character '{text[error.pos]}'")
    except ValueError:
        return BadJson()
    except RecursionError:
        return BadJson("invalid JSON: exceeded max depth")


def _refuse_constant(word: str) -> Any:
    """NaN and the infinities are Python's alone."""
    raise ValueError(word)


def _hung_up(request: web.Request) -> web.Response:
    """The process died: its connections end in the middle."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _whole(answer: ApiResponse) -> web.Response:
    if not answer.has_body:
        return web.Response(status=answer.status, headers=answer.headers)
    if answer.text is not None:
        return web.Response(
            status=answer.status,
            headers=answer.headers,
            text=answer.text,
            content_type="text/plain",
            charset="utf-8",
        )
    return web.Response(
        status=answer.status,
        headers={**answer.headers, "Content-Type": "application/json"},
        body=_json_line(answer.body),
    )


def _json_line(value: Any) -> bytes:
    """Go's json.Encoder ends every value with a newline."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
