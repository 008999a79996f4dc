"""Zones of a name server that takes dynamic updates (RFC 2136), signed with TSIG (`DnsProvider`).

What OVH's API lacks is here: a record set is replaced as one, and only where it still is what was
seen (prerequisites, RFC 2136 2.4). What was taken is served at once.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update

from swarm_operator.clients.host_addresses import HostAddresses
from swarm_operator.clients.timing import CallTimer, DurationMetric, NoMetrics
from swarm_operator.observed.dns import (
    ANY,
    Capabilities,
    Record,
    RrsetChange,
    RrsetKey,
    canonical,
)
from swarm_operator.observed.dns_errors import NotAuthorised, ZoneRefused
from swarm_operator.observed.errors import Conflict, LeaseLost, OutsideError, Unavailable

TIMEOUT_S: Final = 5.0
_OF_DNSSEC: Final = frozenset({"RRSIG", "NSEC", "NSEC3"})
"""These may stand beside a CNAME (RFC 4034)."""
_NO_RECORDS: Final = frozenset({dns.rcode.NOERROR, dns.rcode.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class TsigKey:
    """The key that updates are signed with."""

    name: str
    secret: Path
    """A file with the secret in base64."""
    algorithm: str = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class UpdateServer:
    """The primary server of some zones. `address` is an IP address, or a host name, looked up when it
    is asked."""

    address: str
    port: int
    key: TsigKey | None

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class UpdatedZones:
    """Zones of one server. The key is read anew for each request."""

    capabilities: Final = Capabilities(needs_publish=False, calls_for_a_change=3)

    def __init__(
        self,
        server: UpdateServer,
        *,
        metrics: DurationMetric | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Nothing is read or sent before the first call."""
        self._server = server
        self._timer = CallTimer("rfc2136", metrics or NoMetrics())
        self._timeout_s = timeout_s
        self._hosts = HostAddresses()
        self._sent = 0

    def read(self, zone: str, name: str, types: Collection[str]) -> tuple[Record, ...]:
        """Asks the server itself, over TCP: an answer is never cut short, nor from a cache."""
        found: list[Record] = []
        for type_ in types:
            records = tuple(self._records(zone, name, type_))
            if records and self._exists(zone, name, type_):
                found += records
        return tuple(found)

    def apply(self, change: RrsetChange, may_go_on: Callable[[], bool]) -> None:
        """One message for the whole change: all of it is done, or nothing."""
        if not change.operations:
            return
        _require_ttl(change)
        if not may_go_on():
            raise LeaseLost(f"{change.key.fqdn}: the lease is not ours any more")
        self._ask(_update(change), change.key.zone, "update")

    def publish(self, zone: str) -> None:
        """Nothing to do: what is taken is served."""

    def sent(self) -> int:
        """Since it was asked last."""
        sent, self._sent = self._sent, 0
        return sent

    def _records(self, zone: str, name: str, type_: str) -> Iterator[Record]:
        key = RrsetKey(zone, name, type_)  # type: ignore[arg-type]  # any type may be looked for
        query = dns.message.make_query(_absolute(key.fqdn), type_)
        query.flags &= ~dns.flags.RD
        answer = self._ask(query, zone, "query")
        for rrset in answer.answer:
            found = dns.rdatatype.to_text(rrset.rdtype)
            is_meant = type_ in {ANY, found} and found not in _OF_DNSSEC
            if rrset.name == query.question[0].name and is_meant:
                for rdata in rrset:
                    value = canonical(found, rdata.to_text(), zone)
                    yield Record(None, name, found, value, rrset.ttl)

    def _exists(self, zone: str, name: str, type_: str) -> bool:
        """Whether the zone has a set of exactly this name; else a wildcard answered (RFC 4592).

        Prerequisites tell them apart (RFC 2136 2.4.1, 2.4.4): an update of nothing but one of them. Who
        may send none has the answer's word only.
        """
        update = dns.update.UpdateMessage(_absolute(zone))
        fqdn = _absolute(RrsetKey(zone, name, "A").fqdn)
        if type_ == ANY:
            update.present(fqdn)
        else:
            update.present(fqdn, type_)
        try:
            self._ask(update, zone, "update")
        except Conflict:
            return False
        except NotAuthorised as error:
            if error.what != "right":
                raise
        return True

    def _ask(self, message: dns.message.Message, zone: str, verb: str) -> dns.message.Message:
        where = f"name server {self._server}, zone {zone}: {verb}"
        self._sign(message)
        address = self._hosts.address_of(self._server.address)
        if address is None:
            raise Unavailable(f"{where}: its name cannot be resolved")
        self._sent += 1
        with self._timer.timed(verb) as call:
            with _failures(where):
                answer = dns.query.tcp(message, address, self._timeout_s, port=self._server.port)
            call.code = dns.rcode.to_text(answer.rcode())
        if answer.rcode() not in (_NO_RECORDS if verb == "query" else {dns.rcode.NOERROR}):
            raise _refused(answer.rcode(), where)
        return answer

    def _sign(self, message: dns.message.Message) -> None:
        key = self._server.key
        if key is None:
            return
        try:
            secret = key.secret.read_text(encoding="utf-8").strip()
            ring = dns.tsigkeyring.from_text({key.name: secret})
        except (OSError, ValueError):
            message_ = f"name server {self._server}: {key.secret} holds no TSIG secret in base64"
            raise NotAuthorised(message_, "key") from None
        message.use_tsig(ring, keyname=_absolute(key.name), algorithm=key.algorithm)


