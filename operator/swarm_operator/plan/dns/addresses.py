"""The public address of a node: where it is looked for, and what is not believed.

The first source that knows one for a family wins: the binding's own map, the node's document, the
node's labels, the record of the node's name in the zone, what Swarm reports. Swarm's own is the
source address of the node's connection as its manager saw it (SwarmKit, dispatcher), so it goes last.

The first three were written for this very purpose: where what one of them says may not be published,
no later one is asked, or an address would be published that nobody named.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state.dns_forms import DnsBinding, Family
from desired_state.public_addresses import is_public, no_address_of_a_node
from swarm_operator.observed.swarm import Node

LABELS: Final[Mapping[Family, str]] = {
    "A": "swarm-operator.dns.ipv4",
    "AAAA": "swarm-operator.dns.ipv6",
}
_VERSIONS: Final[Mapping[Family, int]] = {"A": 4, "AAAA": 6}
_NAMES: Final[Mapping[Family, str]] = {"A": "IPv4", "AAAA": "IPv6"}
_NOBODY: Final = "no-such-name"


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known about nodes besides what Swarm says."""

    documents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses by host name, from `desired/nodes/`."""
    in_zone: Mapping[tuple[str, Family], tuple[str, ...]] = field(default_factory=dict)
    """Values by whole name, without a final dot, and family."""
    unread: frozenset[str] = frozenset()
    """Host names of nodes whose document cannot be read: it may hold what goes before all below."""


@dataclass(frozen=True, slots=True)
class Found:
    """An address, and who says so."""

    address: str
    source: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """No source knows one that may be published; why each does not, for people."""

    why: tuple[str, ...]
    is_unknown: bool = False
    """There may be one in a document that cannot be read: nothing is to be changed for its lack."""

    @property
    def message(self) -> str:
        return "; ".join(self.why) or "no source knows one"


def address_of(
    node: Node, family: Family, binding: DnsBinding, sources: Sources
) -> Found | NotFound:
    """The address of one family at which the world reaches a node."""
    refused: list[str] = []
    for source in _sources(node, family, binding, sources):
        if source.is_unread:
            return NotFound((*refused, f"{source.what} cannot be read"), is_unknown=True)
        found = _of_source(source, family, binding)
        if isinstance(found, Found):
            return found
        refused += found
        if found and source.is_explicit:
            todo = "correct it, or remove it so that a later source is asked"
            return NotFound((*refused[:-1], f"{refused[-1]}; {todo}"))
    return NotFound(tuple(refused))


def name_to_ask(node: Node, family: Family, binding: DnsBinding, sources: Sources) -> str | None:
    """The node's whole name in the zone, where no source that goes before its record decides."""
    name = names_in_zone(node, binding.zone)
    if name is None or name == binding.fqdn:
        return None
    mapped = binding.addresses.get(node.hostname, ())
    return None if is_decided(node, family, mapped, sources) else name


def is_decided(node: Node, family: Family, mapped: tuple[str, ...], sources: Sources) -> bool:
    """Whether a source that goes before the records of the zone says something of a family, be it
    that nobody knows it. `mapped`: what the binding's own map says of the node."""
    return any(
        source.is_unread or any(_may_be_of(family, source, text) for text in source.values)
        for source in _explicit(node, family, mapped, sources)
    )


def names_in_zone(node: Node, zone: str) -> str | None:
    """The whole name that a node has, or would have, in a zone; None where it is of another domain."""
    host = node.hostname.lower().removesuffix(".")
    if not host:
        return None
    if host.endswith(f".{zone}"):
        return host
    return None if "." in host else f"{host}.{zone}"


def names_of_a_wildcard(fqdn: str) -> tuple[str, ...]:
    """Names that all answer as this one does only where it has no record, and a wildcard answers: that
    one answers for names below a name only where the name does not exist (RFC 4592 2.2.1, 3.3.1)."""
    return f"*.{fqdn.partition('.')[2]}", f"{_NOBODY}.{fqdn}"


def why_refused(address: str, *, allow_private: bool) -> str | None:
    """Why an address is not published; None where it may be."""
    what = no_address_of_a_node(address)
    if what is not None:
        return f"{what} is no address of a node"
    if not allow_private and not is_public(address):
        return "the internet cannot reach it (allow_private: true publishes it all the same)"
    return None


@dataclass(frozen=True, slots=True)
class _Source:
    what: str
    values: tuple[str, ...]
    is_explicit: bool = False
    """Somebody wrote it for this purpose."""
    is_one_family: bool = False
    """Everything in it is meant to be of the family that is asked for."""
    is_unread: bool = False


def _sources(
    node: Node, family: Family, binding: DnsBinding, sources: Sources
) -> Iterator[_Source]:
    yield from _explicit(node, family, binding.addresses.get(node.hostname, ()), sources)
    name = names_in_zone(node, binding.zone)
    if name is not None and name != binding.fqdn:
        values = sources.in_zone.get((name, family), ())
        yield _Source(f"the record {name}", values, is_one_family=True)
    yield _Source("what Swarm reports", tuple(filter(None, [node.address])))


def _explicit(
    node: Node, family: Family, mapped: tuple[str, ...], sources: Sources
) -> Iterator[_Source]:
    yield _Source("the binding's addresses", mapped, is_explicit=True)
    documents = sources.documents.get(node.hostname, ())
    is_unread = node.hostname in sources.unread
    yield _Source("the node's document", documents, is_explicit=True, is_unread=is_unread)
    label = LABELS[family]
    values = tuple(filter(None, [node.labels.get(label, "").strip()]))
    yield _Source(f"the node's label {label}", values, is_explicit=True, is_one_family=True)


def _of_source(source: _Source, family: Family, binding: DnsBinding) -> Found | list[str]:
    """The first address of one source that may be published; else why each of the family may not."""
    mine = [text for text in source.values if _may_be_of(family, source, text)]
    if len(mine) > 1 and not source.is_explicit:
        return [f"{source.what} has {len(mine)} values"]
    refused = []
    for text in mine:
        if _ip(text) is None:
            refused.append(f"{source.what} is {text!r}: no IP address")
        elif not _is_of(family, text):
            refused.append(f"{source.what} is {text}: no {_NAMES[family]} address")
        elif wrong := why_refused(text, allow_private=binding.allow_private):
            refused.append(f"{source.what} is {text}: {wrong}")
        else:
            return Found(str(ipaddress.ip_address(text)), source.what)
    return refused


def _may_be_of(family: Family, source: _Source, text: str) -> bool:
    """What is no address at all may have been meant for either."""
    return source.is_one_family or _ip(text) is None or _is_of(family, text)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_of(family: Family, text: str) -> bool:
    found = _ip(text)
    return found is not None and found.version == _VERSIONS[family]
