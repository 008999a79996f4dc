"""What the authoritative name servers of a zone serve, asked directly (implements `NameServers`)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode

from swarm_operator.clients.host_addresses import HostAddresses
from swarm_operator.observed.dns import Answer, Question, canonical

TIMEOUT_S: Final = 2.0
_LIFETIME_S: Final = 5.0
"""Of a look for who serves a zone, or for a host of the settings."""
_RESOLVERS: Final = 4
"""Hosts of the settings that are looked up at one moment."""
_AT_ONCE: Final = 128
"""Servers that are waited for at one moment."""
_PORT: Final = 53
_LOOK_AGAIN_S: Final = 600.0
_LEAST_S: Final = 30.0
"""Between two looks for who serves a zone."""
_FIRST_S: Final = 5.0
_LONGEST_S: Final = 60.0
"""The same while nobody is known, doubling from the first to the longest."""


class Server(NamedTuple):
    """A name server. `address` is an IP address, or a host name, looked up when it is asked."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class _Known(NamedTuple):
    servers: tuple[Server, ...]
    at: float
    looks_in_vain: int = 0


_NOBODY: Final = _Known((), float("-inf"))


class ZoneServers:
    """Asks the servers that the settings name for a zone, or else those of its NS records: these are
    looked up again now and then, and soon where none of them answers, so that a zone that moved to
    others is not asked for where it was. For one thread at a time."""

    def __init__(
        self,
        named: Mapping[str, Sequence[Server]],
        *,
        timeout_s: float = TIMEOUT_S,
        look_up: Callable[[str], Awaitable[Sequence[Server]]] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked before the first call. `look_up`: who serves a zone; by default its NS
        records say so, by the machine's own resolver."""
        self._named = named
        self._timeout_s = timeout_s
        self._look_up = look_up or _of_ns_records
        self._now = now
        self._hosts = HostAddresses(now=now)
        # Of its own: a round waits for its loop's threads at its end.
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, "dns hosts")
        self._found: dict[str, _Known] = {}
        self._silent: set[str] = set()
        """Zones of which no server answered the last question."""

    def ask(self, zone: str, fqdn: str, type_: str) -> tuple[Answer, ...]:
        """Every server by itself: one that is slow or away says nothing of the others."""
        found: list[tuple[Answer, ...]] = []
        self.ask_all([Question(zone, fqdn, type_)], lambda _question, said: found.append(said))
        return found[0]

    def ask_all(
        self,
        questions: Sequence[Question],
        tell: Callable[[Question, tuple[Answer, ...]], None],
    ) -> None:
        """Questions and servers side by side, so that the slowest one says how long it takes: twice
        the time for an answer, as a long one comes by TCP; five seconds more where a host of the
        settings has to be found, and five seconds twice where a zone's servers have. `tell` is called
        in this thread, for each as soon as it is known."""
        asyncio.run(_Round(self, tell).ask(questions))

    def known(self, zone: str) -> tuple[Server, ...] | None:
        """Whom to ask; None where they have to be looked up now."""
        named = self._named.get(zone)
        if named:
            return tuple(named)
        known = self._found.get(zone, _NOBODY)
        soon_s = _LEAST_S
        if not known.servers:
            soon_s = min(_LONGEST_S, _FIRST_S * 2.0 ** max(0, known.looks_in_vain - 1))
        age_s = self._now() - known.at
        is_due = age_s >= _LOOK_AGAIN_S or (zone in self._silent and age_s >= soon_s)
        return None if is_due else known.servers

    async def look_again(self, zone: str) -> tuple[Server, ...]:
        """Where nothing is found now, those that were are asked on."""
        before = self._found.get(zone, _NOBODY)
        found = tuple(await self._look_up(zone))
        in_vain = 0 if found else before.looks_in_vain + 1
        self._found[zone] = _Known(found or before.servers, self._now(), in_vain)
        return self._found[zone].servers

    def note(self, zone: str, answers: Sequence[Answer]) -> None:
        """Whether anybody of the zone speaks."""
        (self._silent.discard if any(not one.error for one in answers) else self._silent.add)(zone)

    async def ask_one(self, server: Server, question: Question) -> Answer:
        """What one server says, or why it does not."""
        zone, fqdn, type_ = question
        query = dns.message.make_query(dns.name.from_text(fqdn), type_)
        query.flags &= ~dns.flags.RD
        address = await self._address_of(server.address)
        if address is None:
            return Answer(str(server), error="its name cannot be resolved")
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                query, address, self._timeout_s, port=server.port
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return Answer(str(server), error=type(error).__name__)
        if answer.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return Answer(str(server), error=dns.rcode.to_text(answer.rcode()))
        if not answer.flags & dns.flags.AA:
            return Answer(str(server), error="it is not authoritative for the zone")
        asked = query.question[0]
        for rrset in answer.answer:
            if rrset.name == asked.name and rrset.rdtype == asked.rdtype:
                values = sorted(canonical(type_, rdata.to_text(), zone) for rdata in rrset)
                return Answer(str(server), tuple(values), rrset.ttl)
        return Answer(str(server))

    async def _address_of(self, host: str) -> str | None:
        if self._hosts.is_at_hand(host):
            return self._hosts.address_of(host)
        loop = asyncio.get_running_loop()
        looks = loop.run_in_executor(self._resolvers, self._hosts.address_of, host)
        try:
            return await asyncio.wait_for(looks, _LIFETIME_S)
        except TimeoutError:
            return None


class _Round:
    """Questions that are asked together; who serves a zone is looked up once for all of them."""

    def __init__(
        self, zones: ZoneServers, tell: Callable[[Question, tuple[Answer, ...]], None]
    ) -> None:
        self._zones = zones
        self._tell = tell
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._looks: dict[str, asyncio.Task[tuple[Server, ...]]] = {}

    async def ask(self, questions: Sequence[Question]) -> None:
        await asyncio.gather(*map(self._ask, questions))

    async def _ask(self, question: Question) -> None:
        servers = await self._servers(question.zone)
        answers = await asyncio.gather(*(self._ask_one(server, question) for server in servers))
        self._zones.note(question.zone, answers)
        self._tell(question, tuple(answers))

    async def _servers(self, zone: str) -> tuple[Server, ...]:
        known = self._zones.known(zone)
        if known is not None:
            return known
        if zone not in self._looks:
            self._looks[zone] = asyncio.create_task(self._zones.look_again(zone))
        return await self._looks[zone]

    async def _ask_one(self, server: Server, question: Question) -> Answer:
        async with self._room:
            return await self._zones.ask_one(server, question)


async def _of_ns_records(zone: str) -> Sequence[Server]:
    """By the machine's own resolver; nothing where it does not know."""
    found = await asyncio.gather(*map(_address_of, sorted(await _resolved(zone, "NS"))))
    return [Server(address) for address in found if address is not None]


async def _address_of(name: str) -> str | None:
    both = await asyncio.gather(*(_resolved(name, type_) for type_ in ("A", "AAAA")))
    return next((values[0] for values in both if values), None)


async def _resolved(name: str, type_: str) -> list[str]:
    try:
        found = await dns.asyncresolver.resolve(name, type_, lifetime=_LIFETIME_S)
    except (dns.exception.DNSException, OSError):
        return []
    return [rdata.to_text() for rdata in found]
