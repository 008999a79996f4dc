"""An engine model, its API, and short words for asking it."""

import json
from typing import Any

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour

ABSENT = "0123456789abcdefghijklmno"


class Desk:
    """A manager and a worker of engine 28; requests go to the manager."""

    def __init__(self, *, engine_version: str = "28.5.2", managers: int = 1) -> None:
        self.engine = Engine(seed=1)
        self.engine.images.scripted["lab/nothing:9"] = Behaviour(missing=True)
        names = [f"node{n}" for n in range(1, managers + 2)]
        roles = ["manager"] * managers + ["worker"]
        self.nodes = [
            self.engine.add_node(name, role=role, engine_version=engine_version)
            for name, role in zip(names, roles, strict=True)
        ]
        self.api = EngineApi(self.engine, self.nodes[0].id)

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> ApiResponse:
        """Of the manager, in its newest version."""
        return self.api.handle(ApiRequest(method, path, query=query, body=body))

    def ask_worker(self, method: str, path: str, body: Any = None, **query: str) -> ApiResponse:
        worker = self.api.of_node(self.nodes[-1].id)
        return worker.handle(ApiRequest(method, path, query=query, body=body))

    def ask_in(self, version: tuple[int, int], path: str) -> ApiResponse:
        """Read in a version of the API."""
        return self.api.handle(ApiRequest("GET", path, version))

    def get(self, path: str, **query: str) -> Any:
        """The JSON of an answer that is to be well."""
        response = self.ask("GET", path, **query)
        assert response.status == 200, response
        return response.body

    def listed(self, path: str, **filters: list[str]) -> Any:
        """A list with filters; their keys may have - and . spelled as _dash_ and _dot_."""
        spelled = {
            key.replace("_dash_", "-").replace("_dot_", "."): value
            for key, value in filters.items()
        }
        return self.get(path, filters=json.dumps(spelled))

    def names(self, path: str, **filters: list[str]) -> list[str]:
        """What a list has, by name, sorted."""
        return sorted(map(name_of, self.listed(path, **filters)))

    def post(self, path: str, body: Any = None, **query: str) -> Any:
        response = self.ask("POST", path, body, **query)
        assert response.status < 300, response
        return response.body

    def create(self, name: str = "web", **changes: Any) -> str:
        """A service's id."""
        identity: str = self.post("/services/create", spec(name, **changes))["ID"]
        return identity

    def refusal(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, str]:
        """Status and text of an answer that is to be an error."""
        response = self.ask(method, path, body, **query)
        assert response.status >= 400, response
        return response.status, response.body["message"]


def spec(name: str = "web", *, replicas: int = 1, **changes: Any) -> JsonObject:
    return {
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": "lab/web:1"}, "Placement": {}},
        "Mode": {"Replicated": {"Replicas": replicas}},
        **changes,
    }


def name_of(json: JsonObject) -> str:
    spec_json = json.get("Spec", {})
    name: str = (
        json.get("Name")
        or spec_json.get("Name")
        or json.get("Description", {}).get("Hostname")
        or json["ID"]
    )
    return name
