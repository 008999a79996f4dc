"""What the documents of all stacks say about DNS, as one value."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from desired_state.dns_forms import DnsBinding, collide
from swarm_operator.plan.compose.specs import StackSpecs


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
    unread_nodes: frozenset[str] = frozenset()
    """Host names of nodes whose document cannot be read, and was not before: it may hold addresses."""
    held: Mapping[str, str] = field(default_factory=dict)
    """Stacks whose document is not taken up yet, and why: its stack is paused, or it waits for
    `approve`. What they wished before holds."""
    waiting: tuple[Wish, ...] = ()
    """What the documents of held stacks wish: it does not hold yet."""
    observed: frozenset[str] = frozenset()
    """Stacks that are only looked at (`sync: observe`): nothing of their names is written."""

    @property
    def keeping(self) -> frozenset[str]:
        """Stacks whose names stay bound as they were, whatever their documents say now."""
        return self.unread | self.held.keys()

    def let_go(self) -> "Wishes":
        """As if nothing held any document."""
        now = (wish for wish in self.wishes if wish.stack not in self.held)
        return replace(
            self,
            wishes=(*now, *self.waiting),
            evident=self.evident | self.held.keys(),
            held={},
            waiting=(),
        )


def wishes_of(specs: StackSpecs) -> tuple[Wish, ...]:
    """What a document wishes."""
    return tuple(
        Wish(specs.stack, service.name, binding)
        for service in specs.services.values()
        for binding in service.options.dns
    )


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
    wishes: Iterable[Wish],
    owners: Mapping[BindingId, str],
    can_be_kept: Callable[[Wish], bool] = lambda _wish: True,
) -> tuple[tuple[Wish, ...], tuple[Taken, ...]]:
    """Those that hold, and those that must wait. Who has a name keeps it (`owners`: service by name,
    as it was noted); of two new ones that whose zone has a provider (`can_be_kept`) gets it, then the
    service whose name sorts first."""
    granted: list[Wish] = []
    taken: list[Taken] = []
    for wish in sorted(wishes, key=lambda one: _rank(one, owners, can_be_kept)):
        by = next((one for one in granted if collide(one.binding, wish.binding)), None)
        if by is None:
            granted.append(wish)
        else:
            taken.append(Taken(wish, by))
    return tuple(granted), tuple(taken)


def _rank(
    wish: Wish, owners: Mapping[BindingId, str], can_be_kept: Callable[[Wish], bool]
) -> tuple[bool, bool, str, BindingId]:
    return owners.get(wish.id) != wish.service, not can_be_kept(wish), wish.service, wish.id


def with_those_that_stay(wishes: Wishes, noted: Mapping[BindingId, Wish]) -> tuple[Wish, ...]:
    """All that is wished: also what stacks wished when their documents were last read, or taken up, by
    whoever led then, where they cannot be now. So their names are followed, and no other service gets
    them. A name that goes to a held stack stays with who has it until then.
    """
    wished = {(wish.id, wish.stack) for wish in wishes.wishes}
    awaited = {wish.id for wish in wishes.waiting} - {wish.id for wish in wishes.wishes}
    remembered = (
        wish
        for wish in noted.values()
        if (wish.stack in wishes.keeping or wish.id in awaited)
        and (wish.id, wish.stack) not in wished
    )
    return (*wishes.wishes, *remembered)


def abandoned(
    wishes: Wishes, noted: Mapping[BindingId, str], stack_of: Mapping[BindingId, str]
) -> Iterator[BindingId]:
    """Names that we follow no longer: noted, but nobody's wish, and their stack could be read."""
    wished = {wish.id for wish in wishes.wishes}
    for binding in noted:
        if binding not in wished and stack_of.get(binding, "") not in wishes.keeping:
            yield binding
