"""Short words for the Engine API, and the service that most tests of the contract make."""

import json
from collections.abc import Callable
from typing import Any

from swarm_operator.observed.json import JsonObject
from tests.contract.swarms import SwarmUnderTest

SECOND_NS = 1_000_000_000
QUICK: JsonObject = {"Condition": "any", "Delay": SECOND_NS // 10}
UPDATE: JsonObject = {"Parallelism": 1, "Monitor": SECOND_NS}


class Desk:
    """Short words for the API of the first manager."""

    def __init__(self, swarm: SwarmUnderTest) -> None:
        self.swarm = swarm
        self._api = swarm.api("node1")

    def get(self, path: str, **filters: list[str]) -> Any:
        params = {"filters": json.dumps(filters)} if filters else None
        return self._api.request("GET", path, f"reading {path}", params=params).json()

    def create(self, spec: JsonObject) -> None:
        self._api.request("POST", "/services/create", "creating a service", body=spec)

    def service(self, name: str = "web") -> JsonObject:
        found: JsonObject = self.get(f"/services/{name}")
        return found

    def update(self, spec: JsonObject, *, auth: str | None = None, **params: str) -> None:
        """`auth` are registry credentials, as the header has them."""
        live = self.service(spec["Name"])
        query = {"version": str(live["Version"]["Index"]), **params}
        path = f"/services/{live['ID']}/update"
        headers = {"X-Registry-Auth": auth} if auth is not None else {}
        self._api.request(
            "POST", path, "updating a service", params=query, body=spec, headers=headers
        )

    def remove(self, name: str = "web") -> None:
        self._api.request("DELETE", f"/services/{name}", "removing a service")

    def update_node(self, hostname: str, **changes: Any) -> None:
        node = self.get(f"/nodes/{hostname}")
        query = {"version": str(node["Version"]["Index"])}
        path, body = f"/nodes/{node['ID']}/update", {**node["Spec"], **changes}
        self._api.request("POST", path, "updating a node", params=query, body=body)

    def tasks(self, name: str = "web") -> list[JsonObject]:
        found: list[JsonObject] = self.get("/tasks", service=[name])
        return found

    def running(self, name: str = "web") -> list[JsonObject]:
        """Those that run and are meant to, by slot."""
        tasks = [
            task
            for task in self.tasks(name)
            if task["Status"]["State"] == task["DesiredState"] == "running"
        ]
        return sorted(tasks, key=lambda task: (task.get("Slot", 0), task["ID"]))

    def until_running(self, count: int, name: str = "web", within: float = 30) -> list[JsonObject]:
        def enough() -> bool:
            found = [(t["DesiredState"], t["Status"]) for t in self.tasks(name)]
            assert len(self.running(name)) == count, found
            return True

        self.swarm.eventually(enough, within)
        return self.running(name)

    def until_update_is(self, state: str, name: str = "web", within: float = 40) -> JsonObject:
        def there() -> bool:
            found = self.service(name).get("UpdateStatus", {})
            assert found.get("State") == state, found
            return True

        self.swarm.eventually(there, within)
        return self.service(name)

    def hosts(self, tasks: list[JsonObject]) -> list[str]:
        names = {node["ID"]: node["Description"]["Hostname"] for node in self.get("/nodes")}
        return sorted(names[task["NodeID"]] for task in tasks)

    def stays(self, check: Callable[[], object], during: float = 2) -> None:
        """`check` is true all the time."""
        until = self.swarm.now() + during

        def over() -> bool:
            assert check()
            return self.swarm.now() >= until

        # An AssertionError would only be taken for "not yet".
        failures: list[AssertionError] = []

        def watched() -> bool:
            try:
                return over()
            except AssertionError as error:
                failures.append(error)
                return True

        self.swarm.eventually(watched, during + 10)
        assert not failures, failures


def web(
    image: str = "lab/web:1",
    *,
    replicas: int = 2,
    name: str = "web",
    container: JsonObject | None = None,
    task: JsonObject | None = None,
    **changes: Any,
) -> JsonObject:
    return {
        "Name": name,
        "TaskTemplate": {
            "ContainerSpec": {"Image": image, **(container or {})},
            "Placement": {},
            "RestartPolicy": QUICK,
            **(task or {}),
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
        "UpdateConfig": UPDATE,
        **changes,
    }


def ids(tasks: list[JsonObject]) -> set[str]:
    return {task["ID"] for task in tasks}


def image_of(json: JsonObject) -> str:
    image: str = json["TaskTemplate"]["ContainerSpec"]["Image"]
    return image
