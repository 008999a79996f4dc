"""The lists that a pass over the swarm reads, and what is remembered of them between two passes."""

import dataclasses
from collections.abc import Iterable, Sequence
from operator import attrgetter

from swarm_operator.clients.json_list import ListReader
from swarm_operator.observed import from_docker
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Config, Network, Node, Secret, Service, Swarm, Task


class SwarmLists:
    """One reader for each list. For one thread: see `DockerSwarm`."""

    def __init__(self) -> None:
        self.services: ListReader[Service] = ListReader(from_docker.service)
        self.tasks: ListReader[Task] = ListReader(self._task)
        self.configs: ListReader[Config] = ListReader(from_docker.config)
        self.secrets: ListReader[Secret] = ListReader(from_docker.secret)
        self.nodes: ListReader[Node] = ListReader(from_docker.node)
        self.networks: ListReader[JsonObject] = ListReader(lambda raw: raw)
        self._network_specs: dict[str, JsonObject] = {}
        self._last_networks: tuple[object, tuple[Network, ...]] = (None, ())

    def _task(self, raw: JsonObject) -> Task:
        # Kept here, for the task's text is read once: a network never changes, its id is its own.
        self._network_specs.update(from_docker.network_specs(raw))
        return from_docker.task(raw)

    def networks_of_swarm(
        self, raw_networks: Sequence[JsonObject], tasks: Sequence[Task], info: JsonObject
    ) -> tuple[Network, ...]:
        """The networks of swarm scope, with what tasks told of them, now or before."""
        listed = {str(raw.get("Id")) for raw in raw_networks}
        known = self._network_specs
        attached = frozenset().union(*(task.network_ids for task in tasks))
        self._network_specs = {key: known[key] for key in known if key in attached or key in listed}
        specs = {key: known[key] for key in listed if key in known}
        asked = (tuple(raw_networks), specs, dig(info, "Swarm", "Cluster"))
        last_asked, networks = self._last_networks
        if asked != last_asked:
            networks = from_docker.networks(raw_networks, specs, info)
            self._last_networks = asked, networks
        return networks


def by_id(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """In one order, whether they were read all at once or in parts."""
    return tuple(sorted(tasks, key=attrgetter("id")))


def with_some_anew(
    last: Swarm,
    ids: frozenset[str],
    services: Sequence[Service],
    tasks: Sequence[Task],
    managers: Sequence[Node],
) -> Swarm | None:
    """`last` with the services of these ids, all their tasks, and the managers read anew.

    None where one of the services is gone, or other nodes are managers: then a look at some is not
    enough.
    """
    services_now = {service.id: service for service in services if service.id in ids}
    nodes_now = {node.id: node for node in managers}
    managers_before = {node.id for node in last.nodes if node.reachability is not None}
    managers_now = {node.id for node in managers if node.reachability is not None}
    known = {service.id for service in last.services}
    if services_now.keys() != ids or not ids <= known or managers_now != managers_before:
        return None
    others = [task for task in last.tasks if task.service_id not in ids]
    return dataclasses.replace(
        last,
        services=tuple(services_now.get(service.id, service) for service in last.services),
        tasks=by_id([*others, *(task for task in tasks if task.service_id in ids)]),
        nodes=tuple(nodes_now.get(node.id, node) for node in last.nodes),
    )
