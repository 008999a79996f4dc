"""A simulated Traefik and its Consul as the contract of the KV provider wants them."""

from dataclasses import dataclass, field
from typing import Any

from swarm_operator.observed.kv import Delete, KvOperation, Put
from swarm_operator.simulation import consul_transport
from swarm_operator.simulation.traefik.instance import Silent, Traefik
from swarm_operator.simulation.world import World
from tests.contract.traefik_servers import ROOT, THROTTLE_S


@dataclass
class SimulatedServer:
    """A `TraefikServer`."""

    instance: Traefik

    @property
    def version(self) -> str:
        return self.instance.version

    def start(self) -> None:
        self.instance.start()

    def close(self) -> None:
        self.instance.stop()

    def restart(self) -> None:
        self.instance.restart()

    def api(self, path: str) -> Any:
        try:
            return self.instance.get(f"/api/{path}")
        except Silent:
            return None

    def reloads(self) -> int:
        return self.instance.reloads


class ModelStore:
    """A `Store` over the embedded Consul."""

    def __init__(self, world: World) -> None:
        client = consul_transport.over(world.consul_api, world.timeline)
        self._client = client.beside(ROOT)
        self._kv = world.kv

    def put(self, key: str, value: str) -> None:
        self._kv.put(key, value.encode())

    def delete(self, key: str, *, recurse: bool = False) -> None:
        (self._kv.delete_tree if recurse else self._kv.delete)(key)

    def commit(self, sets: dict[str, str], deletes: tuple[str, ...] = ()) -> None:
        below = f"{ROOT}/"
        operations: list[KvOperation] = [Delete(key.removeprefix(below)) for key in deletes]
        operations += [Put(key.removeprefix(below), value.encode()) for key, value in sets.items()]
        self._client.commit(operations)


@dataclass(frozen=True)
class SimulatedPair:
    """A `Pair` in the time of its world."""

    traefik: SimulatedServer
    store: ModelStore
    world: World = field(repr=False)

    def wait(self, seconds: float) -> None:
        self.world.timeline.advance(self.world.timeline.now + seconds)

    def eventually(self, check: Any, within: float = 10) -> Any:
        deadline = self.world.timeline.now + within
        while not (result := check()):
            assert self.world.timeline.now < deadline, f"not within {within} s; last: {result!r}"
            self.wait(0.02)
        return result


def simulated_pair(version: str) -> SimulatedPair:
    """Started, with an empty KV."""
    world = World()
    traefik = Traefik(world.timeline, world.consul_api, version=version, throttle_s=THROTTLE_S)
    traefik.start()
    return SimulatedPair(SimulatedServer(traefik), ModelStore(world), world)
