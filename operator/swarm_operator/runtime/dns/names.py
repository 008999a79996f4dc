"""What is remembered of one name between two steps, and how it is read back after a take-over."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from desired_state.dns_forms import RecordType
from desired_state.dns_records import DnsStatus, RrsetStatus
from swarm_operator.observed.dns import RrsetKey
from swarm_operator.observed.swarm import Node, Swarm
from swarm_operator.plan.dns.rrset import Refused, Wanted
from swarm_operator.plan.dns.stability import Followed
from swarm_operator.plan.dns.wanted import Kept
from swarm_operator.plan.dns.wishes import BindingId, Wish

AUDIT_S: Final = 300.0
"""Between two looks at the provider while nothing gives a reason for one."""
STALLED_S: Final = 15.0
"""So long after a take-over a request of the earlier holder may still be done: it is given up after
3 s for the connection and 10 s for the answer."""
CHANGES_KEPT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found and done about a record set, for what it was to be then."""

    wanted: Wanted
    expected: tuple[str, ...] = ()
    """What the name servers are to serve of it; of no meaning where it was refused."""
    refused: Refused | None = None
    lacking: tuple[str, ...] = ()
    would: str = ""
    """What would be changed, were it not forbidden (observe mode, a pause)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a name or a zone cannot be brought in line for now."""

    reason: str
    message: str
    needs_a_person: bool


@dataclass(slots=True)
class Check:
    """How a record set fares at the name servers."""

    at: float
    """When to ask next."""
    since: float
    """From when on what we want should be served there."""
    tries: int = 0
    is_verified: bool = False
    differs_since: float | None = None
    is_unverified: bool = False
    """Not served after a long time; it was published once more."""
    cannot_be_asked: bool = False
    served_by: dict[str, bool] = field(default_factory=dict)
    """By server that answered last: whether it serves what it is to."""
    silent: dict[str, str] = field(default_factory=dict)
    """By server that did not: why."""
    silent_since: dict[str, float] = field(default_factory=dict)
    """By the same servers: when they were first not heard."""
    away: dict[str, str] = field(default_factory=dict)
    """Those of them that have been silent for so long that they are not waited for; and why."""


