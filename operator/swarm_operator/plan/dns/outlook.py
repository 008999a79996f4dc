"""What will become of names as documents and swarm are now, for people: `plan` shows it.

Beside what the operator noted of its own records, not beside the provider's: whoever looks ahead needs
no credentials.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeAlias

from desired_state.dns_forms import Family
from desired_state.dns_records import DnsStatus, RrsetStatus
from swarm_operator.observed.engine_time import parse_time
from swarm_operator.observed.swarm import Swarm, Task
from swarm_operator.plan.dns.addresses import Sources, name_to_ask
from swarm_operator.plan.dns.endpoints import endpoints, untrusted
from swarm_operator.plan.dns.rrset import Wanted
from swarm_operator.plan.dns.stability import Choice, Followed, choose
from swarm_operator.plan.dns.wanted import Kept, wanted_of
from swarm_operator.plan.dns.wishes import (
    BindingId,
    Wish,
    Wishes,
    abandoned,
    resolve_claims,
    with_those_that_stay,
)

CHANGING: Final = frozenset({"create", "update", "remove"})
"""Verbs by which records become something else."""

LookUp: TypeAlias = Callable[[str, str, Family], tuple[str, ...] | None]
"""Zone, whole name, family: the addresses that the zone's name servers say; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class NameChange:
    """What becomes of one record set, or of a name."""

    verb: str
    """create, update or remove; wait where what it follows does not run yet, or has no address; keep where
    the records stay although they are to change; refuse where another service has the name."""
    name: str
    """The whole one."""
    stack: str
    service: str
    """Full name of the swarm's service."""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.verb} name {self.name}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is wished, noted and seen at one moment."""

    wishes: Wishes
    noted: Mapping[BindingId, DnsStatus]
    swarm: Swarm
    utc: datetime
    look_up: LookUp = lambda _zone, _name, _family: None
    mode: str = "act"
    _asked: dict[tuple[str, Family], tuple[str, ...] | None] = field(default_factory=dict)

    def changes(self) -> tuple[NameChange, ...]:
        """Of all names, by name; nothing of those that stand as they are to be."""
        found = [*self._changes()]
        found += self._held_changes(found)
        return tuple(sorted(found, key=lambda change: (change.name, change.message)))

    def _changes(self) -> Iterator[NameChange]:
        owners = {id_: status.service for id_, status in self.noted.items()}
        wished = with_those_that_stay(self.wishes, dict(self._noted_wishes()))
        granted, taken = resolve_claims(wished, owners)
        for wish in granted:
            yield from self._of_wish(wish)
        for each in taken:
            yield _change("refuse", each.wish, each.message)
        yield from self._abandoned(owners, wished)

    def _held_changes(self, now: Iterable[NameChange]) -> Iterator[NameChange]:
        """What the documents of held stacks will change once nothing holds them."""
        held, noted = self.wishes.held, set(now)
        if not held:
            return
        for change in replace(self, wishes=self.wishes.let_go()).changes():
            if change.stack in held and change not in noted:
                but = "" if change.verb in {"wait", "refuse"} else ", but held"
                message = f"{change.message}{but}: {held[change.stack]}"
                yield replace(change, verb="keep", message=message)

    def _noted_wishes(self) -> Iterator[tuple[BindingId, Wish]]:
        """What the operator follows on where it cannot take a document up."""
        for id_, status in self.noted.items():
            binding = status.read_binding()
            if binding is not None and status.state != "Abandoned":
                yield id_, Wish(status.stack, status.service, binding)

    def _abandoned(
        self, owners: Mapping[BindingId, str], wished: tuple[Wish, ...]
    ) -> Iterator[NameChange]:
        stacks = {id_: status.stack for id_, status in self.noted.items()}
        for id_ in abandoned(replace(self.wishes, wishes=wished), owners, stacks):
            status = self.noted[id_]
            if status.state == "Abandoned":
                continue
            written = {t: rrset for t, rrset in status.records.items() if rrset.written}
            goes = status.policy == "sync" and status.stack in self.wishes.evident and bool(written)
            why = "no document names it any more"
            values = "; ".join(f"{t} {', '.join(r.written)}" for t, r in sorted(written.items()))
            message = f"{values} ({why})" if goes else f"{why}; its records stay"
            name = id_.zone if id_.name == "@" else f"{id_.name}.{id_.zone}"
            but = self._why_not(status.stack)
            verb = "remove" if goes and not but else "keep"
            message += f", but for {but}" if goes and but else ""
            yield NameChange(verb, name, status.stack, status.service, message)

    def _of_wish(self, wish: Wish) -> Iterator[NameChange]:
        distrust = untrusted(self.swarm)
        if distrust is not None:
            yield _change("keep", wish, distrust.why)
            return
        status = self.noted.get(wish.id)
        choice = self._chosen(wish, status)
        records = status.records if status is not None else {}
        if not choice.nodes or choice.state == "NoEndpoint":
            if not any(rrset.written for rrset in records.values()):
                yield _change("wait", wish, f"it follows {wish.service}, which runs nowhere yet")
            return
        hosts = ", ".join(sorted(node.hostname for node in choice.nodes))
        is_there = status is not None and set(status.nodes) == {n.hostname for n in choice.nodes}
        sources, unknown = self._sources(wish, choice)
        for answer in wanted_of(wish.binding, choice, sources):
            before = records.get(answer.key.type, RrsetStatus())
            is_address = answer.key.type != "CNAME"
            if unknown and is_address:
                if status is not None and status.reason == "NoAddress":
                    yield _change("wait", wish, status.message)
                elif not (is_there and before.written):
                    after = f"the address of {', '.join(unknown)}"
                    yield self._changed(wish, answer.key.type, before, after, hosts)
            elif isinstance(answer, Kept):
                yield _change("keep", wish, answer.message)
            elif set(answer.values) != set(before.written) or answer.ttl != before.ttl:
                yield self._to(wish, answer, before, hosts)

    def _to(self, wish: Wish, wanted: Wanted, before: RrsetStatus, hosts: str) -> NameChange:
        type_ = wanted.key.type
        after = ", ".join(wanted.values)
        if not wanted.values:
            return self._changed(wish, type_, before, "-", hosts)
        if set(wanted.values) == set(before.written):
            after += f", TTL {before.ttl} → {wanted.ttl}"
        return self._changed(wish, type_, before, after, hosts)

    def _changed(
        self, wish: Wish, type_: str, before: RrsetStatus, after: str, hosts: str
    ) -> NameChange:
        old = ", ".join(before.written)
        verb = "remove" if after == "-" else "update" if old else "create"
        message = f"{type_} {old} → {after} ({hosts})" if old else f"{type_} {after} ({hosts})"
        why = "paused" if wish.binding.paused else self._why_not(wish.stack)
        if why:
            return _change("keep", wish, f"{message}, but for {why}")
        return _change(verb, wish, message)

    def _why_not(self, stack: str) -> str:
        """Why nothing is written of a stack's names."""
        if self.mode != "act":
            return "observe mode"
        return "sync: observe" if stack in self.wishes.observed else ""

    def _chosen(self, wish: Wish, status: DnsStatus | None) -> Choice:
        """Moments are seconds before and after `utc`."""
        service = self.swarm.services_by_name.get(wish.service)
        found = endpoints(service, self.swarm, wish.binding.follow) if service is not None else ()
        tasks = self.swarm.tasks_by_service.get(service.id, ()) if service is not None else ()
        before = Followed(seen={task.id: self._since(task) for task in tasks})
        if status is not None:
            by_host = {node.hostname: node for node in self.swarm.nodes}
            nodes = tuple(by_host[host] for host in status.nodes if host in by_host)
            ages = tuple((moment - self.utc).total_seconds() for moment in status.changes)
            before = Followed(nodes=nodes, seen=before.seen, changes=ages)
        choice, _ = choose(wish.binding, found, before, 0.0)
        return choice

    def _since(self, task: Task) -> float:
        moment = parse_time(task.timestamp)
        return 0.0 if moment is None else min(0.0, (moment - self.utc).total_seconds())

    def _sources(self, wish: Wish, choice: Choice) -> tuple[Sources, list[str]]:
        """What is known of the nodes, and those of which only a name server could tell."""
        binding = wish.binding
        found: dict[tuple[str, Family], tuple[str, ...]] = {}
        unknown: dict[str, None] = {}
        known = Sources(self.wishes.addresses, unread=self.wishes.unread_nodes)
        for node in choice.nodes:
            for family in binding.families if binding.type is None else ():
                name = name_to_ask(node, family, binding, known)
                if name is None:
                    continue
                values = self._ask(binding.zone, name, family)
                if values is None:
                    unknown[node.hostname] = None
                else:
                    found[name, family] = values
        return replace(known, in_zone=found), list(unknown)

    def _ask(self, zone: str, name: str, family: Family) -> tuple[str, ...] | None:
        if (name, family) not in self._asked:
            self._asked[name, family] = self.look_up(zone, name, family)
        return self._asked[name, family]


def _change(verb: str, wish: Wish, message: str) -> NameChange:
    return NameChange(verb, wish.binding.fqdn, wish.stack, wish.service, message)
