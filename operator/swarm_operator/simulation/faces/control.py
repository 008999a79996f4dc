"""What a person can do to a simulated world from outside: power, cables, images, a frozen KV.

Things that happen to machines and not through the Engine API. By host name, as people know nodes.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.agents import Agent
from swarm_operator.simulation.engine.images import Behaviour
from swarm_operator.simulation.engine.records import NodeRecord, TaskState
from swarm_operator.simulation.faces.counter import RequestCounter
from swarm_operator.simulation.kv_faults import FaultyConsul, State
from swarm_operator.simulation.timeline import Timer
from swarm_operator.simulation.world import World

KIND: Final = "swarm-operator simulation"
"""By this word a simulated world is told from a real engine."""

BREAKAGES: Final[Mapping[str, tuple[str, Behaviour]]] = {
    "crash": ("the process ends with exit code 1 after it ran for half a second",
              Behaviour(exit_after_s=0.5, exit_code=1)),
    "unhealthy": ("the health check fails, where there is one", Behaviour(healthy=False)),
    "missing": ("no node has the image, and no registry", Behaviour(missing=True)),
    "slow": ("it takes 20 s to start", Behaviour(start_s=20.0)),
    "stubborn": ("the process ignores SIGTERM", Behaviour(ignores_sigterm=True)),
}  # fmt: skip
"""What `break` can make of an image, and what that means."""


class ControlError(Exception):
    """It cannot be done. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Freezable(Protocol):
    """A server that can be made to stand still."""

    @property
    def is_frozen(self) -> bool: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class FreezableConsul:
    """The embedded Consul as one of them."""

    def __init__(self, consul: FaultyConsul) -> None:
        self._consul = consul
        self.freeze, self.thaw = consul.freeze, consul.thaw

    @property
    def is_frozen(self) -> bool:
        return self._consul.state is State.FROZEN


class Control:
    """Acts on a world and its faces. For the loop's thread alone, inside of a turn."""

    def __init__(
        self,
        world: World,
        freezers: Mapping[str, Freezable],
        counters: Mapping[str, RequestCounter],
        consul_addr: Callable[[], str],
    ) -> None:
        """`freezers` and `counters` by face: "docker" and "kv"."""
        self._world = world
        self._freezers = freezers
        self._counters = counters
        self._consul_addr = consul_addr
        self._thaws: dict[str, Timer] = {}

    # --- reading --------------------------------------------------------------------------------

    def state(self) -> JsonObject:
        """Everything that the verbs below can change, and where the other face is."""
        return {
            "kind": KIND,
            "consul_addr": self._consul_addr(),
            "time": self._world.timeline.utc().isoformat(),
            "nodes": [self._node_state(node) for node in self._nodes()],
            "images": {
                image: _breakage_of(behaviour)
                for image, behaviour in sorted(self._world.images.scripted.items())
            },
            "frozen": [name for name, face in self._freezers.items() if face.is_frozen],
            "requests": {name: _counts(counter) for name, counter in self._counters.items()},
        }

    def _nodes(self) -> list[NodeRecord]:
        return sorted(self._world.engine.store.nodes.all(), key=lambda node: node.hostname)

    def _node_state(self, node: NodeRecord) -> JsonObject:
        agent = self._agent(node.hostname)
        tasks = self._world.engine.store.tasks_on_node(node.id)
        return {
            "hostname": node.hostname,
            "role": "leader" if node.is_leader else node.role,
            "state": node.state,
            "availability": node.availability,
            "power": agent.has_power,
            "cable": agent.has_link,
            "labels": dict(node.labels),
            "tasks": sum(1 for task in tasks if task.state <= TaskState.RUNNING),
        }

    # --- nodes ----------------------------------------------------------------------------------

    def kill(self, hostname: str) -> None:
        """The power goes off: all its processes are gone. The swarm notices after 10 to 16 s."""
        if not self._agent(hostname).has_power:
            raise ControlError(409, f"{hostname} is off already")
        self._keep_the_entry(hostname)
        self._world.engine.kill_node(hostname)

    def return_(self, hostname: str) -> None:
        """The power comes back, and the node joins again, empty."""
        if self._agent(hostname).has_power:
            raise ControlError(409, f"{hostname} is on already")
        self._world.engine.return_node(hostname)

    def cut(self, hostname: str) -> None:
        """Its cable is pulled: what runs there goes on running, and nobody hears of it."""
        if not self._agent(hostname).has_link:
            raise ControlError(409, f"the cable of {hostname} is out already")
        self._keep_the_entry(hostname)
        self._world.engine.cut_node(hostname)

    def reconnect(self, hostname: str) -> None:
        """The cable is back."""
        if self._agent(hostname).has_link:
            raise ControlError(409, f"the cable of {hostname} is in")
        self._world.engine.reconnect_node(hostname)

    def change_leader(self) -> None:
        """The leading manager steps down, and another one takes over."""
        try:
            self._world.engine.change_leader()
        except LookupError as error:
            raise ControlError(409, str(error)) from None

    def _agent(self, hostname: str) -> Agent:
        try:
            return self._world.engine.agent(hostname)
        except LookupError:
            names = [node.hostname for node in self._nodes()]
            raise ControlError(
                404, f"there is no node {hostname}{_hint(hostname, names)}"
            ) from None

    def _keep_the_entry(self, hostname: str) -> None:
        """The engine's face is this node's: without it nobody could look at the rest."""
        if hostname == self._world.entry:
            raise ControlError(
                409,
                f"{hostname} is the manager that DOCKER_HOST leads to: nothing could be seen any "
                "more. Choose another node",
            )

    # --- images ---------------------------------------------------------------------------------

    def break_image(self, image: str, how: str) -> None:
        """All containers of it behave so from now on; those that run, once they start anew."""
        if how not in BREAKAGES:
            raise ControlError(400, f"{how} is none of {', '.join(BREAKAGES)}")
        self._world.images.scripted[image] = BREAKAGES[how][1]

    def mend_image(self, image: str) -> None:
        """It works again."""
        if self._world.images.scripted.pop(image, None) is None:
            known = sorted(self._world.images.scripted)
            raise ControlError(404, f"{image} is not broken{_hint(image, known)}")

    # --- faces ----------------------------------------------------------------------------------

    def freeze(self, face: str, for_s: float | None) -> None:
        """That server answers nothing any more, for a while or until `thaw`."""
        frozen = self._freezer(face)
        self._forget_thaw(face)
        if not frozen.is_frozen:
            frozen.freeze()
        if for_s is not None:
            self._thaws[face] = self._world.timeline.after(for_s, frozen.thaw)

    def thaw(self, face: str) -> None:
        """It goes on with what waited."""
        frozen = self._freezer(face)
        if not frozen.is_frozen:
            raise ControlError(409, f"{face} is not frozen")
        self._forget_thaw(face)
        frozen.thaw()

    def _freezer(self, face: str) -> Freezable:
        if face not in self._freezers:
            raise ControlError(404, f"{face} is none of {', '.join(self._freezers)}")
        return self._freezers[face]

    def _forget_thaw(self, face: str) -> None:
        if handle := self._thaws.pop(face, None):
            handle.cancel()


def _breakage_of(behaviour: Behaviour) -> str:
    return next((name for name, (_, each) in BREAKAGES.items() if each == behaviour), "scripted")


def _counts(counter: RequestCounter) -> dict[str, Any]:
    return {"reads": counter.reads, "writes": counter.writes, "written": counter.written()}


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(names)}" if names else ""
