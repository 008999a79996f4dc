"""Which IP addresses a name may point at: those at which the world can reach a node."""

import ipaddress
from collections.abc import Callable
from typing import Final, TypeAlias

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")
_NEVER: Final[tuple[tuple[Callable[[Ip], bool], str], ...]] = (
    (lambda ip: ip.is_unspecified or ip in _THIS_NETWORK, "an unspecified address"),
    (lambda ip: ip.is_loopback, "a loopback address"),
    (lambda ip: ip.is_link_local, "a link-local address"),
    (lambda ip: ip.is_multicast, "a multicast address"),
    (lambda ip: getattr(ip, "ipv4_mapped", None) is not None, "an IPv4 address in IPv6 dress"),
    (lambda ip: ip.version == 4 and ip.is_reserved, "a reserved address"),
)


def no_address_of_a_node(address: str) -> str | None:
    """What else it is; None where a node may have it. Raises ValueError where it is no IP address."""
    found = ipaddress.ip_address(address)
    return next((what for is_so, what in _NEVER if is_so(found)), None)


def is_public(address: str) -> bool:
    """Whether it can be reached from the internet, as IANA's registries of special addresses say.

    Raises ValueError where it is no IP address.
    """
    return ipaddress.ip_address(address).is_global
