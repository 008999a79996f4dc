"""From what a request calls something to its record (moby daemon/cluster/helpers.go)."""

from typing import TypeVar

from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.records import (
    ConfigRecord,
    NetworkRecord,
    NodeRecord,
    Record,
    SecretRecord,
    ServiceRecord,
)
from swarm_operator.simulation.engine.references import References, name_of
from swarm_operator.simulation.engine.store import Store, Table

R = TypeVar("R", NodeRecord, ServiceRecord, NetworkRecord, ConfigRecord, SecretRecord)


class Resolver:
    """Looks up by whole id, else by name (case counts), else by the beginning of an id."""

    def __init__(self, store: Store, references: References) -> None:
        self._store = store
        self._references = references

    def service(self, ref: str) -> ServiceRecord:
        """Raises ApiError 404, or 400 where several fit."""
        return self._one("service", ServiceRecord, self._store.services, ref)

    def node(self, ref: str) -> NodeRecord:
        return self._one("node", NodeRecord, self._store.nodes, ref)

    def config(self, ref: str) -> ConfigRecord:
        return self._one("config", ConfigRecord, self._store.configs, ref)

    def secret(self, ref: str) -> SecretRecord:
        return self._one("secret", SecretRecord, self._store.secrets, ref)

    def networks(self, ref: str) -> list[NetworkRecord]:
        """All that fit, node-local and predefined ones too."""
        return self._all(NetworkRecord, self._store.networks, ref)

    def _one(self, word: str, kind: type[Record], table: Table[R], ref: str) -> R:
        found = self._all(kind, table, ref)
        if not found:
            raise ApiError(404, f"{word} {ref} not found")
        if len(found) > 1:
            raise ambiguous(word, ref, len(found))
        return found[0]

    def _all(self, kind: type[Record], table: Table[R], ref: str) -> list[R]:
        if (exact := table.get(ref)) is not None:
            return [exact]
        named = [table[i] for i in self._references.ids_named(kind, ref)]
        named = [record for record in named if name_of(record) == ref]
        return named or [record for record in table.all() if record.id.startswith(ref)]


def ambiguous(word: str, ref: str, count: int) -> ApiError:
    return ApiError(400, f"{word} {ref} is ambiguous ({count} matches found)")
