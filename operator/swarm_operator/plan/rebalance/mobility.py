"""Whether and how the tasks of a service may be moved: by its class and by what its document says.

A single stateless replica, volumes, an explicit stop-first and templates of the slot stay where they
are unless their document opts in: two copies for seconds, or a gap, may mind.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from desired_state.operator_block import Rebalance
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.rebalance.demands import generic_resources

Default = Literal["safe", "auto", "never"]
"""The policy's word for services whose document says nothing."""

_TEMPLATE = re.compile(r"\{\{[^}]*\.(?:Task|Node)\b")


class How(StrEnum):
    """The way a service's tasks are moved."""

    DIRECTED = "directed"
    """The new task runs before the old one stops."""
    STOP_FIRST = "stop-first"
    """The old task stops before the new one starts: a gap of seconds."""
    RECOMMENDED = "recommended"
    """Said, not done: a person has to decide."""
    FIXED = "fixed"
    """Never moved, never even labelled."""


@dataclass(frozen=True, slots=True)
class Mobility:
    """How, and for people why so."""

    how: How
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is known besides the service itself."""

    says: Rebalance | None = None
    """The document's `x-operator.rebalance`; None where it says nothing."""
    stop_first_in_document: bool = False
    """Whether the document itself asks for `order: stop-first`."""
    default: Default = "safe"
    image_volumes: bool | None = None
    """Whether the image declares volumes; None where this cannot be seen."""
    ours: bool = True
    is_self: bool = False
    """The operator itself, or the Consul it lives on."""


def mobility(service: Service, wish: Wish) -> Mobility:
    """The class of a service. A document's `never` always holds; what it opts into is honoured only
    where it can be done without harm.

    What reserves generic resources is at most recommended: Swarm's scheduler alone counts which node has
    one free, and the new task of a move to another would wait for nothing.
    """
    found = _by_class(service, wish)
    kinds = ", ".join(generic_resources(service.spec))
    if not kinds or found.how not in {How.DIRECTED, How.STOP_FIRST}:
        return found
    how = How.RECOMMENDED if found.how is How.DIRECTED else How.FIXED
    return Mobility(how, f"it reserves generic resources ({kinds}); Swarm alone knows what is free")


def _by_class(service: Service, wish: Wish) -> Mobility:
    fixed = _why_fixed(service, wish)
    if fixed is not None:
        return Mobility(How.FIXED, fixed)
    state = _why_stateful(service.spec, wish)
    if wish.says is Rebalance.STOP_FIRST:
        return _stop_first(service.spec)
    if state is not None:
        return Mobility(How.FIXED, f"{state}; x-operator.rebalance: stop-first opts in")
    if replicas(service.spec) == 1 and wish.says is not Rebalance.OVERLAP:
        return Mobility(How.FIXED, "a single replica would run twice for seconds; overlap opts in")
    if wish.says is None and wish.default == "never":
        return Mobility(How.FIXED, "the policy's default is never")
    if wish.image_volumes is None and not _is_told(wish):
        return Mobility(
            How.RECOMMENDED,
            "whether its image declares volumes cannot be seen from here; say auto in the document "
            "or in the policy's default",
        )
    return Mobility(How.DIRECTED, "stateless")


def _is_told(wish: Wish) -> bool:
    return wish.default == "auto" or wish.says in {Rebalance.AUTO, Rebalance.OVERLAP}


def _why_fixed(service: Service, wish: Wish) -> str | None:
    if not wish.ours:
        return "it is not of this operator's documents"
    if wish.is_self:
        return "the operator and its Consul are never moved"
    mode = service.spec.get("Mode") or {}
    if "Global" in mode or "GlobalJob" in mode:
        return "a global service runs on every node by itself"
    if "ReplicatedJob" in mode:
        return "any write to a job would run it again"
    if replicas(service.spec) == 0:
        return "it has no replicas"
    return "its document says never" if wish.says is Rebalance.NEVER else None


def _stop_first(spec: JsonObject) -> Mobility:
    if replicas(spec) != 1:
        return Mobility(How.FIXED, "rebalance: stop-first is for one replica alone")
    return Mobility(How.STOP_FIRST, "its document accepts a gap of seconds")


def _why_stateful(spec: JsonObject, wish: Wish) -> str | None:
    container: Mapping[str, Any] = dig(spec, "TaskTemplate", "ContainerSpec") or {}
    for mount in container.get("Mounts") or ():
        kind = mount.get("Type") or "volume"
        if kind in {"volume", "cluster"} or (kind == "bind" and not mount.get("ReadOnly")):
            return f"it keeps data in {mount.get('Target') or 'a volume'}"
    if wish.image_volumes:
        return "its image declares a volume"
    if wish.stop_first_in_document:
        return "its document asks for stop-first"
    if any(_TEMPLATE.search(word) for word in _words(container)):
        return "it is told its slot or node by a template"
    return None


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [word for member in value.values() for word in _words(member)]
    return [word for member in value for word in _words(member)] if isinstance(value, list) else []


def replicas(spec: JsonObject) -> int:
    """How many tasks a replicated service wishes; 0 for other modes."""
    replicated = dig(spec, "Mode", "Replicated")
    if not isinstance(replicated, Mapping):
        return 0
    return int(replicated.get("Replicas", 1))
