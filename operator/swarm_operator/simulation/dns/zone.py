"""One zone: records that the API shows, and those that are served since the last refresh.

Ids come in no order, equal records may stand beside each other, and a filter is a pattern of SQL that
does not see case: as OVH's API has it.
"""

import random
import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

LEAST_TTL_S: Final = 60
DEFAULT_TTL_S: Final = 3600
_WRITABLE: Final = frozenset({"subDomain", "target", "ttl"})


class Refusal(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, message: str, error_class: str = "Client::BadRequest") -> None:
        super().__init__(message)
        self.status = status
        self.error_class = error_class


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """`name` is relative to the zone, "" its own; `ttl` in seconds, 0: the zone's default."""

    id: int
    type: str
    name: str
    target: str
    ttl: int


@dataclass(slots=True)
class Zone:
    """A zone without records at first. The same seed gives the same ids."""

    name: str
    rng: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - ids only
    records: dict[int, ZoneRecord] = field(default_factory=dict)
    served: tuple[ZoneRecord, ...] = ()
    refreshes: int = 0

    def matching(self, type_: str | None, name: str | None) -> list[int]:
        """Ids of the records that both patterns match."""
        found = [
            record.id
            for record in self.records.values()
            if (type_ is None or _like(type_, record.type))
            and (name is None or _like(name, record.name))
        ]
        self.rng.shuffle(found)
        return found

    def get(self, id_: int) -> dict[str, Any]:
        """As the API shows it. Raises Refusal."""
        record = self._record(id_)
        return {
            "id": record.id,
            "zone": self.name,
            "fieldType": record.type,
            "subDomain": record.name,
            "target": record.target,
            "ttl": record.ttl,
        }

    def create(self, body: Any) -> dict[str, Any]:
        """A record more. Raises Refusal."""
        if not isinstance(body, dict) or not {"fieldType", "target"} <= body.keys():
            raise Refusal(400, "Missing parameter(s)")
        id_ = self.rng.randrange(10**9, 6 * 10**9)
        self.records[id_] = ZoneRecord(
            id=id_,
            type=str(body["fieldType"]),
            name=str(body.get("subDomain") or ""),
            target=str(body["target"]),
            ttl=_ttl(body.get("ttl", 0)),
        )
        return self.get(id_)

    def update(self, id_: int, body: Any) -> None:
        """Other values; never another type. Raises Refusal."""
        record = self._record(id_)
        if not isinstance(body, dict) or not body.keys() <= _WRITABLE:
            raise Refusal(400, "You cannot modify read-only properties")
        self.records[id_] = replace(
            record,
            name=str(body.get("subDomain", record.name) or ""),
            target=str(body.get("target", record.target)),
            ttl=_ttl(body.get("ttl", record.ttl)),
        )

    def delete(self, id_: int) -> None:
        """A record less. Raises Refusal."""
        self._record(id_)
        del self.records[id_]

    def refresh(self) -> None:
        """What is shown is served from now on."""
        self.served = tuple(self.records.values())
        self.refreshes += 1

    def serves(self, name: str, type_: str) -> list[tuple[str, int]]:
        """Targets and TTLs that a name server answers with, each target once, sorted."""
        found = {
            record.target: record.ttl or DEFAULT_TTL_S
            for record in self.served
            if (record.name.lower(), record.type) == (name.lower(), type_)
        }
        return sorted(found.items())

    def has_name(self, name: str) -> bool:
        """Whether anything is served at it."""
        return not name or any(record.name.lower() == name.lower() for record in self.served)

    def _record(self, id_: int) -> ZoneRecord:
        if id_ not in self.records:
            raise Refusal(404, "This service does not exist", "Client::NotFound")
        return self.records[id_]


def _like(pattern: str, text: str) -> bool:
    regex = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(regex, text, re.IGNORECASE) is not None


def _ttl(value: Any) -> int:
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or 0 < value < LEAST_TTL_S
        or value < 0
    ):
        raise Refusal(400, f"Invalid TTL: it must be 0 or at least {LEAST_TTL_S}")
    return value
