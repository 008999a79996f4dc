"""Who has which name, port and reference: kept by watching the store, so that no write scans it.

SwarmKit's store has the same indexes (manager/state/store/services.go …). Names ignore case there.
"""

from collections.abc import Hashable, Iterable, Iterator

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.records import (
    ConfigRecord,
    NetworkRecord,
    NodeRecord,
    Record,
    SecretRecord,
    ServiceRecord,
    TaskRecord,
)
from swarm_operator.simulation.engine.store import Change, Store

Port = tuple[str, int]
"""Protocol and published port."""

_Members = dict[str, None]
"""Ids in the order in which they came: a set whose order does not depend on hashes."""

_Index = dict[Hashable, _Members]


class References:
    """Indexes over a store. Takes in what is there already, and follows every write from then on."""

    def __init__(self, store: Store) -> None:
        self._names: _Index = {}
        self._users: _Index = {}
        self._tasks: _Index = {}
        self._ports: _Index = {}
        tables: tuple[Iterable[Record], ...] = (
            store.nodes.all(),
            store.networks.all(),
            store.configs.all(),
            store.secrets.all(),
            store.services.all(),
            store.tasks.all(),
        )
        for table in tables:
            for record in table:
                self._note(Change(None, record))
        store.observe(self._note)

    def ids_named(self, kind: type[Record], name: str) -> list[str]:
        """Of that kind; case does not count. Only nodes can share a name (their host's)."""
        return list(self._names.get((kind, name.lower()), ()))

    def services_using(self, object_id: str) -> list[str]:
        """Ids of the services whose spec refers to a network, config or secret, sorted."""
        return sorted(self._users.get(object_id, ()))

    def tasks_using(self, network_id: str) -> list[str]:
        """Ids of the tasks whose spec refers to a network, final ones too, sorted."""
        return sorted(self._tasks.get(network_id, ()))

    def services_publishing(self, port: Port) -> list[str]:
        """Ids of the services that ask for the port or were given it, in whatever mode, sorted."""
        return sorted(self._ports.get(port, ()))

    def _note(self, change: Change) -> None:
        old, new = change.old, change.new
        if isinstance(change.record, TaskRecord):
            self._note_task(old, new)
            return
        if _is_same_service(old, new):
            return
        if old is not None:
            for index, key in self._entries(old):
                _take_out(index, key, old.id)
        if new is not None:
            for index, key in self._entries(new):
                index.setdefault(key, {})[new.id] = None

    def _note_task(self, old: Record | None, new: Record | None) -> None:
        before = old.spec if isinstance(old, TaskRecord) else {}
        after = new.spec if isinstance(new, TaskRecord) else {}
        if before is after:
            return
        if old is not None:
            for network_id in _network_ids(before):
                _take_out(self._tasks, network_id, old.id)
        if new is not None:
            for network_id in _network_ids(after):
                self._tasks.setdefault(network_id, {})[new.id] = None

    def _entries(self, record: Record) -> Iterator[tuple[_Index, Hashable]]:
        yield self._names, (type(record), name_of(record).lower())
        if isinstance(record, ServiceRecord):
            for object_id in referenced_ids(record.spec):
                yield self._users, object_id
            for port in published_ports(record):
                yield self._ports, (port["Protocol"], port["PublishedPort"])


def name_of(record: Record) -> str:
    """By which people refer to it; of a node its host's."""
    if isinstance(record, NodeRecord):
        return record.hostname
    if isinstance(record, ServiceRecord | NetworkRecord | ConfigRecord | SecretRecord):
        return record.name
    return record.id


def referenced_ids(spec: JsonObject) -> Iterator[str]:
    """Networks, configs and secrets that a service's spec refers to."""
    template = spec["TaskTemplate"]
    yield from _network_ids(template)
    container = template.get("ContainerSpec") or {}
    for reference in container.get("Configs") or ():
        yield reference["ConfigID"]
    for reference in container.get("Secrets") or ():
        yield reference["SecretID"]


def published_ports(service: ServiceRecord) -> Iterator[JsonObject]:
    """Those that its spec asks for, then those that it was given; only with a published port."""
    for ports in (dig(service.spec, "EndpointSpec", "Ports"), dig(service.endpoint, "Ports")):
        for port in ports or ():
            if port.get("PublishedPort"):
                yield port


def _network_ids(template: JsonObject) -> Iterator[str]:
    for attachment in template.get("Networks") or ():
        yield attachment["Target"]


def _is_same_service(old: Record | None, new: Record | None) -> bool:
    """As far as the indexes go: most writes to a service are of its status."""
    if not (isinstance(old, ServiceRecord) and isinstance(new, ServiceRecord)):
        return False
    return old.spec is new.spec and old.endpoint is new.endpoint


def _take_out(index: _Index, key: Hashable, member: str) -> None:
    members = index.get(key)
    if members is not None:
        members.pop(member, None)
        if not members:
            del index[key]