@dataclass(slots=True)
class Name:
    """One name of a zone. Moments are monotonic seconds, but those of the status."""

    id: BindingId
    wish: Wish | None = None
    """None: nobody wishes it any more, or wishes are not known yet."""
    is_abandoned: bool = False
    is_unread: bool = False
    """Its stack's document cannot be read now, or is held."""
    is_observed: bool = False
    """Its stack is only looked at: nothing of it is written."""
    others: tuple[str, ...] = ()
    """Services that want the name too and do not get it."""
    noted: DnsStatus | None = None
    """As it was said last."""
    followed: Followed = field(default_factory=Followed)
    hosts_noted: tuple[str, ...] = ()
    """Host names that it pointed at when it was taken over; until the swarm was seen."""
    pointed_at: tuple[str, ...] = ()
    """Host names, sorted, for which `wanted` was worked out last."""
    whys: dict[RecordType, str] = field(default_factory=dict)
    """Why a record set is to change, until it has."""
    points_at: tuple[str, ...] = ()
    """Host names of the nodes whose addresses are wished; others only once theirs are known."""
    state: str = "Following"
    wanted: dict[RecordType, Wanted] = field(default_factory=dict)
    wanted_since: float = 0.0
    kept: dict[RecordType, Kept] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    """Why of several nodes some are not in it."""
    is_waiting_for_addresses: bool = False
    judged: dict[RecordType, Judged] = field(default_factory=dict)
    records: dict[RecordType, RrsetStatus] = field(default_factory=dict)
    owed: bool = False
    owed_at: tuple[str, ...] = ()
    """Accounts that it left before what was written there had been published."""
    looked_at: float = 0.0
    audit_at: float = 0.0
    stalled_until: float = 0.0
    """Until then a request of an earlier holder may change it after we looked."""
    doubted: bool = False
    """The name servers serve something else than what we think there is."""
    checks: dict[RecordType, Check] = field(default_factory=dict)
    trouble: Trouble | None = None
    retry_at: float = 0.0
    attempts: int = 0
    refused_with: object = None
    """The account's credentials at its last trouble: with others it is tried again."""
    asks_ahead_at: float = 0.0
    is_held: bool = False
    """By the bound on changes."""
    waits_for_calls: bool = False
    """The account's requests are used up, and others come first."""
    empty_since: float | None = None
    on_empty_acts: bool = False
    """It was empty for so long that `on_empty` says what is published."""
    moments: dict[float, datetime] = field(default_factory=dict)
    """The changes in `followed`, as the status says them."""

    @property
    def policy(self) -> str:
        """Of the binding, or of the last one."""
        if self.wish is not None:
            return self.wish.binding.policy
        return self.noted.policy if self.noted is not None else ""

    def waits_for_a_person(self, now: float) -> bool:
        """It is not tried again soon: credentials, rights, or the binding have to be others."""
        return now < self.retry_at and self.trouble is not None and self.trouble.needs_a_person

    def may_be_written(self, mode: str) -> bool:
        """Whether the operator acts, and neither the binding nor its stack is to be left alone."""
        is_paused = self.wish is not None and self.wish.binding.paused
        return mode == "act" and not (is_paused or self.is_observed)

    def key(self, type_: RecordType) -> RrsetKey:
        return RrsetKey(self.id.zone, self.id.name, type_)

    def owned(self, type_: RecordType) -> frozenset[str]:
        """Values that we wrote, or were about to write when a process ended."""
        known = self.records.get(type_)
        return frozenset() if known is None else frozenset({*known.written, *known.wanted})

    def needs(self, now: float) -> tuple[RecordType, ...]:
        """Types whose records are to be looked at now."""
        if now < self.retry_at:
            return ()
        due = now >= self.audit_at or self.doubted
        return tuple(type_ for type_ in self.wanted if due or self._is_new(type_))

    def changing(self) -> tuple[RecordType, ...]:
        """Types that are wished otherwise than they were brought in line last."""
        return tuple(type_ for type_ in self.wanted if self._is_new(type_))

    def _is_new(self, type_: RecordType) -> bool:
        judged = self.judged.get(type_)
        return judged is None or judged.wanted != self.wanted[type_]

    def wish_is(self, wish: Wish) -> bool:
        """Take over a binding, or another form of it. False where it is the same."""
        if self.wish == wish and not self.is_abandoned:
            return False
        is_first = self.wish is None and self.noted is not None
        if not is_first or self.is_abandoned:
            self.judged = {}
        self.wish, self.is_abandoned = wish, False
        self.trouble, self.retry_at, self.attempts = None, 0.0, 0
        self.asks_ahead_at = 0.0
        types = wish.binding.types
        for part in (self.judged, self.wanted, self.kept, self.checks):
            for type_ in [each for each in part if each not in types]:
                del part[type_]
        if (
            wish.binding.policy == "sync"
        ):  # what we wrote of a type that is not wished any more goes
            for type_, rrset in self.records.items():
                if type_ not in types and rrset.written:
                    self.wanted[type_] = Wanted(self.key(type_), (), rrset.ttl)
        return True

    def is_only_observed(self, is_so: bool) -> None:
        """Whether its stack is only looked at."""
        if self.is_observed != is_so:
            self.is_observed, self.judged = is_so, {}

    def made_room(self) -> None:
        """A record set went: what it stood against may be tried."""
        for type_, judged in list(self.judged.items()):
            if judged.refused is not None and judged.refused.reason == "CnameConflict":
                del self.judged[type_]

    def drop_what_went(self) -> None:
        """Types that are not wished any more, and of which nothing is left."""
        wished = self.wish.binding.types if self.wish is not None else tuple(self.records)
        for type_ in [each for each in self.records if each not in wished]:
            if not self.records[type_].written and type_ not in self.changing():
                for part in (self.records, self.wanted, self.judged, self.checks):
                    part.pop(type_, None)

    def follow_from(self, swarm: Swarm) -> None:
        """Once: the nodes that the status named are where the name points."""
        if self.hosts_noted:
            nodes = tuple(_nodes_of(self.hosts_noted, swarm.nodes))
            self.followed = replace(self.followed, nodes=nodes)
            self.hosts_noted = ()

    def changed(self, now: float) -> None:
        """Its records were changed; several types at one moment are one change."""
        if now in self.followed.changes:
            return
        recent = tuple(each for each in self.followed.changes if now - each < CHANGES_KEPT_S)
        self.followed = replace(self.followed, changes=(*recent, now))


def _nodes_of(hosts: Iterable[str], nodes: Iterable[Node]) -> Iterable[Node]:
    by_host = {node.hostname: node for node in nodes}
    return (by_host[host] for host in hosts if host in by_host)


def read_back(
    id_: BindingId, status: DnsStatus, now: float, utc: datetime, rng: random.Random
) -> Name:
    """A name as an earlier holder of the lease noted it."""
    name = Name(id=id_, noted=status, hosts_noted=status.nodes, owed=status.owed)
    name.pointed_at = tuple(sorted(status.nodes))
    name.is_abandoned = status.state == "Abandoned"
    name.owed_at = status.owed_at
    name.is_observed = status.observed
    name.points_at = status.nodes
    ages = ((utc - moment).total_seconds() for moment in status.changes)
    name.followed = Followed(changes=tuple(now - age for age in ages if age < CHANGES_KEPT_S))
    for type_, rrset in status.records.items():
        if type_ not in _TYPES:
            continue
        name.records[type_] = rrset  # type: ignore[index]
        # Another hand's records beside ours are known, and part of what is served.
        is_known = not status.reason or (status.state, status.reason) == ("InSync", "ForeignRecord")
        if rrset.written and not status.owed and is_known:
            wanted = Wanted(name.key(type_), rrset.written, rrset.ttl)  # type: ignore[arg-type]
            expected = (*rrset.written, *rrset.foreign)
            name.judged[type_] = Judged(wanted, expected)  # type: ignore[index]
    name.audit_at = now + rng.uniform(0.1, 1.0) * AUDIT_S
    if status.owed:
        name.stalled_until = now + STALLED_S
    return name


_TYPES: Final = frozenset({"A", "AAAA", "CNAME"})


def moments(name: Name, now: float, utc: datetime) -> tuple[datetime, ...]:
    """When its records were changed, as the status says it: each worked out once, so that the status
    does not change with the clocks' last digits."""
    known = name.moments
    name.moments = {
        each: known.get(each) or (utc - timedelta(seconds=now - each)).replace(microsecond=0)
        for each in name.followed.changes
    }
    return tuple(name.moments.values())
