"""A manager with its allocator and its control API, and nothing else: no orchestrator, no nodes' work."""

import random
from dataclasses import replace
from typing import Any

from swarm_operator.simulation.engine.allocator import Allocator
from swarm_operator.simulation.engine.component import Kit, Tempo
from swarm_operator.simulation.engine.control import Control
from swarm_operator.simulation.engine.events import EventRing
from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.engine.networks import seed_networks
from swarm_operator.simulation.engine.new_task import new_task
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from swarm_operator.simulation.engine.store import Store
from swarm_operator.simulation.timeline import Timeline

API = (1, 45)


class World:
    def __init__(self, *, ingress_subnet: str = "") -> None:
        self.timeline = Timeline()
        self.store = Store(lambda: self.timeline.now)
        self._count = 0
        self.panics: list[str] = []
        self.kit = Kit(
            store=self.store,
            timeline=self.timeline,
            rng=random.Random(0),
            tempo=Tempo(),
            images=ImageLibrary(),
            settle=self.settle,
            new_id=self._new_id,
        )
        self.events = EventRing(self.timeline)
        self.control = Control(self.kit, on_panic=self.panics.append)
        self.allocator = Allocator(self.kit)
        seed_networks(self.kit, ingress_subnet=ingress_subnet)
        self.allocator.start()
        self.settle()

    def _new_id(self) -> str:
        self._count += 1
        return f"id{self._count:023d}"

    def settle(self) -> None:
        while self.store.changes:
            while self.store.changes:
                change = self.store.changes.popleft()
                self.events.handle(change)
                self.allocator.handle(change)
            self.allocator.commit()

    def new_leader(self) -> None:
        """Another manager takes over: what the allocator held in memory is lost."""
        self.allocator.stop()
        self.allocator = Allocator(self.kit)
        self.allocator.start()
        self.settle()

    # --- making things ---

    def network(self, name: str, **members: Any) -> str:
        body = {"Name": name, "Driver": "overlay", **members}
        return self.control.create_network(body, api_version=API)

    def service(self, name: str, *, registry_auth: str | None = None, **parts: Any) -> str:
        return self.control.create_service(
            spec(name, **parts), api_version=API, registry_auth=registry_auth
        )

    def update(self, name: str, body: Any = None, **how: Any) -> ServiceRecord:
        """With the version as it is."""
        service = self.control.service(name)
        body = service.spec if body is None else body
        self.control.update_service(name, service.meta.version, body, api_version=API, **how)
        return self.control.service(name)

    def node(self, hostname: str, **members: Any) -> NodeRecord:
        node = NodeRecord(id=self._new_id(), hostname=hostname, **members)
        self.store.nodes.put(node)
        self.settle()
        return self.store.nodes[node.id]

    def task(self, service: str, *, node_id: str = "") -> TaskRecord:
        """As an orchestrator makes it, and what the allocator made of it."""
        task = new_task(self.kit, self.control.service(service), slot=1, node_id=node_id)
        self.store.tasks.put(task)
        self.settle()
        return self.store.tasks[task.id]

    def put_task(self, task: TaskRecord, state: TaskState, **members: Any) -> TaskRecord:
        self.store.tasks.put(replace(task, status=TaskStatus(state), **members))
        self.settle()
        return self.store.tasks[task.id]


def spec(
    name: str,
    *,
    networks: tuple[str, ...] = (),
    ports: tuple[dict[str, Any], ...] = (),
    container: dict[str, Any] | None = None,
    endpoint_mode: str = "",
    placement: dict[str, Any] | None = None,
    **members: Any,
) -> dict[str, Any]:
    """A service spec as a client sends it; without `placement` it says nothing of one."""
    template: dict[str, Any] = {"ContainerSpec": {"Image": "app:1", **(container or {})}}
    if networks:
        template["Networks"] = [{"Target": network} for network in networks]
    if placement is not None:
        template["Placement"] = placement
    body = {"Name": name, "TaskTemplate": template, **members}
    if ports or endpoint_mode:
        body["EndpointSpec"] = {"Ports": list(ports), "Mode": endpoint_mode or "vip"}
    return body


def port(target: int, published: int = 0, mode: str = "ingress") -> dict[str, Any]:
    return {"TargetPort": target, "PublishedPort": published, "PublishMode": mode}
