"""The managers' replicated store: tables, version indexes, and the changes that components live on.

SwarmKit's manager/state/store: every write takes one raft index, which becomes the version of all
records in it, and is told to all watchers in order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from swarm_operator.simulation.engine.records import (
    ConfigRecord,
    NetworkRecord,
    NodeRecord,
    Record,
    SecretRecord,
    ServiceRecord,
    TaskRecord,
)

R = TypeVar("R", NodeRecord, ServiceRecord, TaskRecord, NetworkRecord, ConfigRecord, SecretRecord)


@dataclass(frozen=True, slots=True)
class Change:
    """One record's step: created (`old` is None), updated, or removed (`new` is None)."""

    old: Record | None
    new: Record | None

    @property
    def record(self) -> Record:
        """The newest that is known of it."""
        record = self.new if self.new is not None else self.old
        assert record is not None
        return record


class Table(Generic[R]):
    """All records of one kind by id, in the order made."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._by_id: dict[str, R] = {}

    def get(self, record_id: str) -> R | None:
        return self._by_id.get(record_id)

    def __getitem__(self, record_id: str) -> R:
        return self._by_id[record_id]

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    def all(self) -> list[R]:
        """A list of its own: writes during a walk do no harm."""
        return list(self._by_id.values())

    def put(self, record: R) -> R:
        """Create or replace. Returns it with its new `meta`: go on with that one.

        An identical record is written too, and takes an index, as SwarmKit does.
        """
        old = self._by_id.get(record.id)
        now = self._store.now()
        created_at = old.meta.created_at if old is not None else now
        meta = replace(
            record.meta, version=self._store.next_index(), created_at=created_at, updated_at=now
        )
        new = replace(record, meta=meta)
        self._by_id[record.id] = new
        self._store.note(Change(old, new))
        return new

    def annotate(self, record: R) -> None:
        """Replace what is no part of the replicated object: no index is taken, nobody is told.

        Only for raft's own view of the managers (leader, reachability), which SwarmKit's
        controlapi adds when it is asked.
        """
        self._by_id[record.id] = record

    def adopt(self, other: "Table[R]") -> None:
        """Hold the other's records, as they are, and no others."""
        self._by_id = {record.id: record for record in other.all()}

    def remove(self, record_id: str) -> R | None:
        """The record that was; None where there was none."""
        old = self._by_id.pop(record_id, None)
        if old is not None:
            self._store.next_index()
            self._store.note(Change(old, None))
        return old


class Store:
    """All tables, with the indexes by which tasks are looked for."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.index = 10
        self.nodes: Table[NodeRecord] = Table(self)
        self.services: Table[ServiceRecord] = Table(self)
        self.tasks: Table[TaskRecord] = Table(self)
        self.networks: Table[NetworkRecord] = Table(self)
        self.configs: Table[ConfigRecord] = Table(self)
        self.secrets: Table[SecretRecord] = Table(self)
        self.changes: deque[Change] = deque()
        """What nobody was told yet; the engine takes them off."""
        self._observers: list[Callable[[Change], None]] = []
        self._by_service: dict[str, dict[str, None]] = {}
        self._by_node: dict[str, dict[str, None]] = {}

    def next_index(self) -> int:
        self.index += 1
        return self.index

    def note(self, change: Change) -> None:
        """Called by the tables alone."""
        if isinstance(change.record, TaskRecord):
            self._reindex(change)
        for observer in self._observers:
            observer(change)
        self.changes.append(change)

    def observe(self, observer: Callable[[Change], None]) -> None:
        """Tell it of each write at once, before any component hears: for indexes and event logs.

        It must not write, and it is not told of what was written before.
        """
        self._observers.append(observer)

    def copy(self) -> "Store":
        """The same records in tables of their own; nobody observes it."""
        made = Store(self.now)
        made.index = self.index
        made.nodes.adopt(self.nodes)
        made.services.adopt(self.services)
        made.tasks.adopt(self.tasks)
        made.networks.adopt(self.networks)
        made.configs.adopt(self.configs)
        made.secrets.adopt(self.secrets)
        made._by_service = {key: dict(ids) for key, ids in self._by_service.items()}
        made._by_node = {key: dict(ids) for key, ids in self._by_node.items()}
        return made

    def tasks_of_service(self, service_id: str) -> list[TaskRecord]:
        """In the order made; final ones too."""
        return [self.tasks[task_id] for task_id in self._by_service.get(service_id, ())]

    def tasks_on_node(self, node_id: str) -> list[TaskRecord]:
        """In the order assigned; final ones too."""
        return [self.tasks[task_id] for task_id in self._by_node.get(node_id, ())]

    def node_of_hostname(self, hostname: str) -> NodeRecord | None:
        return next((n for n in self.nodes.all() if n.hostname == hostname), None)

    def service_named(self, name: str) -> ServiceRecord | None:
        return next((s for s in self.services.all() if s.name == name), None)

    def _reindex(self, change: Change) -> None:
        old, new = change.old, change.new
        for index, key in ((self._by_service, "service_id"), (self._by_node, "node_id")):
            before = getattr(old, key, "")
            after = getattr(new, key, "")
            if before == after:
                continue
            if old is not None and before:
                _drop(index, before, old.id)
            if new is not None and after:
                index.setdefault(after, {})[new.id] = None


def _drop(index: dict[str, dict[str, None]], key: str, member: str) -> None:
    members = index[key]
    del members[member]
    if not members:
        del index[key]


def by_slot(tasks: Iterable[TaskRecord]) -> Mapping[int, list[TaskRecord]]:
    """Tasks of one replicated service by slot."""
    result: dict[int, list[TaskRecord]] = {}
    for task in tasks:
        result.setdefault(task.slot, []).append(task)
    return result
