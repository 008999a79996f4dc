"""A whole swarm: the store, its leader's components, and its machines, in virtual time."""

import random
from collections.abc import Mapping
from dataclasses import replace

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.agents import CABLE_BACK_S, POWER_ON_S, Agent, Agents
from swarm_operator.simulation.engine.component import Component, Kit, Tempo
from swarm_operator.simulation.engine.control import Control
from swarm_operator.simulation.engine.cut_off import CutOff
from swarm_operator.simulation.engine.errors import ManagerPanic
from swarm_operator.simulation.engine.events import EventRing
from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.engine.leader import components
from swarm_operator.simulation.engine.managers import PORT, Leadership, Managers
from swarm_operator.simulation.engine.networks import seed_networks
from swarm_operator.simulation.engine.records import NodeRecord
from swarm_operator.simulation.engine.store import Change, Store
from swarm_operator.simulation.timeline import Timeline

ROUNDS = 10_000
"""A swarm whose parts still answer each other after so many rounds never comes to rest."""
_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 25


class Unsettled(RuntimeError):
    """The components write for ever: a fault of the model, never of a test."""


class Engine:
    """The same `seed` and the same calls at the same times give the same world, id by id.

    Nothing happens by itself: `advance` moves time, or whoever owns the `timeline`.
    """

    def __init__(
        self,
        *,
        timeline: Timeline | None = None,
        seed: int = 0,
        tempo: Tempo | None = None,
        images: ImageLibrary | None = None,
        cluster_id: str = "",
    ) -> None:
        self.timeline = timeline if timeline is not None else Timeline()
        self.images = images if images is not None else ImageLibrary()
        self.rng = random.Random(seed)  # noqa: S311 - a model's chance, replayable
        self.store = Store(lambda: self.timeline.now)
        self.kit = Kit(
            store=self.store,
            timeline=self.timeline,
            rng=self.rng,
            tempo=tempo if tempo is not None else Tempo(),
            images=self.images,
            settle=self.settle,
            new_id=self.new_id,
        )
        self.cluster_id = cluster_id or self.new_id()
        self.created_at = self.timeline.now
        self.cut_off: dict[str, CutOff] = {}
        """What managers see whose cables are out, by their id; to the others they are gone."""
        self.agents = Agents(self.timeline, self.rng, self.kit.tempo, self.images)
        self.events = EventRing(self.timeline)
        self.control = Control(self.kit, on_panic=self._panic)
        self._components: list[Component] = []
        self._is_settling = False
        self._managers = Managers(
            self.store,
            self.agents,
            self.timeline,
            self.rng,
            lead=self._lead,
            step_down=self._step_down,
        )
        seed_networks(self.kit)
        self._managers.begin()

    def new_id(self) -> str:
        """As SwarmKit's identity.NewID: 25 characters of base 36, of this world's own chance."""
        number, digits = self.rng.getrandbits(128), []
        for _ in range(_ID_LENGTH):
            number, digit = divmod(number, len(_ID_ALPHABET))
            digits.append(_ID_ALPHABET[digit])
        return "".join(reversed(digits))

    # --- time ---

    def advance(self, seconds: float) -> None:
        self.run_until(self.timeline.now + seconds)

    def run_until(self, time: float) -> None:
        """`time` in seconds of the timeline."""
        self.timeline.advance(time)

    def settle(self) -> None:
        """Tell everybody of what changed, until nobody changes anything any more.

        Raises Unsettled, with what was written last, where that takes more than ROUNDS rounds.
        """
        if self._is_settling:
            return  # the loop below sees it
        self._is_settling = True
        try:
            for _ in range(ROUNDS):
                last = self._hand_round()
                if last is None:
                    return
        finally:
            self._is_settling = False
        raise Unsettled(
            f"no rest after {ROUNDS} rounds at {self.timeline.now:.3f} s; written last: {last}"
        )

    def _hand_round(self) -> Change | None:
        """The last of the changes that were waiting; None where there were none.

        What is written meanwhile is for the next round; parts commit when nothing waits any more.
        """
        changes, last = self.store.changes, None
        for _ in range(len(changes)):
            last = changes.popleft()
            self.events.handle(last)
            self._managers.handle(last)
            for component in self._components:
                component.handle(last)
        if last is not None and not changes:
            for component in self._components:
                component.commit()
        return last

    # --- leadership ---

    @property
    def leadership(self) -> Leadership:
        """`led`; `electing`: requests wait for a leader; `lost`: there is no majority."""
        return self._managers.leadership

    @property
    def leader(self) -> NodeRecord | None:
        return self._managers.leader

    def change_leader(self, hostname: str | None = None) -> None:
        """In good order and at once, to another manager where there is one.

        Raises LookupError where the named node cannot lead.
        """
        self.settle()
        self._managers.hand_over(hostname)

    def lose_quorum(self) -> None:
        """The managers do not hear each other; the nodes and their containers go on."""
        self._managers.split()

    def regain_quorum(self) -> None:
        """They hear each other again, and elect a leader within 10 to 20 s."""
        self._managers.heal()

    def _lead(self) -> None:
        self._components = components(self.kit, self.agents)
        for component in self._components:
            component.start()
        self.settle()

    def _step_down(self) -> None:
        for component in self._components:
            component.stop()
        self._components = []

    def _panic(self, reason: str) -> None:
        """What was written stays written. Raises ManagerPanic, for there is no answer."""
        self._managers.crash()
        raise ManagerPanic(reason)

    # --- machines ---

    def add_node(
        self,
        hostname: str,
        *,
        role: str = "worker",
        availability: str = "active",
        labels: Mapping[str, str] | None = None,
        engine_labels: Mapping[str, str] | None = None,
        cpus: float = 4.0,
        memory_bytes: int = 8 << 30,
        generic_resources: tuple[JsonObject, ...] = (),
        address: str = "",
        engine_version: str = "26.1.5",
        os: str = "linux",
        architecture: str = "x86_64",
    ) -> NodeRecord:
        """A machine joins, and is ready at once. Raises ValueError where the hostname is taken."""
        if self.store.node_of_hostname(hostname) is not None:
            raise ValueError(f"there is a node {hostname} already")
        count = len(self.store.nodes)
        address = address or f"10.0.{(count + 1) // 256}.{(count + 1) % 256}"
        node = NodeRecord(
            id=self.new_id(),
            hostname=hostname,
            role=role,
            availability=availability,
            labels=dict(labels or {}),
            engine_labels=dict(engine_labels or {}),
            nano_cpus=round(cpus * 1e9),
            memory_bytes=memory_bytes,
            generic_resources=generic_resources,
            address=address,
            engine_version=engine_version,
            os=os,
            architecture=architecture,
            manager_address=f"{address}:{PORT}" if role == "manager" else "",
        )
        agent = self.agents.add(node.id)
        self.store.nodes.put(replace(node, state="unknown"))
        if self.agents.managers is not None:
            self.agents.managers.register(agent)
        self._managers.reconsider()
        self.settle()
        return self.store.nodes[node.id]

    def agent(self, hostname: str) -> Agent:
        """Raises LookupError for a name that no node has."""
        node = self.store.node_of_hostname(hostname)
        agent = self.agents.get(node.id) if node is not None else None
        if agent is None:
            raise LookupError(f"there is no node {hostname}")
        return agent

    def kill_node(self, hostname: str) -> None:
        """Power loss: its containers die with it. Down for the managers 9 to 16.5 s later."""
        self.agent(hostname).lose_power()
        self._after_machine_change()

    def return_node(self, hostname: str) -> None:
        """Power is back; ready within 2 s."""
        agent = self.agent(hostname)
        agent.regain_power()
        self.agents.call_in(agent, POWER_ON_S)
        self._after_machine_change()

    def cut_node(self, hostname: str) -> None:
        """The cable is out: its containers run on, unseen; a manager goes on believing what it
        knew (`cut_off`)."""
        agent = self.agent(hostname)
        if self.store.nodes[agent.node_id].is_manager and agent.is_reachable:
            self.cut_off[agent.node_id] = CutOff(self.kit, agent.node_id, self.cluster_id)
        agent.lose_link()
        self._after_machine_change()

    def reconnect_node(self, hostname: str) -> None:
        """The cable is back; the node hears within 0.6 s what it is to stop."""
        agent = self.agent(hostname)
        agent.has_link = True
        self.cut_off.pop(agent.node_id, None)
        self.agents.call_in(agent, CABLE_BACK_S)
        self._after_machine_change()

    def _after_machine_change(self) -> None:
        self._managers.reconsider()
        self.settle()
