"""The way into a simulated world: `/simulation/…` on the socket of its Engine API.

    GET    /simulation                              everything, see Control.state
    POST   /simulation/nodes/{hostname}/{verb}      kill, return, cut, reconnect
    POST   /simulation/leader                       another manager leads
    PUT    /simulation/images?image=REF&how=HOW     break
    DELETE /simulation/images?image=REF             mend
    POST   /simulation/{face}/freeze?for_s=N        docker or kv; for N real seconds, or until thaw
    POST   /simulation/{face}/thaw

Answers are JSON, errors `{"message": …}`, as the Engine API's.
"""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from swarm_operator.simulation.faces.control import Control, ControlError
from swarm_operator.simulation.faces.pump import Pump

PREFIX: Final = "/simulation"


def middleware(control: Control, pump: Pump) -> Middleware:
    """Takes what is below the prefix, whatever handles the rest; a frozen engine does not hold it."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != PREFIX and not request.path.startswith(f"{PREFIX}/"):
            return await handler(request)
        try:
            with pump.turn():
                _act(control, request)
                return web.json_response(control.state())
        except ControlError as error:
            return web.json_response({"message": str(error)}, status=error.status)

    return answer


def _act(control: Control, request: web.Request) -> None:
    words = tuple(request.path.removeprefix(PREFIX).strip("/").split("/"))
    match (request.method, *words):
        case ("GET", ""):
            return
        case ("POST", "nodes", hostname, verb) if verb in _NODE_VERBS:
            _NODE_VERBS[verb](control, hostname)
        case ("POST", "leader"):
            control.change_leader()
        case ("PUT", "images"):
            control.break_image(_parameter(request, "image"), _parameter(request, "how"))
        case ("DELETE", "images"):
            control.mend_image(_parameter(request, "image"))
        case ("POST", face, "freeze"):
            control.freeze(face, _seconds(request))
        case ("POST", face, "thaw"):
            control.thaw(face)
        case _:
            raise ControlError(404, f"the simulation knows no {request.method} {request.path}")


_NODE_VERBS: Final[Mapping[str, Callable[[Control, str], None]]] = {
    "kill": Control.kill,
    "return": Control.return_,
    "cut": Control.cut,
    "reconnect": Control.reconnect,
}


def _parameter(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise ControlError(400, f"the parameter {name} is missing")
    return value


def _seconds(request: web.Request) -> float | None:
    raw = request.query.get("for_s")
    if raw is None:
        return None
    try:
        seconds = float(raw)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86400:
        raise ControlError(400, f"for_s: {raw} is not a number of seconds up to a day")
    return seconds
