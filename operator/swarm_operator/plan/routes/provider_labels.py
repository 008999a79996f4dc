"""The labels that are about publishing and not part of Traefik's configuration: `traefik.enable`,
`traefik.swarm.*`, and `traefik.docker.*`, which its Swarm provider still reads.

Follows `extractSwarmLabels` of `pkg/provider/docker/shared_labels.go`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from swarm_operator.plan.routes import scalars
from swarm_operator.plan.routes.label_nodes import LabelFault, LabelNode, label_tree

_FILTERS: Final = ("traefik.enable", "traefik.docker.", "traefik.swarm.")
_BOOLS: Final[Mapping[str, frozenset[str]]] = {
    "docker": frozenset({"lbswarm", "allownonrunning"}),
    "swarm": frozenset({"lbswarm"}),
}


@dataclass(frozen=True, slots=True)
class ProviderLabels:
    """What a service says about being published."""

    enable: bool | None = None
    """None: it says nothing."""
    network: str | None = None
    lbswarm: bool = False
    faults: tuple[LabelFault, ...] = ()
    warnings: tuple[LabelFault, ...] = ()


def provider_labels(labels: Mapping[str, str]) -> ProviderLabels:
    """Read them, with all that is wrong."""
    root, faults = label_tree(labels, _FILTERS)
    reader = _Reader(faults)
    for node in root.children:
        reader.top(node)
    warnings: list[LabelFault] = []
    docker, swarm = root.child("docker"), root.child("swarm")
    if docker is not None and swarm is not None:
        message = f"stands beside {swarm.label}: Traefik reads neither then; keep traefik.swarm.*"
        faults.append(LabelFault(docker.label, "BothDockerAndSwarm", message))
    elif docker is not None:
        message = "is deprecated: write traefik.swarm instead of traefik.docker"
        warnings.append(LabelFault(docker.label, "Deprecated", message))
    return ProviderLabels(
        reader.enable, reader.network, reader.lbswarm, tuple(faults), tuple(warnings)
    )


class _Reader:
    def __init__(self, faults: list[LabelFault]) -> None:
        self.faults = faults
        self.enable: bool | None = None
        self.network: str | None = None
        self.lbswarm = False

    def top(self, node: LabelNode) -> None:
        name = node.name.lower()
        if name == "enable":
            self.enable = self._truth(node)
        elif name not in _BOOLS:
            self._fault(node, "UnknownLabel", f"{node.name} is unknown: did you mean enable?")
        else:
            for below in node.children:
                self._below(name, below)

    def _below(self, above: str, node: LabelNode) -> None:
        name = node.name.lower()
        if name == "network" and not node.children:
            self.network = node.value
        elif name in _BOOLS[above]:
            truth = self._truth(node)
            self.lbswarm = bool(truth) if name == "lbswarm" else self.lbswarm
        else:
            known = "network, " + ", ".join(sorted(_BOOLS[above]))
            self._fault(node, "UnknownLabel", f"{node.name} is unknown: there are {known}")

    def _truth(self, node: LabelNode) -> bool | None:
        if node.children:
            self._fault(node, "UnknownLabel", f"{node.name} has nothing below it")
            return None
        try:
            return scalars.truth(node.value)
        except ValueError as error:
            self._fault(node, "BadValue", str(error))
            return None

    def _fault(self, node: LabelNode, reason: str, message: str) -> None:
        self.faults.append(LabelFault(node.label, reason, message))
