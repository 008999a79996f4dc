"""From the nodes that a name is to point at to the values of its record sets."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from desired_state.dns_forms import DnsBinding, Fallback, Family, RecordType
from swarm_operator.observed.dns import RrsetKey
from swarm_operator.plan.dns.addresses import Found, NotFound, Sources, address_of, names_in_zone
from swarm_operator.plan.dns.rrset import Wanted
from swarm_operator.plan.dns.stability import Choice


@dataclass(frozen=True, slots=True)
class Kept:
    """A record set that stays as it is, and why."""

    key: RrsetKey
    reason: Literal["NoEndpoint", "NoAddress", "Damped"]
    message: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A record set that lacks a node without an address, and why."""

    key: RrsetKey
    message: str


Wish: TypeAlias = Wanted | Kept


def incomplete(binding: DnsBinding, choice: Choice, sources: Sources) -> Iterator[Incomplete]:
    """Of several nodes some have no address."""
    if binding.type == "CNAME" or choice.is_empty:
        return
    for family in binding.families:
        values, why, _ = _values(binding, choice, sources, family)
        if values and why:
            yield Incomplete(key_of(binding, family), why)


def wanted_of(binding: DnsBinding, choice: Choice, sources: Sources) -> tuple[Wish, ...]:
    """One answer for each type of the binding."""
    if choice.is_empty:
        return tuple(_while_empty(binding))
    if not choice.nodes:
        reason: Literal["NoEndpoint", "Damped"] = (
            "NoEndpoint" if choice.state == "NoEndpoint" else "Damped"
        )
        what = "runs nowhere" if reason == "NoEndpoint" else "has not run for long enough"
        return tuple(
            Kept(key_of(binding, type_), reason, f"the service {what}") for type_ in binding.types
        )
    if binding.type == "CNAME":
        return (_alias(binding, choice),)
    return tuple(_by_family(binding, choice, sources))


def key_of(binding: DnsBinding, type_: RecordType) -> RrsetKey:
    """The record set of one type."""
    return RrsetKey(binding.zone, binding.name, type_)


def _while_empty(binding: DnsBinding) -> Iterator[Wanted]:
    fallback = binding.on_empty.fallback if isinstance(binding.on_empty, Fallback) else ()
    for type_ in binding.types:
        version = 6 if type_ == "AAAA" else 4
        values = tuple(one for one in fallback if ipaddress.ip_address(one).version == version)
        yield Wanted(key_of(binding, type_), values, binding.ttl)


def _alias(binding: DnsBinding, choice: Choice) -> Wish:
    node = choice.nodes[0]
    name = names_in_zone(node, binding.zone)
    if name is None or name == binding.fqdn:
        why = f"node {node.hostname} has no name of its own in {binding.zone}"
        return Kept(key_of(binding, "CNAME"), "NoAddress", why)
    return Wanted(key_of(binding, "CNAME"), (name,), binding.ttl)


def _by_family(binding: DnsBinding, choice: Choice, sources: Sources) -> Iterator[Wish]:
    """A node's missing family is taken away where that may be done, so that nobody is sent by it to a
    node that is gone; the other family follows in any case."""
    found = {family: _values(binding, choice, sources, family) for family in binding.families}
    for family, (values, why, is_unknown) in found.items():
        others = any(values for other, (values, _, _) in found.items() if other != family)
        if not is_unknown and (values or (others and binding.policy == "sync")):
            yield Wanted(key_of(binding, family), values, binding.ttl)
        else:
            yield Kept(key_of(binding, family), "NoAddress", why)


def _values(
    binding: DnsBinding, choice: Choice, sources: Sources, family: Family
) -> tuple[tuple[str, ...], str, bool]:
    """The addresses, each once; of the nodes without one why; whether one may have one all the same."""
    values: dict[str, None] = {}
    missing: list[str] = []
    is_unknown = False
    for node in choice.nodes:
        match address_of(node, family, binding, sources):
            case Found(address=address):
                values[address] = None
            case NotFound() as answer:
                missing.append(f"node {node.hostname} has no {family} address: {answer.message}")
                is_unknown = is_unknown or answer.is_unknown
    return tuple(values), "; ".join(missing), is_unknown
