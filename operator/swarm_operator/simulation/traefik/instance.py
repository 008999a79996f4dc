"""A Traefik instance of the simulation: reads the KV, applies it, answers its API."""

from collections.abc import Callable, Collection
from typing import Any

from swarm_operator.plan.routes.fields import version_of
from swarm_operator.plan.routes.tree import RouteTree
from swarm_operator.simulation.timeline import Timeline
from swarm_operator.simulation.traefik import api
from swarm_operator.simulation.traefik.provider import Consul, KvProvider
from swarm_operator.simulation.traefik.runtime import ENTRYPOINTS, Applied


class Silent(Exception):
    """The instance does not answer: it is stopped, or hangs."""


class Traefik:
    """One process. It runs once it is started, and forgets everything when it is stopped."""

    def __init__(
        self,
        timeline: Timeline,
        consul: Consul,
        *,
        version: str = "3.7.15",
        root: str = "traefik",
        throttle_s: float = 2.0,
        entrypoints: Collection[str] = ENTRYPOINTS,
    ) -> None:
        """`consul` is `World.consul_api`, or faults in front of it. Raises ValueError for a version
        that is none."""
        known = version_of(version)
        if known is None:
            raise ValueError(f"{version!r} is no version of Traefik")
        self.version = version
        self.applied = Applied()
        self.reloads = 0
        """How many configurations it has taken."""
        self.is_silent = False
        """Its API hangs; its routes go on."""
        self.down: set[str] = set()
        """URLs of servers that its health checks found to be down."""
        self.is_running = False
        self._entrypoints = tuple(entrypoints)
        self._observers: list[Callable[[], None]] = []
        self._provider = KvProvider(
            timeline, consul, root=root, version=known, throttle_s=throttle_s, apply=self._apply
        )

    def start(self) -> None:
        if not self.is_running:
            self.is_running = True
            self._provider.start()

    def stop(self) -> None:
        """As a process that is killed."""
        self._provider.stop()
        self.is_running = False
        self.applied = Applied()
        self.reloads = 0

    def restart(self) -> None:
        self.stop()
        self.start()

    def observe(self, call: Callable[[], None]) -> None:
        """Call it after each configuration that is taken, from now on."""
        self._observers.append(call)

    def get(self, path: str) -> Any:
        """The JSON of a path of its API ("/api/version"); None for a 404. Raises Silent."""
        if not self.is_running or self.is_silent:
            raise Silent("no answer")
        return api.answer(self.applied, self.version, path, self.down)

    def _apply(self, tree: RouteTree) -> None:
        if tree != self.applied.tree:
            self.applied = Applied.of(tree, self._entrypoints)
            self.reloads += 1
            for call in self._observers:
                call()
