"""What an engine has besides the swarm: here nothing, said in the engine's own form."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.responses import answer, refusal


def nothing(_backend: Backend, _request: ApiRequest, _: str) -> ApiResponse:
    """Of containers and of images."""
    return answer([])


def image(backend: Backend, _request: ApiRequest, name: str) -> ApiResponse:
    """An image that this very engine has; only what its configuration says of volumes."""
    images = backend.model.images
    if (backend.node_id, name.partition("@")[0]) not in images.pulled:
        return refusal(404, f"No such image: {name}")
    volumes: JsonObject | None = {"/data": {}} if images.behaviour(name).declares_volumes else None
    return answer({"RepoTags": [name], "Config": {"Volumes": volumes}})


def no_volumes(_backend: Backend, _request: ApiRequest, _: str) -> ApiResponse:
    return answer({"Volumes": [], "Warnings": None})


def distribution(_backend: Backend, _request: ApiRequest, image: str) -> ApiResponse:
    """The digest of an image in its registry. There is none here: the command line then warns
    that it could not pin the image, and goes on with its name."""
    return refusal(404, f"no registry is simulated: the digest of {image} is not known")
