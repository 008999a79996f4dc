"""What happens to machines and images: power, cables, drain, leaders, processes that fail."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from swarm_operator.simulation.engine.images import Behaviour

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

BEHAVIOURS: Final = {
    "crash": Behaviour(exit_after_s=0.5, exit_code=1),
    "missing": Behaviour(missing=True),
    "slow": Behaviour(start_s=20.0),
    "hanging": Behaviour(start_s=120.0),
    "sick": Behaviour(healthy=False),
    "stubborn": Behaviour(ignores_sigterm=True),
}


@dataclass(frozen=True)
class Kill:
    """The power of a node goes off."""

    node: str

    def do(self, lab: "Lab") -> None:
        if lab.engine.agent(self.node).has_power:
            lab.engine.kill_node(self.node)


@dataclass(frozen=True)
class Return:
    """It comes back on."""

    node: str

    def do(self, lab: "Lab") -> None:
        if not lab.engine.agent(self.node).has_power:
            lab.engine.return_node(self.node)


@dataclass(frozen=True)
class Cut:
    """The cable of a node is pulled."""

    node: str

    def do(self, lab: "Lab") -> None:
        if lab.engine.agent(self.node).has_link:
            lab.engine.cut_node(self.node)


@dataclass(frozen=True)
class Reconnect:
    """The cable is back."""

    node: str

    def do(self, lab: "Lab") -> None:
        if not lab.engine.agent(self.node).has_link:
            lab.engine.reconnect_node(self.node)


@dataclass(frozen=True)
class Availability:
    """`docker node update --availability`: active, pause or drain."""

    node: str
    availability: str

    def do(self, lab: "Lab") -> None:
        node = lab.engine.store.node_of_hostname(self.node)
        if node is None or node.availability == self.availability:
            return
        spec = {
            "Availability": self.availability,
            "Role": node.role,
            "Labels": copy.deepcopy(dict(node.labels)),
        }
        lab.by_hand(lambda: lab.control.update_node(node.id, node.meta.version, spec), self.node)


@dataclass(frozen=True)
class ChangeLeader:
    """Another manager leads from now on."""

    def do(self, lab: "Lab") -> None:
        if lab.engine.leadership == "led":
            lab.engine.change_leader()


@dataclass(frozen=True)
class Quorum:
    """The managers stop hearing each other, or hear each other again."""

    lost: bool

    def do(self, lab: "Lab") -> None:
        if self.lost:
            lab.engine.lose_quorum()
        else:
            lab.engine.regain_quorum()


@dataclass(frozen=True)
class Image:
    """Containers of an image behave so from now on; "" mends it."""

    image: str
    behaviour: str

    def do(self, lab: "Lab") -> None:
        if self.behaviour:
            lab.world.images.scripted[self.image] = BEHAVIOURS[self.behaviour]
        else:
            lab.world.images.scripted.pop(self.image, None)
