"""The embedded Consul as a whole: one server that is its own leader."""

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from swarm_operator.simulation.kv.sessions import Sessions
from swarm_operator.simulation.kv.store import Entry, KvStore
from swarm_operator.simulation.kv.transactions import Transactions
from swarm_operator.simulation.timeline import Timeline

VERSION: Final = "1.8.7"
"""Of the Consul whose answers this one gives."""


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers."""

    node: str = "consul"
    datacenter: str = "dc1"
    node_id: str = "6b1f4f0e-62d4-4d5c-9a3e-0d2f6a1c7e58"
    address: str = "127.0.0.1"
    port: int = 8300
    version: str = VERSION


@dataclass
class Kv:
    """Keys, sessions, locks and transactions. Not to be used by two threads at once."""

    timeline: Timeline
    rng: random.Random
    server: Server = field(default_factory=Server)
    store: KvStore = field(init=False)
    sessions: Sessions = field(init=False)
    transactions: Transactions = field(init=False)

    def __post_init__(self) -> None:
        self.store = KvStore(self.timeline)
        self.sessions = Sessions(self.store, self.timeline, self._new_id)
        self.transactions = Transactions(self.store, self.sessions)

    def put(self, key: str, value: bytes, flags: int = 0) -> None:
        """Write a key, as somebody with `consul kv put` does."""
        self.store.set(self.store.next_index(), Entry(key, value, flags))
        self.store.committed()

    def delete(self, key: str) -> None:
        """Delete a key, as somebody with `consul kv delete` does."""
        self.store.delete(self.store.next_index(), key)
        self.store.committed()

    def delete_tree(self, prefix: str) -> None:
        """Delete all keys below a prefix; of "" all there are."""
        self.store.delete_tree(self.store.next_index(), prefix)
        self.store.committed()

    def lose_data(self) -> None:
        """Begin anew with an empty data directory: no keys, no sessions, small indexes.

        Reads that wait stay without an answer: whoever does this breaks their connections too.
        """
        for session in self.sessions.all():
            self.sessions.forget(session.id)
        self.__post_init__()

    def _new_id(self) -> str:
        digits = f"{self.rng.getrandbits(128):032x}"
        return "-".join(digits[a:b] for a, b in pairwise((0, 8, 12, 16, 20, 32)))
