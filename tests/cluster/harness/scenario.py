"""Scenario helpers that read like sentences: what is asked of a swarm, and waited for."""

import collections
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import requests
from docker.errors import APIError, DockerException

from tests.cluster.harness.node import Node, answers

T = TypeVar("T")
JsonObject = dict[str, Any]


def eventually(
    check: Callable[[], T | Literal[False] | None],
    within: float = 10,
    because: str = "",
    every: float = 0.05,
) -> T:
    """Return the first true result of `check`, which may raise AssertionError until then.

    Raises AssertionError with `because` and the last result after `within` seconds. Errors of the
    engine or of Consul count as "not yet": they restart, elect and change under our feet.
    """
    deadline = time.monotonic() + within
    while True:
        last: object
        try:
            last = result = check()
            if result:
                return result
        except (AssertionError, APIError, DockerException, requests.RequestException) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {because or check}; last: {last!r}")
        time.sleep(every)


def always(check: Callable[[], object], during: float, because: str = "") -> None:
    """Raise AssertionError if `check` is not true all the time for `during` seconds."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        result = check()
        if not result:
            raise AssertionError(f"did not hold for {during} s: {because or check}: {result!r}")
        time.sleep(0.1)


class Swarm:
    """Questions to the swarm of a lab, and waiting for their answers."""

    nodes: list[Node]

    @property
    def manager(self) -> Node:
        """The first manager."""
        return self.nodes[0]

    @property
    def managers(self) -> list[Node]:
        """The nodes that were made managers when the swarm was formed."""
        raise NotImplementedError

    @property
    def _engine(self) -> Any:  # half of the SDK has no types
        """The first manager whose engine answers: questions go on without node1."""
        return next((m for m in self.managers if answers(m.socket)), self.manager).docker

    def service(self, name: str) -> JsonObject:
        """Return a service as the API shows it. Raises docker.errors.NotFound."""
        found: JsonObject = self._engine.inspect_service(name)
        return found

    def services(self) -> dict[str, JsonObject]:
        """Return all services by name."""
        return {s["Spec"]["Name"]: s for s in self._engine.services()}

    def tasks(self, service: str | None = None) -> list[JsonObject]:
        """Return all tasks that the swarm remembers, of one service or of all."""
        chosen = {"service": service} if service else {}
        found: list[JsonObject] = self._engine.tasks(filters=chosen)
        return found

    def running_tasks(self, service: str) -> list[JsonObject]:
        """Return the tasks of a service that run and are meant to; none if there is no service."""
        if service not in self.services():
            return []
        return [
            task
            for task in self.tasks(service)
            if task["Status"]["State"] == task["DesiredState"] == "running"
        ]

    def hosts_of(self, service: str) -> list[str]:
        """Return the host names of the nodes where a service's running tasks are, sorted."""
        names = {node["ID"]: node["Description"]["Hostname"] for node in self.node_objects()}
        return sorted(names[task["NodeID"]] for task in self.running_tasks(service))

    def node_objects(self) -> list[JsonObject]:
        """Return the swarm's own objects of its nodes."""
        found: list[JsonObject] = self._engine.nodes()
        return found

    def node_state(self, node: Node) -> str:
        """Return "ready", "down", "unknown" …, as the first manager sees this node."""
        for found in self.node_objects():
            if found["Description"]["Hostname"] == node.hostname:
                return str(found["Status"]["State"])
        return "absent"

    def wait_until_node_is(self, node: Node, state: str, within: float = 30) -> None:
        """Wait until the first manager sees a node "ready", "down" …"""
        eventually(
            lambda: self.node_state(node) == state, within, f"{node.hostname} should be {state}"
        )

    def wait_until_ready(self, within: float = 30) -> None:
        """Wait until all nodes are ready."""

        def ready() -> bool:
            states = {node["Status"]["State"] for node in self.node_objects()}
            assert states == {"ready"}, states
            return True

        eventually(ready, within, "all nodes should be ready")

    def wait_until_running(
        self, service: str, replicas: int | None = None, within: float = 30
    ) -> list[JsonObject]:
        """Wait until exactly `replicas` tasks run (default: as many as the service wishes).

        Returns these tasks. Raises AssertionError with the tasks' own errors.
        """

        def running() -> list[JsonObject]:
            tasks = self.running_tasks(service)
            wished = self._wished(service) if replicas is None else replicas
            assert len(tasks) == wished, self._why(service, len(tasks), wished)
            return tasks or [{}]

        return [t for t in eventually(running, within, f"{service} should run") if t]

    def wait_until_gone(self, service: str, within: float = 30) -> None:
        """Wait until there is no such service and no container of it on any node that is on."""

        def gone() -> bool:
            assert service not in self.services(), "the service is still there"
            left = [c["Names"] for c in self.service_containers(service)]
            assert not left, left
            return True

        eventually(gone, within, f"{service} should be gone")

    def service_containers(self, service: str | None = None) -> list[JsonObject]:
        """Return the containers of a service's tasks (default: of all) on all nodes that are on."""
        label = "com.docker.swarm.service.name"
        chosen = {"label": f"{label}={service}" if service else label}
        return [
            container
            for node in self.nodes
            if node.is_on
            for container in node.docker.containers(all=True, filters=chosen)
        ]

    def describe(self) -> str:
        """Return the nodes and tasks as a person wants to see them when a test has failed."""
        nodes = {n["ID"]: n["Description"]["Hostname"] for n in self.node_objects()}
        names = {service["ID"]: name for name, service in self.services().items()}
        lines = [
            f"{n['Description']['Hostname']}: {n['Status']['State']}, {n['Spec']['Availability']}"
            for n in self.node_objects()
        ]
        for task in sorted(self.tasks(), key=lambda task: str(task["CreatedAt"])):
            status = task["Status"]
            name = names.get(task["ServiceID"], task["ServiceID"])
            node = nodes.get(task.get("NodeID", ""), "no node")
            lines.append(
                f"{name}.{task.get('Slot', '-')} on {node}: {status['State']}"
                f" (wished: {task['DesiredState']}) {status.get('Err', '')}"
            )
        return "\n".join(lines)

    def _wished(self, service: str) -> int:
        mode = self.service(service)["Spec"]["Mode"]
        if "Global" in mode:
            return sum(
                node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active"
                for node in self.node_objects()
            )
        return int(mode["Replicated"].get("Replicas", 1))

    def _why(self, service: str, running: int, wished: int) -> str:
        if service not in self.services():
            return f"there is no service {service}"
        states = collections.Counter(
            f"{task['Status']['State']}: {task['Status'].get('Err', '')}".rstrip(": ")
            for task in self.tasks(service)
        )
        return f"{running} of {wished} tasks run; all tasks: {dict(states)}"
