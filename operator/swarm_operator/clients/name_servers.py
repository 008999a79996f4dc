"""What the authoritative name servers of a zone serve, asked directly (implements `NameServers`)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
_LOOK_AGAIN_S: Final = 600.0
_LEAST_S: Final = 30.0
"""Between two looks for who serves a zone."""
_FIRST_S: Final = 5.0
"""The same while nobody is known."""


class Server(NamedTuple):
    """A name server. `address` is an IP address."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class _Known(NamedTuple):
    servers: tuple[Server, ...]
    at: float


_NOBODY: Final = _Known((), float("-inf"))


class ZoneServers:
    """Asks the servers that the settings name for a zone, or else those of its NS records: these are
    looked up again now and then, and soon where none of them answers, so that a zone that moved to
    others is not asked for where it was."""

    def __init__(
        self,
        named: Mapping[str, Sequence[Server]],
        *,
        timeout_s: float = TIMEOUT_S,
        look_up: Callable[[str], Iterable[Server]] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked before the first call. `look_up`: who serves a zone; by default its NS
        records say so, by the machine's own resolver."""
        self._named = named
        self._timeout_s = timeout_s
        self._look_up = look_up or _of_ns_records
        self._now = now
        self._found: dict[str, _Known] = {}
        self._silent: set[str] = set()
        """Zones of which no server answered the last question."""

    def ask(self, zone: str, fqdn: str, type_: str) -> tuple[Answer, ...]:
        """Every server by itself: one that is slow or away says nothing of the others."""
        answers = tuple(self._ask(server, zone, fqdn, type_) for server in self._servers(zone))
        (self._silent.discard if any(not one.error for one in answers) else self._silent.add)(zone)
        return answers

    def _servers(self, zone: str) -> tuple[Server, ...]:
        named = self._named.get(zone)
        if named:
            return tuple(named)
        known = self._found.get(zone, _NOBODY)
        age_s = self._now() - known.at
        soon_s = _LEAST_S if known.servers else _FIRST_S
        if age_s >= _LOOK_AGAIN_S or (zone in self._silent and age_s >= soon_s):
            # Where nothing is found now, those that were are asked on.
            found = tuple(self._look_up(zone)) or known.servers
            known = self._found[zone] = _Known(found, self._now())
        return known.servers

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
