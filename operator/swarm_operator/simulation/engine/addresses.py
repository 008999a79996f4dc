"""Subnets out of the swarm's pool, and addresses out of a subnet (moby's default IPAM driver)."""

import bisect
import ipaddress
from collections.abc import Iterable

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_POOL = ipaddress.IPv4Network("10.0.0.0/8")
DEFAULT_PREFIX_LENGTH = 24


class SubnetPool:
    """Gives out /24s of 10.0.0.0/8 one after the other, and keeps what people asked for apart.

    It goes on behind the one given last, and comes back to freed ones only after the end: what
    engines up to 26 do; a new leader begins at the beginning again.
    """

    def __init__(self) -> None:
        self._taken: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        """By IP version: first and last address of each subnet, sorted; they do not overlap."""
        self._next = int(DEFAULT_POOL.network_address)

    def take(self) -> Subnet | None:
        """A subnet that overlaps nothing; None where the pool is used up."""
        step = 1 << (DEFAULT_POOL.max_prefixlen - DEFAULT_PREFIX_LENGTH)
        first, size = int(DEFAULT_POOL.network_address), DEFAULT_POOL.num_addresses
        for offset in range(0, size, step):
            start = first + (self._next - first + offset) % size
            candidate = ipaddress.IPv4Network((start, DEFAULT_PREFIX_LENGTH))
            if self.claim(candidate):
                self._next = first + (start - first + step) % size
                return candidate
        return None

    def claim(self, subnet: Subnet) -> bool:
        """Take this one; False where it overlaps one that is taken."""
        taken, ends = self._taken[subnet.version], _ends(subnet)
        place = bisect.bisect(taken, ends)
        if place > 0 and taken[place - 1][1] >= ends[0]:
            return False
        if place < len(taken) and taken[place][0] <= ends[1]:
            return False
        taken.insert(place, ends)
        return True

    def release(self, subnet: Subnet) -> None:
        taken, ends = self._taken[subnet.version], _ends(subnet)
        if ends in taken:
            taken.remove(ends)


class AddressPool:
    """The addresses of one subnet, given out in ascending order, freed ones last."""

    def __init__(self, subnet: Subnet, addresses: Subnet | None = None) -> None:
        """`addresses`: the part of the subnet from which to choose where nobody asks for one."""
        self.subnet = subnet
        chosen = addresses if addresses is not None else subnet
        self._first = int(chosen.network_address)
        self._count = chosen.num_addresses
        self._last_given = self._first - 1
        self._is_full = False
        """Nothing was freed since it was found full: no need to look again."""
        self._taken = {int(subnet.network_address)}
        if isinstance(subnet, ipaddress.IPv4Network):
            self._taken.add(int(subnet.broadcast_address))

    def take(self) -> str | None:
        """`address/length`; None where all are taken."""
        if self._is_full:
            return None
        for step in range(1, self._count + 1):
            number = self._first + (self._last_given - self._first + step) % self._count
            if number not in self._taken:
                self._last_given = number
                self._taken.add(number)
                return self._text(number)
        self._is_full = True
        return None

    def claim(self, address: str) -> str | None:
        """This one, with or without its length; None where it is taken or lies outside."""
        number = _number(address)
        if number in self._taken or ipaddress.ip_address(_bare(address)) not in self.subnet:
            return None
        self._taken.add(number)
        return self._text(number)

    def release(self, address: str) -> None:
        self._taken.discard(_number(address))
        self._is_full = False

    def __contains__(self, address: str) -> bool:
        """Whether it is this subnet's, taken or not."""
        return ipaddress.ip_address(_bare(address)) in self.subnet

    def _text(self, number: int) -> str:
        kind = type(self.subnet.network_address)
        return f"{kind(number)}/{self.subnet.prefixlen}"


def subnet_of(text: str) -> Subnet:
    """Raises ValueError."""
    return ipaddress.ip_network(text, strict=False)


def take_from(pools: Iterable[AddressPool]) -> str | None:
    """From the first that has one left."""
    for pool in pools:
        if (address := pool.take()) is not None:
            return address
    return None


def _ends(subnet: Subnet) -> tuple[int, int]:
    return int(subnet.network_address), int(subnet.broadcast_address)


def _bare(address: str) -> str:
    return address.partition("/")[0]


def _number(address: str) -> int:
    return int(ipaddress.ip_address(_bare(address)))
