"""The public address of a node: where it is looked for, and what is not believed.

The first source that knows one for a family wins: the binding's own map, the node's document, the
node's labels, the record of the node's name in the zone, what Swarm reports. Swarm's own is the
source address of the node's connection as its manager saw it (SwarmKit, dispatcher), so it goes last.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state.dns_forms import DnsBinding, Family
from swarm_operator.observed.swarm import Node

LABELS: Final[Mapping[Family, str]] = {
    "A": "swarm-operator.dns.ipv4",
    "AAAA": "swarm-operator.dns.ipv6",
}
_VERSIONS: Final = {"A": 4, "AAAA": 6}
_DOCUMENT: Final = "the node's document"


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
    for source, values in _candidates(node, family, binding, sources):
        if source == _DOCUMENT and node.hostname in sources.unread:
            return NotFound((*refused, f"{source} cannot be read"), is_unknown=True)
        refused += [f"{source} is {text!r}: no IP address" for text in values if not _ip(text)]
        mine = [value for value in values if _is_of(family, value)]
        if not mine:
            continue
        if len(mine) > 1 and source.startswith("the record"):
            refused.append(f"{source} has {len(mine)} values")
            continue
        wrong = why_refused(mine[0], allow_private=binding.allow_private)
        if wrong is None:
            return Found(str(ipaddress.ip_address(mine[0])), source)
        refused.append(f"{source} is {mine[0]}: {wrong}")
    return NotFound(tuple(refused))


def names_in_zone(node: Node, zone: str) -> str | None:
    """The whole name that a node has, or would have, in a zone; None where it is of another domain."""
    host = node.hostname.lower().removesuffix(".")
    if not host:
        return None
    if host.endswith(f".{zone}"):
        return host
    return None if "." in host else f"{host}.{zone}"


def why_refused(address: str, *, allow_private: bool) -> str | None:
    """Why an address is not published; None where it may be."""
    found = ipaddress.ip_address(address)
    for is_so, what in _NEVER:
        if is_so(found):
            return f"{what} is no address of a node"
    if not allow_private and not found.is_global:
        return "the internet cannot reach it (allow_private: true publishes it all the same)"
    return None


def _candidates(
    node: Node, family: Family, binding: DnsBinding, sources: Sources
) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "the binding's addresses", binding.addresses.get(node.hostname, ())
    yield _DOCUMENT, sources.documents.get(node.hostname, ())
    label = LABELS[family]
    yield f"the node's label {label}", tuple(filter(None, [node.labels.get(label, "").strip()]))
    name = names_in_zone(node, binding.zone)
    if name is not None and name != binding.fqdn:
        yield f"the record {name}", sources.in_zone.get((name, family), ())
    yield "what Swarm reports", tuple(filter(None, [node.address]))


_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


def _ip(text: str) -> _Ip | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_of(family: Family, text: str) -> bool:
    found = _ip(text)
    return found is not None and found.version == _VERSIONS[family]


_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")
_NEVER: Final[tuple[tuple[Callable[[_Ip], bool], str], ...]] = (
    (lambda ip: ip.is_unspecified or ip in _THIS_NETWORK, "an unspecified address"),
    (lambda ip: ip.is_loopback, "a loopback address"),
    (lambda ip: ip.is_link_local, "a link-local address"),
    (lambda ip: ip.is_multicast, "a multicast address"),
    (lambda ip: getattr(ip, "ipv4_mapped", None) is not None, "an IPv4 address in IPv6 dress"),
    (lambda ip: ip.version == 4 and ip.is_reserved, "a reserved address"),
)
