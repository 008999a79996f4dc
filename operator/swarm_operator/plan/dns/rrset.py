"""The plan for one record set: which records to change, make and take away, and which to leave.

Other names and types are never touched, nor are records of another hand: ours are those whose value
we wrote, those that hold a node's address, and what the binding may `adopt`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from swarm_operator.observed.dns import (
    Create,
    Delete,
    Record,
    RecordOperation,
    RrsetChange,
    RrsetKey,
    Update,
)

Policy: TypeAlias = Literal["update-only", "upsert", "sync"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record set is to be, values in canonical form. No values: it is to go."""

    key: RrsetKey
    values: tuple[str, ...]
    ttl: int


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be taken for ours, and what may be done with it."""

    policy: Policy = "upsert"
    owned: frozenset[str] = frozenset()
    """Values that we wrote into this record set."""
    of_nodes: frozenset[str] = frozenset()
    """Values that name a node of the swarm, now or at the last look."""
    adopt: bool = False

    def owns(self, value: str) -> bool:
        return self.adopt or value in self.owned or value in self.of_nodes


@dataclass(frozen=True, slots=True)
class RrsetPlan:
    """At no step of the change is a wished value missing that was there before, and none but the
    values before and after are served."""

    change: RrsetChange
    foreign: tuple[str, ...] = ()
    """Values of another hand that stay beside ours."""
    lacking: tuple[str, ...] = ()
    """Wished, but there is no record to change and the policy makes none."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing may be changed here before a person decides."""

    reason: Literal["ForeignRecord", "RecordMissing", "CnameConflict"]
    message: str


def plan_rrset(wanted: Wanted, observed: Iterable[Record], rights: Rights) -> RrsetPlan | Refused:
    """From the records at the name, as far as they were read, to the wished values of one type."""
    at_name = tuple(observed)
    if wanted.values and _stands_beside_cname(wanted.key, at_name):
        types = ", ".join(sorted({record.type for record in at_name} - {wanted.key.type}))
        message = f"{wanted.key.fqdn} has records of type {types}: nothing stands beside a CNAME"
        return Refused("CnameConflict", message)
    present = tuple(record for record in at_name if record.type == wanted.key.type)
    wished = frozenset(wanted.values)
    ours = tuple(
        record for record in present if record.value in wished or rights.owns(record.value)
    )
    foreign = _values(record for record in present if record not in ours)
    if wanted.values and not ours:
        if foreign:
            return _foreign(wanted.key, foreign)
        if rights.policy == "update-only":
            message = (
                f"{wanted.key.fqdn} has no {wanted.key.type} record, and the policy makes none"
            )
            return Refused("RecordMissing", message)
    return _plan(wanted, present, ours, foreign, rights.policy)


def _plan(
    wanted: Wanted,
    present: tuple[Record, ...],
    ours: tuple[Record, ...],
    foreign: tuple[str, ...],
    policy: Policy,
) -> RrsetPlan:
    kept, surplus = _matched(wanted, ours)
    missing = [value for value in wanted.values if value not in {record.value for record in kept}]
    reused, surplus = surplus[: len(missing)], surplus[len(missing) :]
    changed = [
        Update(record, value, wanted.ttl) for record, value in zip(reused, missing, strict=False)
    ]
    unfilled = missing[len(reused) :]
    lacking = tuple(unfilled) if policy == "update-only" else ()
    made = [Create(value, wanted.ttl) for value in unfilled if value not in lacking]
    timed = [Update(one, one.value, wanted.ttl) for one in kept if one.ttl != wanted.ttl]
    leavings = tuple(_leavings(surplus, wanted, policy))
    stay = () if wanted.values or policy == "sync" else _values(ours)
    change = RrsetChange(
        key=wanted.key,
        operations=(*changed, *made, *timed, *leavings),
        before=present,
        after=(*(value for value in wanted.values if value not in lacking), *stay, *foreign),
        ttl=wanted.ttl,
    )
    return RrsetPlan(change, foreign, lacking)


def _matched(wanted: Wanted, ours: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """For each wished value one record that has it already, and all other records of ours.

    Those that are stale come before duplicates: they are the ones to be used again.
    """
    kept: dict[str, Record] = {}
    for record in sorted(ours, key=lambda one: one.ttl != wanted.ttl):
        if record.value in wanted.values:
            kept.setdefault(record.value, record)
    taken = list(kept.values())
    surplus = [record for record in ours if not any(record is one for one in taken)]
    surplus.sort(key=lambda one: one.value in wanted.values)
    return taken, surplus


def _leavings(
    surplus: Sequence[Record], wanted: Wanted, policy: Policy
) -> Iterator[RecordOperation]:
    """What becomes of records of ours that nobody needs.

    Without the right to delete, a stale one becomes a twin of a wished one (OVH takes duplicates, and
    name servers answer each value once), so that nobody is sent to a node that is gone.
    """
    for record in surplus:
        if policy == "sync":
            yield Delete(record)
        elif wanted.values:
            value = record.value if record.value in wanted.values else wanted.values[0]
            if (value, wanted.ttl) != (record.value, record.ttl):
                yield Update(record, value, wanted.ttl)


def _stands_beside_cname(key: RrsetKey, at_name: Iterable[Record]) -> bool:
    """A CNAME allows nothing beside it (RFC 1034 3.6.2); OVH accepts it and serves it broken."""
    types = {record.type for record in at_name}
    return bool(types - {"CNAME"}) if key.type == "CNAME" else "CNAME" in types


def _values(records: Iterable[Record]) -> tuple[str, ...]:
    """Each value once, in order."""
    return tuple(dict.fromkeys(record.value for record in records))


def _foreign(key: RrsetKey, values: tuple[str, ...]) -> Refused:
    held = ", ".join(values)
    message = (
        f"{key.fqdn} {key.type} is {held}: neither written by the operator nor the address of a "
        "node; write adopt: true to take it over"
    )
    return Refused("ForeignRecord", message)
