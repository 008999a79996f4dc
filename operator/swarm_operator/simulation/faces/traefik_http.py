"""The API of a simulated Traefik over HTTP, for the operator's client and for `curl`."""

from aiohttp import web

from swarm_operator.simulation.faces.pump import Pump
from swarm_operator.simulation.traefik.instance import Silent, Traefik


def application(traefik: Traefik, pump: Pump) -> web.Application:
    """Serves `traefik`; `pump` owns its time."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            with pump.turn():
                answer = traefik.get(request.raw_path)
        except Silent:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if answer is None:
            return web.json_response({"message": f"not found: {request.path}"}, status=404)
        return web.json_response(answer)

    made = web.Application()
    made.router.add_get("/{path:.*}", serve)
    return made
