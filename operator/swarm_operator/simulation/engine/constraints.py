"""Placement constraints: parsing, and whether a node meets them.

After SwarmKit manager/constraint: values and most keys ignore case, label names do not; a key that is
none of the known ones matches no node.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from swarm_operator.simulation.engine.records import NodeRecord, ServiceRecord

_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE | re.ASCII)
_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE | re.ASCII)
_NODE_LABELS = "node.labels."
_ENGINE_LABELS = "engine.labels."


@dataclass(frozen=True, slots=True)
class Constraint:
    """`key == value`, or `!=` where `equal` is False."""

    key: str
    equal: bool
    value: str

    def accepts(self, what: str) -> bool:
        return (self.value.casefold() == what.casefold()) == self.equal


@lru_cache(maxsize=4096)
def parse_constraint(expression: str) -> Constraint:
    """Raises ValueError with the engine's own words."""
    for operator in ("==", "!="):
        key, found, value = (part.strip() for part in expression.partition(operator))
        if not found:
            continue
        if _KEY.fullmatch(key) is None:
            raise ValueError(f"key '{key}' is invalid")
        if _VALUE.fullmatch(value) is None:
            raise ValueError(f"value '{value}' is invalid")
        return Constraint(key, operator == "==", value)
    raise ValueError("constraint expected one operator from ==, !=")


def parse_constraints(expressions: Iterable[str]) -> tuple[Constraint, ...]:
    """Raises ValueError as `parse_constraint` does."""
    return tuple(parse_constraint(expression) for expression in expressions)


def service_constraints(service: ServiceRecord) -> tuple[Constraint, ...]:
    """Of the service's current spec; the requests that wrote it were validated."""
    placement = service.spec["TaskTemplate"].get("Placement") or {}
    return parse_constraints(placement.get("Constraints") or ())


def node_matches(constraints: Iterable[Constraint], node: NodeRecord) -> bool:
    """All of them."""
    return all(_matches(constraint, node) for constraint in constraints)


def _matches(constraint: Constraint, node: NodeRecord) -> bool:
    key = constraint.key.casefold()
    if key == "node.ip":
        return _address_matches(constraint, node.address)
    if key.startswith(_NODE_LABELS) and len(key) > len(_NODE_LABELS):
        return constraint.accepts(node.labels.get(constraint.key[len(_NODE_LABELS) :], ""))
    if key.startswith(_ENGINE_LABELS) and len(key) > len(_ENGINE_LABELS):
        return constraint.accepts(node.engine_labels.get(constraint.key[len(_ENGINE_LABELS) :], ""))
    plain = {
        "node.id": node.id,
        "node.hostname": node.hostname,
        "node.role": node.role,
        "node.platform.os": node.os,
        "node.platform.arch": node.architecture,
    }
    return key in plain and constraint.accepts(plain[key])


def _address_matches(constraint: Constraint, address: str) -> bool:
    """One address or a subnet; anything else matches no node, whatever the operator."""
    try:
        subnet = ipaddress.ip_network(constraint.value, strict=False)
    except ValueError:
        return False
    try:
        within = ipaddress.ip_address(address) in subnet
    except ValueError:
        within = False
    return within == constraint.equal
