"""The API of a simulated DNS provider over HTTP, for the official client of OVH and for `curl`."""

import json

from aiohttp import web

from swarm_operator.simulation.dns.api import BASE, DnsProvider
from swarm_operator.simulation.faces.pump import Pump


def application(provider: DnsProvider, pump: Pump) -> web.Application:
    """Serves `provider`; `pump` owns its time."""

    async def serve(request: web.Request) -> web.StreamResponse:
        text = await request.text()
        try:
            body = json.loads(text) if text else None
        except ValueError:
            return web.json_response({"message": "Invalid JSON"}, status=400)
        with pump.turn():
            status, said = provider.answer(
                request.method, request.path.removeprefix(BASE), request.query, body
            )
        return (
            web.Response(status=status) if said is None else web.json_response(said, status=status)
        )

    made = web.Application()
    made.router.add_route("*", f"{BASE}/{{path:.*}}", serve)
    return made
