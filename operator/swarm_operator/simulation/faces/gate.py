"""A server that stands still: it takes connections and requests, and answers nothing.

That is what a process looks like that was stopped by a signal, or whose machine swaps: the kernel
accepts for it. A slow one answers each request late.
"""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


class Gate:
    """Between a face's server and its handlers. For the loop's thread alone."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.delay_s = 0.0
        """Real seconds by which every answer is late."""

    @property
    def is_frozen(self) -> bool:
        return not self._open.is_set()

    def freeze(self) -> None:
        """Nothing passes until `thaw`."""
        self._open.clear()

    def thaw(self) -> None:
        """What waited goes on."""
        self._open.set()

    async def passes(self) -> None:
        """Returns once the gate is open."""
        await self._open.wait()

    def middleware(self, *, except_below: str | None = None) -> Middleware:
        """Holds each request before it is looked at, and again before its answer leaves: a frozen
        server sends nothing, whatever it had ready."""

        @web.middleware
        async def hold(request: web.Request, handler: Handler) -> web.StreamResponse:
            if except_below is not None and request.path.startswith(except_below):
                return await handler(request)
            await self.passes()
            if self.delay_s > 0:
                await asyncio.sleep(self.delay_s)
            response = await handler(request)
            await self.passes()
            return response

        return hold