def _require_ttl(change: RrsetChange) -> None:
    """An update says a number; 0 would be "not to be kept by anybody" (RFC 1035 3.2.1)."""
    if change.after and change.ttl == 0:
        text = (
            f"{change.key.fqdn}: ttl: 0 means the zone's default, which dynamic updates cannot say: "
            "write a number of seconds, as 60"
        )
        raise ZoneRefused(text, "Refused")


def _update(change: RrsetChange) -> dns.update.UpdateMessage:
    """Replaces the set, if it still is as it was seen: without it, or with exactly these values."""
    key = change.key
    update = dns.update.UpdateMessage(_absolute(key.zone))
    name = _absolute(key.fqdn)
    if change.before:
        update.present(name, _rrset(key, [record.value for record in change.before], 0))
    else:
        update.absent(name, key.type)
    if not change.before:
        if key.type == "CNAME":
            update.absent(name)  # nothing may stand beside it (RFC 1034 3.6.2)
        else:
            update.absent(name, "CNAME")
    if change.after:
        update.replace(name, _rrset(key, change.after, change.ttl))
    else:
        update.delete(name, key.type)
    return update


def _rrset(key: RrsetKey, values: Collection[str], ttl: int) -> dns.rrset.RRset:
    texts = [f"{value}." if key.type == "CNAME" else value for value in values]
    return dns.rrset.from_text_list(_absolute(key.fqdn), ttl, "IN", key.type, texts)


def _absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name)


@contextlib.contextmanager
def _failures(where: str) -> Iterator[None]:
    try:
        yield
    except (dns.tsig.BadSignature, dns.tsig.PeerBadSignature, dns.tsig.PeerBadKey) as error:
        kind = type(error).__name__
        raise NotAuthorised(f"{where}: the key is not taken ({kind})", "key") from None
    except (dns.tsig.BadTime, dns.tsig.PeerBadTime):
        raise NotAuthorised(f"{where}: the clocks differ too much for TSIG", "clock") from None
    except (dns.exception.DNSException, OSError, EOFError) as error:
        raise Unavailable(f"{where}: no answer ({type(error).__name__})") from None


def _refused(rcode: dns.rcode.Rcode, where: str) -> OutsideError:
    """RFC 2136 2.2 and 3: what each code says of an update."""
    text = f"{where}: {dns.rcode.to_text(rcode)}"
    if rcode in {dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN}:
        return Conflict(f"{text}: the record set is not what it was")
    if rcode == dns.rcode.NOTAUTH:
        return NotAuthorised(f"{text}: the server does not take this key for the zone", "key")
    if rcode == dns.rcode.REFUSED:
        return NotAuthorised(f"{text}: the key may not do this", "right")
    if rcode == dns.rcode.NOTZONE:
        return ZoneRefused(text, "ZoneUnknown")
    if rcode == dns.rcode.SERVFAIL:
        return Unavailable(text)
    return ZoneRefused(text, "Refused")
