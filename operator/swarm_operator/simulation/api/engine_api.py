"""The Docker Engine API of one engine of the simulated swarm, as a function of the model."""

from dataclasses import replace

from swarm_operator.simulation.api import engine_versions, routes
from swarm_operator.simulation.api.backend import Backend, Model
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.renderings import Renderings
from swarm_operator.simulation.api.responses import refusal
from swarm_operator.simulation.engine.errors import ApiError


class EngineApi:
    """Answers requests at once; time does not move. Not for threads.

    Answers may be, or share, objects of the model: nobody may change them.
    """

    def __init__(
        self, engine: Model, node_id: str, *, renderings: Renderings | None = None
    ) -> None:
        """`renderings` are what another node's API of the same engine model has made so far."""
        self._engine = engine
        self._node_id = node_id
        self._renderings = renderings or Renderings(engine.store, engine.timeline)
        self._whole = Backend(engine, node_id, self._renderings)
        self._cut_off: Backend | None = None

    def of_node(self, node_id: str) -> "EngineApi":
        """The API of another engine of the same swarm; what was rendered is shared."""
        return EngineApi(self._engine, node_id, renderings=self._renderings)

    @property
    def node_id(self) -> str:
        return self._node_id

    @property
    def leadership(self) -> str:
        """As this engine sees it: led, electing or lost."""
        return self._backend().model.leadership

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Raises ManagerPanic where the request would kill the engine's process: no answer then."""
        found = routes.find(request.method, request.path)
        if found is None:
            return _no_route(request)
        route, argument = found
        response = self._answer(route, request, argument)
        return replace(response, headers={**self._headers(), **response.headers})

    def end_streams(self) -> None:
        """End all open streams of events, as when the engine's process dies."""
        self._whole.end_streams()

    def _backend(self) -> Backend:
        """A manager that was cut off from the others sees a swarm of its own."""
        view = self._engine.cut_off.get(self._node_id)
        if view is None:
            self._cut_off = None
            return self._whole
        if self._cut_off is None or self._cut_off.model is not view:
            rendered = Renderings(view.store, view.timeline)
            self._cut_off = Backend(view, self._node_id, rendered, has_majority=False)
        return self._cut_off

    def _answer(self, route: routes.Route, request: ApiRequest, argument: str) -> ApiResponse:
        backend = self._backend()
        asked = backend.version_of(request)
        if (objection := engine_versions.objection(asked, backend.newest_version)) is not None:
            if engine_versions.objects_in_text(asked, backend.newest_version):
                return ApiResponse(400, text=f"{objection}\n")
            return refusal(400, objection)
        try:
            if route.asks_swarm:
                backend.require_swarm(is_write=request.method != "GET")
            return route.handler(backend, request, argument)
        except ApiError as error:
            return refusal(error.status, error.message)

    def _headers(self) -> dict[str, str]:
        backend = self._backend()
        return {
            "Api-Version": engine_versions.spelled(backend.newest_version),
            "Docker-Experimental": "false",
            "Ostype": "linux",
            "Server": f"Docker/{backend.engine_version} (linux)",
        }


def _no_route(request: ApiRequest) -> ApiResponse:
    subject = routes.not_simulated(request.path)
    if subject is not None:
        text = f"{subject}: {request.method} {request.path} is not simulated"
        return refusal(501, text)
    return refusal(404, "page not found")
