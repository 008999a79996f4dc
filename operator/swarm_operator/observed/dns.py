"""DNS records and changes of them: one form for equal values, whatever a provider calls them."""

import ipaddress
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from desired_state.dns_forms import APEX, RecordType

ANY: Final = "ANY"
"""Every type of record that a name has."""
ADDRESS_TYPES: Final[tuple[RecordType, ...]] = ("A", "AAAA")


@dataclass(frozen=True, slots=True)
class RrsetKey:
    """One record set: a name of a zone ("@": its own) and a type."""

    zone: str
    name: str
    type: RecordType

    @property
    def fqdn(self) -> str:
        """The whole name, without a final dot."""
        return self.zone if self.name == APEX else f"{self.name}.{self.zone}"


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a zone. `ttl` in seconds, 0: the zone's default."""

    id: str | None
    """The provider's, where it has such; None elsewhere."""
    name: str
    type: str
    value: str
    ttl: int


def canonical(type_: str, value: str, zone: str) -> str:
    """The form of a value that is compared.

    Addresses in their short form; names in lower case, whole and without the final dot: one without
    it is relative to the zone, as in zone files and as OVH reads them.
    """
    if type_ in ADDRESS_TYPES:
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError:
            return value.strip()
    if type_ == "CNAME":
        text = value.strip().lower()
        return text.removesuffix(".") if text.endswith(".") else f"{text}.{zone}"
    return value


@dataclass(frozen=True, slots=True)
class Update:
    """A record keeps its id and gets another value, or another TTL."""

    record: Record
    value: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Create:
    """A record more."""

    value: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Delete:
    """A record less."""

    record: Record


RecordOperation: TypeAlias = Update | Create | Delete


@dataclass(frozen=True, slots=True)
class RrsetChange:
    """Operations on one record set, in the order in which they are to be sent."""

    key: RrsetKey
    operations: tuple[RecordOperation, ...]
    before: tuple[Record, ...]
    """All records of the set as they were seen: the expectation of a compare-and-set."""
    after: tuple[str, ...]
    """All values when it is done, those of other hands among them, each once."""
    ttl: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do."""

    needs_publish: bool
    """Changes are served only after `publish` (OVH's refresh)."""
    calls_for_a_change: int
    """Requests of a read, an update of one record and what makes it served."""


class Question(NamedTuple):
    """To all name servers of a zone: one record set, by its whole name."""

    zone: str
    fqdn: str
    type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one authoritative name server says of one record set."""

    server: str
    """host:port."""
    values: tuple[str, ...] = ()
    """In canonical form, sorted."""
    ttl: int | None = None
    error: str = ""
    """Why there is no answer; empty where there is one, be it an empty one."""
