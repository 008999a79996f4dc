"""What the authoritative name servers of a zone serve, asked directly (implements `NameServers`)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.resolver

from swarm_operator.observed.dns import Answer, canonical

TIMEOUT_S: Final = 2.0
_LIFETIME_S: Final = 5.0
_PORT: Final = 53


class Server(NamedTuple):
    """A name server. `address` is an IP address."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class ZoneServers:
    """Asks the servers that the settings name for a zone, or else those of its NS records."""

    def __init__(
        self, named: Mapping[str, Sequence[Server]], *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Nothing is asked before the first call."""
        self._named = named
        self._timeout_s = timeout_s
        self._found: dict[str, tuple[Server, ...]] = {}

    def ask(self, zone: str, fqdn: str, type_: str) -> tuple[Answer, ...]:
        """Every server by itself: one that is slow or away says nothing of the others."""
        return tuple(self._ask(server, zone, fqdn, type_) for server in self._servers(zone))

    def forget(self) -> None:
        """The servers of all zones are looked up again."""
        self._found.clear()

    def _servers(self, zone: str) -> tuple[Server, ...]:
        named = self._named.get(zone)
        if named:
            return tuple(named)
        if zone not in self._found:
            found = tuple(_of_ns_records(zone))
            if not found:
                return ()
            self._found[zone] = found
        return self._found[zone]

    def _ask(self, server: Server, zone: str, fqdn: str, type_: str) -> Answer:
        query = dns.message.make_query(dns.name.from_text(fqdn), type_)
        query.flags &= ~dns.flags.RD
        try:
            answer, _ = dns.query.udp_with_fallback(
                query, server.address, self._timeout_s, port=server.port
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return Answer(str(server), error=type(error).__name__)
        if answer.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return Answer(str(server), error=dns.rcode.to_text(answer.rcode()))
        if not answer.flags & dns.flags.AA:
            return Answer(str(server), error="it is not authoritative for the zone")
        question = query.question[0]
        for rrset in answer.answer:
            if rrset.name == question.name and rrset.rdtype == question.rdtype:
                values = sorted(canonical(type_, rdata.to_text(), zone) for rdata in rrset)
                return Answer(str(server), tuple(values), rrset.ttl)
        return Answer(str(server))


def _of_ns_records(zone: str) -> Iterator[Server]:
    """By the machine's own resolver; nothing where it does not know."""
    try:
        names = [rdata.target for rdata in dns.resolver.resolve(zone, "NS", lifetime=_LIFETIME_S)]
    except (dns.exception.DNSException, OSError):
        return
    for name in sorted(names):
        for type_ in ("A", "AAAA"):
            try:
                found = dns.resolver.resolve(name, type_, lifetime=_LIFETIME_S)
            except (dns.exception.DNSException, OSError):
                continue
            yield Server(next(iter(found)).address)
            break
