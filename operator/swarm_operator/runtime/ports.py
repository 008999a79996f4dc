"""What the runtime needs of the world: small protocols that clients and simulations implement.

Every call may raise one of `swarm_operator.observed.errors`; nothing else is expected.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import Fence, KvEntry, KvOperation, KvTree
from swarm_operator.observed.swarm import Swarm


class SwarmPort(Protocol):
    """The Docker Engine of a manager. Specs are the Engine API's own JSON."""

    def read(self) -> Swarm:
        """One full pass: info, nodes, services, tasks, networks, configs, secrets (7 reads)."""
        ...

    def read_progress(self, last: Swarm, services: frozenset[str] = frozenset()) -> Swarm:
        """`last` with its services, tasks and nodes read anew (3 reads).

        `services` are ids of `last`: then only these, with all their tasks, need be read anew.
        """
        ...

    def image_volumes(self, image: str) -> bool | None:
        """Whether an image declares volumes; None where the manager's engine does not have it."""
        ...

    def create_service(self, spec: JsonObject, *, registry_auth: str | None = None) -> str:
        """Returns the new service's id. Raises SpecRefused where `TaskTemplate.Placement` is
        missing: SwarmKit panics the manager on such a spec at the next update."""
        ...

    def update_service(
        self, service_id: str, version: int, spec: JsonObject, *, registry_auth: str | None = None
    ) -> None:
        """Compare-and-set on the service's version; Conflict where it moved meanwhile."""
        ...

    def remove_service(self, service_id: str) -> None: ...

    def create_network(self, body: JsonObject) -> str: ...

    def remove_network(self, network_id: str) -> None: ...

    def create_config(self, spec: JsonObject) -> str: ...

    def remove_config(self, config_id: str) -> None: ...

    def create_secret(self, spec: JsonObject) -> str: ...

    def remove_secret(self, secret_id: str) -> None: ...


class KvPort(Protocol):
    """Consul's KV below the operator's root; keys are relative to that root."""

    def read(self, prefix: str) -> KvTree:
        """All keys below `prefix`, relative to it; an empty tree is an answer too."""
        ...

    def get(self, key: str) -> KvEntry | None: ...

    def commit(self, operations: Sequence[KvOperation], *, fence: Fence | None = None) -> None:
        """All or nothing, at most 64 operations with the fence's own (TooLarge above).

        With a fence it begins with `check-session`: LeaseLost where the session does not hold the
        lock any more. Raises Conflict where a compare-and-set or Unchanged did not hold.
        """
        ...


class LockPort(Protocol):
    """Sessions and one lock in Consul."""

    def create_session(self, name: str, ttl_s: float, lock_delay_s: float) -> str: ...

    def renew_session(self, session: str) -> bool:
        """False where the session is gone."""
        ...

    def destroy_session(self, session: str) -> None: ...

    def acquire(self, key: str, session: str, value: bytes) -> bool: ...

    def release(self, key: str, session: str) -> None: ...

    def holder(self, key: str) -> KvEntry | None: ...


class Metrics(Protocol):
    """Where the runtime counts; the server exports it."""

    def count(self, name: str, labels: Mapping[str, str], amount: float = 1.0) -> None: ...

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None: ...

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None: ...

    def forget(self, name: str, labels: Mapping[str, str]) -> None:
        """Drop the series whose labels include these: its object is gone."""
        ...


class Clock(Protocol):
    """Time as the runtime sees it; virtual in simulations."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def utc(self) -> datetime:
        """The time of day, in UTC."""
        ...


class LeaseView(Protocol):
    """What a controller may ask of the lease."""

    def fence(self, now: float) -> Fence | None:
        """The proof of leadership, or None where the lease is not ours or ran out."""
        ...

    def lost(self, why: str) -> None:
        """Told by a writer whose fence did not hold."""
        ...
