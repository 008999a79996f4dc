"""Placement constraints, and whether a node satisfies them (SwarmKit: manager/constraint)."""

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from swarm_operator.observed.swarm import Node

_NODE_LABEL: Final = "node.labels."
_ENGINE_LABEL: Final = "engine.labels."


@dataclass(frozen=True, slots=True)
class Constraint:
    """`key == value` or `key != value`; keys compare without case, but for a label's own name."""

    key: str
    equal: bool
    value: str

    def holds(self, node: Node) -> bool:
        """Whether the node satisfies it. One with an unknown key is satisfied nowhere."""
        if self.key.lower() == "node.ip":
            return self._address_holds(node.address)
        actual = _value(self.key, node)
        return actual is not None and (actual.casefold() == self.value.casefold()) is self.equal

    def _address_holds(self, address: str) -> bool:
        try:
            wanted = ipaddress.ip_network(self.value, strict=False)
        except ValueError:
            return False
        try:
            inside = ipaddress.ip_address(address) in wanted
        except ValueError:
            inside = False
        return inside is self.equal


_VALUES: Final[dict[str, Callable[[Node], str]]] = {
    "node.id": lambda node: node.id,
    "node.hostname": lambda node: node.hostname,
    "node.role": lambda node: node.role,
    "node.platform.os": lambda node: node.platform[0],
    "node.platform.arch": lambda node: node.platform[1],
}


def _value(key: str, node: Node) -> str | None:
    plain = _VALUES.get(key.lower())
    if plain is not None:
        return plain(node)
    if key.lower().startswith(_NODE_LABEL):
        return node.labels.get(key[len(_NODE_LABEL) :], "")
    if key.lower().startswith(_ENGINE_LABEL):
        return node.engine_labels.get(key[len(_ENGINE_LABEL) :], "")
    return None


@lru_cache(maxsize=4096)
def parse(expression: str) -> Constraint | None:
    """A constraint as documents write it; None where it has no operator: the engine refuses those."""
    for operator, equal in (("==", True), ("!=", False)):
        key, found, value = expression.partition(operator)
        if found:
            return Constraint(key.strip(), equal, value.strip())
    return None


def unsatisfied(expressions: Iterable[str], node: Node) -> str | None:
    """The first of the constraints that the node does not satisfy; None where it satisfies all."""
    for expression in expressions:
        constraint = parse(expression)
        if constraint is None or not constraint.holds(node):
            return expression
    return None
