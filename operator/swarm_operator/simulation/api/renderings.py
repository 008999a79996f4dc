"""Each record's JSON, made once: records never change, a new state is a new record."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api import config_json, network_json, node_json, service_json
from swarm_operator.simulation.api.task_json import TaskJson
from swarm_operator.simulation.engine.records import Record
from swarm_operator.simulation.engine.store import Store
from swarm_operator.simulation.timeline import Timeline

R = TypeVar("R", bound=Record)


class Rendered(Generic[R]):
    """The JSON of one kind of records."""

    def __init__(self, records: Callable[[], list[R]], render: Callable[[R], JsonObject]) -> None:
        """`records` gives all there are."""
        self._records = records
        self._render = render
        self._made: dict[str, tuple[R, JsonObject]] = {}

    def of(self, record: R) -> JsonObject:
        """The record's JSON. The same object again while the record is the same."""
        made = self._made.get(record.id)
        if made is not None and made[0] is record:
            return made[1]
        json = self._render(record)
        self._made[record.id] = (record, json)
        return json

    def each(self, records: Iterable[R]) -> list[JsonObject]:
        return [self.of(record) for record in records]

    def by_id(self) -> list[R]:
        """All records, sorted by id: the order in which SwarmKit's store lists them."""
        records = sorted(self._records(), key=_id)
        if len(self._made) > 2 * len(records) + 100:  # mostly removed ones
            living = {record.id for record in records}
            self._made = {key: made for key, made in self._made.items() if key in living}
        return records


class Renderings:
    """What is known of all records of a store. To be shared by the APIs of all its managers."""

    def __init__(self, store: Store, timeline: Timeline) -> None:
        task_json = TaskJson(timeline)
        self.services = Rendered(store.services.all, lambda s: service_json.service(timeline, s))
        self.tasks = Rendered(store.tasks.all, task_json.task)
        self.nodes = Rendered(store.nodes.all, lambda n: node_json.node(timeline, n))
        self.networks = Rendered(store.networks.all, lambda n: network_json.network(timeline, n))
        self.networks_before_28 = Rendered(
            store.networks.all,
            lambda n: network_json.without_ipv4_flag(network_json.network(timeline, n)),
        )
        self.configs = Rendered(store.configs.all, lambda c: config_json.config(timeline, c))
        self.secrets = Rendered(store.secrets.all, lambda s: config_json.secret(timeline, s))


def _id(record: Record) -> str:
    return record.id
