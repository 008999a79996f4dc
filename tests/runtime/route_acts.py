"""What tests of routes do to a world and wait for."""

from desired_state import keys
from swarm_operator.observed.json import JsonObject
from tests.runtime.routes_lab import RoutesLab

LEGACY = """
routes:
  - host: legacy.test
    servers: ["http://192.0.2.1:8080"]
"""
"""A document of one route."""


def live(lab: RoutesLab, stack: str = "shop", route: str = "http/web") -> None:
    lab.until(lambda: lab.states(stack).get(route) == "live", 60)


def document(lab: RoutesLab, name: str, text: str) -> None:
    lab.kv.put(f"swarm-operator/{keys.DESIRED}routes/{name}", text.encode())


def second_image(spec: JsonObject) -> JsonObject:
    template = spec["TaskTemplate"]
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": {"Image": "app:2"}}}
