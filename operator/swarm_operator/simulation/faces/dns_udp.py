"""An authoritative name server for the zones of a simulated provider: what is served, over UDP.

It answers what `dig` asks for one name and type; transfers, updates and TCP it does not know.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from swarm_operator.simulation.dns.zone import Zone


class NameServer(asyncio.DatagramProtocol):
    """Lives in the world's own loop, whose thread owns the zones."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = zones
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            query = dns.message.from_wire(data)
            answer = answered(query, self._zones)
        except (dns.exception.DNSException, IndexError):
            return
        self._transport.sendto(answer.to_wire(), addr)


def answered(query: dns.message.Message, zones: Mapping[str, Zone]) -> dns.message.Message:
    """The answer to one question; REFUSED for what is of no zone here."""
    answer = dns.message.make_response(query)
    question = query.question[0]
    fqdn = question.name.to_text(omit_final_dot=True).lower()
    zone = next((z for n, z in zones.items() if fqdn == n or fqdn.endswith(f".{n}")), None)
    if zone is None:
        answer.set_rcode(dns.rcode.REFUSED)
        return answer
    answer.flags |= dns.flags.AA
    name = fqdn.removesuffix(zone.name).removesuffix(".")
    type_ = dns.rdatatype.to_text(question.rdtype)
    served = zone.serves(name, type_)
    if served:
        targets, ttl = [target for target, _ in served], min(ttl for _, ttl in served)
        found = dns.rrset.from_text_list(
            question.name, ttl, "IN", type_, targets, origin=dns.name.from_text(zone.name),
            relativize=False,
        )  # fmt: skip
        answer.answer.append(found)
    elif not zone.has_name(name):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer
