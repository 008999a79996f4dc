"""What the documents of all stacks say about DNS, as one value."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from desired_state.dns_forms import DnsBinding, collide


class BindingId(NamedTuple):
    """What a binding is known by: a name has one binding, or two that share no type."""

    zone: str
    name: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A binding, and whose it is."""

    stack: str
    service: str
    """Full name of the swarm's service."""
    binding: DnsBinding

    @property
    def id(self) -> BindingId:
        return BindingId(self.binding.zone, self.binding.name)


@dataclass(frozen=True, slots=True)
class Wishes:
    """Of all stacks whose documents were ever read."""

    wishes: tuple[Wish, ...] = ()
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Public addresses by host name, from the nodes' documents."""
    evident: frozenset[str] = frozenset()
    """Stacks whose document was read now, or that a tombstone removes: what they do not wish may be
    taken away, where a binding allows it."""
    unread: frozenset[str] = frozenset()
    """Stacks whose document cannot be read now: nothing of theirs is taken away."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A wish that another, older one stands against."""

    wish: Wish
    by: Wish

    @property
    def message(self) -> str:
        other = self.by
        return f"{other.binding.fqdn} belongs to service {other.service} already"


def resolve_claims(
    wishes: Iterable[Wish], owners: Mapping[BindingId, str]
) -> tuple[tuple[Wish, ...], tuple[Taken, ...]]:
    """Those that hold, and those that must wait. Who has a name keeps it (`owners`: service by name,
    as it was noted); of two new ones the service whose name sorts first gets it."""
    granted: list[Wish] = []
    taken: list[Taken] = []
    for wish in sorted(wishes, key=lambda one: _rank(one, owners)):
        by = next((one for one in granted if collide(one.binding, wish.binding)), None)
        if by is None:
            granted.append(wish)
        else:
            taken.append(Taken(wish, by))
    return tuple(granted), tuple(taken)


def _rank(wish: Wish, owners: Mapping[BindingId, str]) -> tuple[bool, str, BindingId]:
    return owners.get(wish.id) != wish.service, wish.service, wish.id


def abandoned(
    wishes: Wishes, noted: Mapping[BindingId, str], stack_of: Mapping[BindingId, str]
) -> Iterator[BindingId]:
    """Names that we follow no longer: noted, but nobody's wish, and their stack could be read."""
    wished = {wish.id for wish in wishes.wishes}
    for binding in noted:
        if binding not in wished and stack_of.get(binding, "") not in wishes.unread:
            yield binding
