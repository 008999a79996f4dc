"""Traefik in a lab: its instances, the keys that they read, and what other hands wrote there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.plan.routes.decoding import Decoded, decode
from swarm_operator.plan.routes.keys import object_of
from swarm_operator.plan.routes.ownership import installation_id, owns
from swarm_operator.plan.routes.tree import ObjectId, RouteObject, at, nested
from swarm_operator.runtime.routes.surroundings import TraefikPlan
from swarm_operator.simulation.traefik.instance import Traefik
from swarm_operator.simulation.traefik.port import SimulatedTraefiks

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

VERSION: Final = "3.7.15"
THROTTLE_S: Final = 0.5
THEIRS: Final = "theirs"
"""How the names of objects begin that other hands keep."""


class Traefiks:
    """Instances read Consul through the same faults as the operators."""

    ROOT: Final = "traefik"

    def __init__(self, lab: "Lab", count: int) -> None:
        self._lab = lab
        self.instances = [
            Traefik(lab.timeline, lab.consul, version=VERSION, throttle_s=THROTTLE_S)
            for _ in range(count)
        ]
        named = {f"http://traefik-{n}:8080": each for n, each in enumerate(self.instances, 1)}
        self.port = SimulatedTraefiks(named)
        self.plan = TraefikPlan(root=self.ROOT, operator_root=lab.ROOT, api=tuple(named))
        self.installation = installation_id(lab.engine.cluster_id, lab.ROOT)
        self.theirs: dict[str, tuple[bytes, int]] = {}
        """Value and flags of each key that another hand wrote last, relative to the root."""
        self.touched_at: dict[ObjectId, float] = {}
        """When another hand was last at an object, be it to take it away."""
        for each in self.instances:
            each.start()

    # --- the keys -----------------------------------------------------------------------------------

    def keys(self) -> dict[str, KvEntry]:
        """All of them, relative to the root."""
        below = f"{self.ROOT}/"
        return {
            entry.key.removeprefix(below): KvEntry(
                entry.value, entry.modify_index, flags=entry.flags
            )
            for entry in self._lab.kv.store.tree(below)
        }

    def tree(self) -> KvTree:
        return KvTree(self._lab.kv.store.index, self.keys())

    def decoded(self) -> Decoded:
        """As Traefik reads them."""
        return decode({key: entry.value for key, entry in self.keys().items()})

    def is_ours(self, entry: KvEntry) -> bool:
        return owns(entry, self.installation)

    def own_keys(self) -> list[str]:
        return [key for key, entry in self.keys().items() if self.is_ours(entry)]

    # --- other hands --------------------------------------------------------------------------------

    def put(self, key: str, value: bytes, flags: int = 0) -> None:
        """`consul kv put`; with the operator's own mark it is as if the operator had written it."""
        self._touch(key)
        self._lab.kv.put(f"{self.ROOT}/{key}", value, flags)
        if self.is_ours(KvEntry(value, 0, flags=flags)):
            self.theirs.pop(key, None)
        else:
            self.theirs[key] = value, flags

    def drop(self, key: str) -> None:
        """`consul kv delete`."""
        self._touch(key)
        self._lab.kv.delete(f"{self.ROOT}/{key}")
        self.theirs.pop(key, None)

    def wipe(self) -> None:
        """`consul kv delete -recurse`."""
        for key in self.keys():
            self._touch(key)
        self._lab.kv.delete_tree(f"{self.ROOT}/")
        self.theirs.clear()

    def _touch(self, key: str) -> None:
        named = object_of(key)
        if named is not None:
            self.touched_at[named] = self._lab.now

    # --- the end ------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Instances run and answer; people take away what keeps routes from being written or read."""
        for instance in self.instances:
            instance.is_silent = False
            instance.start()
        unreadable = {fault.key for fault in self.decoded().faults}
        for key in list(self.theirs):
            named = object_of(key)
            if named is None or not named.name.startswith(THEIRS) or key in unreadable:
                self.drop(key)

    def sends_to(self, task_id: str) -> list[str]:
        """Where an instance that runs still knows of a task: objects, as people read them."""
        return [
            str(item.id)
            for instance in self.instances
            if instance.is_running
            for item in instance.applied.tree
            if task_id in servers_of(item)
        ]


def servers_of(item: RouteObject) -> Mapping[str, str]:
    """Addresses of a load balancer, by the server's name."""
    servers = nested(at(item.body, "loadbalancer", "servers"))
    return {
        name: str(nested(each).get("url") or nested(each).get("address"))
        for name, each in servers.items()
    }
