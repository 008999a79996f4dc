"""From a look at the swarm to what each name is to be."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from desired_state.dns_forms import RecordType
from swarm_operator.observed.swarm import Node, Service, Swarm
from swarm_operator.plan.dns.addresses import Found, Sources, address_of, names_in_zone
from swarm_operator.plan.dns.budget import is_mass_change
from swarm_operator.plan.dns.endpoints import endpoints, is_moving
from swarm_operator.plan.dns.rrset import Wanted
from swarm_operator.plan.dns.stability import choose
from swarm_operator.plan.dns.wanted import Kept, incomplete, wanted_of
from swarm_operator.plan.dns.wishes import BindingId
from swarm_operator.runtime.dns.changes import Seen, note_state, note_wanted
from swarm_operator.runtime.dns.due_looks import Budget
from swarm_operator.runtime.dns.look_ups import LookUps
from swarm_operator.runtime.dns.names import Name
from swarm_operator.runtime.dns.node_records import NodeRecords
from swarm_operator.runtime.dns.orders import Result
from swarm_operator.runtime.dns.surroundings import DnsSurroundings

_IDLE_S: Final = 60.0
_PENDING_S: Final = 0.5
_AHEAD_EVERY_S: Final = 20.0
"""Between two looks for addresses of nodes that a name may have to point at some day."""


@dataclass(slots=True)
class Decider:
    """Knows the addresses of nodes, and holds back what changes too much at once."""

    around: DnsSurroundings
    budget_of: Callable[[str], Budget]
    """Of an account, by its name."""
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Public addresses by host name, from the nodes' documents."""
    unread_nodes: frozenset[str] = frozenset()
    """Host names of nodes whose documents cannot be read, and were not before."""
    swarm: Swarm | None = None
    """As it was seen last."""
    _records: NodeRecords = field(init=False)
    _look_ups: LookUps = field(init=False)
    _mass: dict[BindingId, tuple[Wanted, ...]] = field(default_factory=dict)
    """Changes that wait for one more full read of the swarm."""
    _mass_since: float = 0.0

    def __post_init__(self) -> None:
        self._records = NodeRecords(self.around, self.budget_of)
        self._look_ups = LookUps(self.around.servers, self._records)

    def forget(self) -> None:
        """At a take-over."""
        self.swarm, self._mass = None, {}
        self._records.forget()
        self._look_ups.forget()

    def take(self, account: str, result: Result, now: float) -> bool:
        """What an account's thread found, where it was asked from here."""
        return self._records.take(account, result, now)

    def decide(
        self, names: Collection[Name], swarm: Swarm, now: float
    ) -> tuple[float, frozenset[str]]:
        """Sets what each name is to be. Returns when to look again, and the ids of services that move."""
        self.swarm = swarm
        self._look_ahead(names, swarm, now)
        due = now + _IDLE_S
        moving: set[str] = set()
        for name in names:
            assert name.wish is not None
            service = swarm.services_by_name.get(name.wish.service)
            if service is not None and is_moving(service, swarm):
                moving.add(service.id)
            due = min(due, self._decide_name(name, service, swarm, now))
        return min(due, self._records.step(now)), frozenset(moving)

    def _look_ahead(self, names: Collection[Name], swarm: Swarm, now: float) -> None:
        """So that a failover need not wait for an answer."""
        by_zone: dict[str, list[Name]] = {}
        for name in names:
            by_zone.setdefault(name.id.zone, []).append(name)
        for zone, of_zone in by_zone.items():
            if all(now < name.asks_ahead_at for name in of_zone):
                continue
            for name in of_zone:
                name.asks_ahead_at = now + _AHEAD_EVERY_S
            bindings = [name.wish.binding for name in of_zone if name.wish is not None]
            self._look_ups.look_ahead(zone, bindings, swarm.nodes, self._sources, now)

    def _decide_name(self, name: Name, service: Service | None, swarm: Swarm, now: float) -> float:
        assert name.wish is not None
        binding = name.wish.binding
        name.follow_from(swarm)
        found = endpoints(service, swarm, binding.follow) if service is not None else ()
        choice, name.followed = choose(binding, found, name.followed, now)
        seen = Seen(service, swarm, choice)
        note_state(name, choice, self.around)
        name.state = choice.state
        name.empty_since, name.on_empty_acts = name.followed.empty_since, choice.is_empty
        due = choice.due if choice.due is not None else now + _IDLE_S
        was_written = any(rrset.written for rrset in name.records.values())
        sources = self._look_ups.sources(
            binding,
            choice.nodes,
            self._sources,
            now,
            was_written=was_written,
            points_at=name.points_at,
        )
        name.is_waiting_for_addresses = sources is None
        if sources is None:
            return min(due, now + _PENDING_S)
        name.kept = {}
        name.lacks = tuple(each.message for each in incomplete(binding, choice, sources))
        for answer in wanted_of(binding, choice, sources):
            type_ = answer.key.type
            if isinstance(answer, Kept):
                name.kept[type_] = answer
                name.wanted.pop(type_, None)
                continue
            name.points_at = tuple(node.hostname for node in choice.nodes)
            wanted = Wanted(answer.key, tuple(sorted(answer.values)), answer.ttl)
            if name.wanted.get(type_) != wanted:
                note_wanted(name, wanted, seen, self.around)
                name.wanted[type_] = wanted
                name.wanted_since = now
        name.pointed_at = seen.hosts
        return due

    @property
    def _sources(self) -> Sources:
        return Sources(self.addresses, unread=self.unread_nodes)

    def held_back(self, names: Collection[Name], now: float) -> tuple[frozenset[BindingId], bool]:
        """Where many names are to change at once, only after one more full read. Returns those that have
        to wait for it, and whether it is to be made now."""
        changing = {
            name.id: tuple(name.wanted[type_] for type_ in name.changing())
            for name in names
            if name.changing() and name.records
        }
        if not is_mass_change(len(changing), len(names)):
            self._mass = {}
            return frozenset(), False
        fresh = any(self._mass.get(id_) != wanted for id_, wanted in changing.items())
        if fresh:
            self._mass, self._mass_since = changing, now
            self.around.log.warning(
                "many names are to change at once: the swarm is read once more", names=len(changing)
            )
        is_confirmed = now > self._mass_since and not fresh
        return (frozenset() if is_confirmed else frozenset(changing)), fresh

    def of_nodes(self, name: Name, type_: RecordType) -> frozenset[str]:
        """Values that name a node of this swarm, by any source."""
        swarm = self.swarm
        if swarm is None or name.wish is None:
            return frozenset()
        found: set[str] = set()
        binding = name.wish.binding
        for node in swarm.nodes:
            found |= set(self._values_of(name, node, type_))
            found |= set(binding.addresses.get(node.hostname, ()))
            found |= set(self.addresses.get(node.hostname, ()))
        return frozenset(found)

    def _values_of(self, name: Name, node: Node, type_: RecordType) -> Iterable[str]:
        assert name.wish is not None
        if type_ == "CNAME":
            alias = names_in_zone(node, name.id.zone)
            return () if alias is None else (alias,)
        now = self.around.clock.monotonic()
        sources = self._look_ups.known_now(name.wish.binding, [node], self._sources, now)
        answer = address_of(node, type_, name.wish.binding, sources)
        return (answer.address,) if isinstance(answer, Found) else ()
