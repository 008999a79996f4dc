"""One zone: records that the API shows, and those that are served since the last refresh."""

import itertools
import random
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

LEAST_TTL = 60
TYPES = frozenset(
    {"A", "AAAA", "CAA", "CNAME", "DKIM", "DMARC", "DNAME", "LOC", "MX", "NAPTR", "NS", "PTR"}
    | {"SPF", "SRV", "SSHFP", "TLSA", "TXT"}
)


class Refusal(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, message: str, error_class: str = "Client::BadRequest") -> None:
        super().__init__(message)
        self.status = status
        self.error_class = error_class


@dataclass(frozen=True)
class ZoneRecord:
    """A record as the API shows it."""

    id: int
    zone: str
    field_type: str
    sub_domain: str
    target: str
    ttl: int

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "zone": self.zone,
            "fieldType": self.field_type,
            "subDomain": self.sub_domain,
            "target": self.target,
            "ttl": self.ttl,
        }


@dataclass
class Behaviour:
    """What may be so or otherwise."""

    refresh_takes_s: float = 0.0
    one_refresh_at_a_time: bool = False
    creates_with_id_0: bool = False
    hides_new_records_for: int = 0
    """So many reads of a new record answer 404."""
    expired: bool = False


Publish = Callable[[str, tuple[ZoneRecord, ...]], None]


@dataclass
class Zone:
    """All calls may come from several threads."""

    name: str
    publish: Publish
    behaviour: Behaviour = field(default_factory=Behaviour)
    records: dict[int, ZoneRecord] = field(default_factory=dict)
    refreshes: int = 0
    _ids: random.Random = field(default_factory=lambda: random.Random(7))
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _hidden: dict[int, int] = field(default_factory=dict)
    _refreshing: int = 0
    _timers: list[threading.Timer] = field(default_factory=list)

    def matching(self, field_type: str | None, sub_domain: str | None) -> list[int]:
        """Ids in no order. The filters are SQL's: `_` and `%` stand for others, case is not seen."""
        self._alive()
        with self._lock:
            found = [
                record.id
                for record in self.records.values()
                if (field_type is None or _like(field_type, record.field_type))
                and (sub_domain is None or _like(sub_domain, record.sub_domain))
            ]
            self._ids.shuffle(found)
            return found

    def get(self, id_: int) -> ZoneRecord:
        self._alive()
        with self._lock:
            if self._hidden.get(id_, 0) > 0:
                self._hidden[id_] -= 1
                raise _no_record()
            if id_ not in self.records:
                raise _no_record()
            return self.records[id_]

    def create(self, body: Any) -> dict[str, Any]:
        self._alive()
        if not isinstance(body, dict) or not {"fieldType", "target"} <= body.keys():
            raise Refusal(400, "Missing parameter(s)")
        if body["fieldType"] not in TYPES:
            raise Refusal(400, "Invalid value for fieldType")
        with self._lock:
            record = ZoneRecord(
                id=self._new_id(),
                zone=self.name,
                field_type=body["fieldType"],
                sub_domain=str(body.get("subDomain") or ""),
                target=_quoted(body["fieldType"], str(body["target"])),
                ttl=_ttl(body.get("ttl", 0)),
            )
            self.records[record.id] = record
            self._hidden[record.id] = self.behaviour.hides_new_records_for
            shown = record.as_json()
            return {**shown, "id": 0} if self.behaviour.creates_with_id_0 else shown

    def update(self, id_: int, body: Any) -> None:
        self._alive()
        if not isinstance(body, dict) or not body.keys() <= {"subDomain", "target", "ttl"}:
            raise Refusal(400, "You cannot modify read-only properties")
        with self._lock:
            record = self.get(id_)
            self.records[id_] = replace(
                record,
                sub_domain=str(body.get("subDomain", record.sub_domain) or ""),
                target=_quoted(record.field_type, str(body.get("target", record.target))),
                ttl=_ttl(body.get("ttl", record.ttl)),
            )

    def delete(self, id_: int) -> None:
        self._alive()
        with self._lock:
            self.get(id_)
            del self.records[id_]

    def refresh(self) -> None:
        """What is shown now is served after a while; nobody is told when."""
        self._alive()
        with self._lock:
            if self._refreshing and self.behaviour.one_refresh_at_a_time:
                raise Refusal(409, "A refresh of this zone is running", "Client::Conflict")
            taken = tuple(self.records.values())
            self.refreshes += 1
            self._refreshing += 1
        if self.behaviour.refresh_takes_s <= 0:
            self._serve(taken)
            return
        timer = threading.Timer(self.behaviour.refresh_takes_s, self._serve, [taken])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def renumber(self) -> None:
        """As an edit in the console's text mode does: every record gets another id."""
        with self._lock:
            renewed = [replace(record, id=self._new_id()) for record in self.records.values()]
            self.records = {record.id: record for record in renewed}

    def has(self, sub_domain: str, field_type: str = "A") -> list[tuple[str, int]]:
        """Targets and TTLs that the API shows, sorted."""
        with self._lock:
            return sorted(
                (record.target, record.ttl)
                for record in self.records.values()
                if (record.sub_domain, record.field_type) == (sub_domain, field_type)
            )

    def put(self, sub_domain: str, target: str, field_type: str = "A", ttl: int = 60) -> int:
        """A record by another hand; its id."""
        body = {"fieldType": field_type, "subDomain": sub_domain, "target": target, "ttl": ttl}
        with self._lock:
            before = set(self.records)
            self.create(body)
            (new,) = set(self.records) - before
            self._hidden.pop(new, None)
            return new

    def close(self) -> None:
        """No refresh is served any more."""
        for timer in self._timers:
            timer.cancel()
            timer.join()

    def _serve(self, taken: tuple[ZoneRecord, ...]) -> None:
        try:
            self.publish(self.name, taken)
        finally:
            with self._lock:
                self._refreshing -= 1

    def _alive(self) -> None:
        if self.behaviour.expired:
            raise Refusal(460, "This service is expired", "Client::ServiceExpired")

    def _new_id(self) -> int:
        return next(
            id_
            for id_ in (self._ids.randrange(10**9, 6 * 10**9) for _ in itertools.count())
            if id_ not in self.records
        )


def values_of(records: Iterable[ZoneRecord]) -> list[tuple[str, str, int, str]]:
    """Name ("@": the zone's own), type, TTL and value, for a name server."""
    return [(r.sub_domain or "@", r.field_type, r.ttl or 3600, r.target) for r in records]


def _like(pattern: str, text: str) -> bool:
    regex = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(regex, text, re.IGNORECASE) is not None


def _ttl(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or 0 < value < LEAST_TTL or value < 0:
        raise Refusal(400, "Invalid TTL: it must be 0 or at least 60")
    return value


def _quoted(field_type: str, target: str) -> str:
    if field_type == "TXT" and not target.startswith('"'):
        return f'"{target}"'
    return target


def _no_record() -> Refusal:
    return Refusal(404, "This service does not exist", "Client::NotFound")
