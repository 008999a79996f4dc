"""The bindings of all documents, collected after each pass over the stacks (the stacks' thread)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from desired_state.operator_block import Sync
from swarm_operator.plan.decide import Planned, why_not_taken_up
from swarm_operator.plan.desired import DesiredStack, DesiredTree
from swarm_operator.plan.dns.wishes import Wish, Wishes, wishes_of
from swarm_operator.plan.world import World
from swarm_operator.runtime.folders import Folders
from swarm_operator.runtime.reader import DocumentReader


@dataclass(frozen=True, slots=True)
class _TakenUp:
    """A stack's last document that could be read and was held by nothing, and what it wishes."""

    parsed: DesiredStack
    wishes: tuple[Wish, ...]
    is_observed: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """A document that could be read, and why it is not taken up."""

    why: str
    wishes: tuple[Wish, ...]


_UNREAD: Final = "unread"
_Read = Literal["unread"] | _TakenUp | _Held


@dataclass(slots=True)
class BindingCollector:
    """A stack whose document cannot be read, or is held, or whose folder vanished without a tombstone,
    keeps the bindings that it had."""

    tell: Callable[[Wishes], None]
    """Told after each complete read."""
    _known: dict[str, _TakenUp] = field(default_factory=dict)
    """By stack."""
    _addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By host name, from the last good document of each node."""
    _unknown: frozenset[str] | None = None
    """Nodes whose document could not be read yet; None before the first complete read."""

    def forget(self) -> None:
        """At a take-over: what was read in an earlier term says nothing of what was removed since."""
        self._known, self._addresses, self._unknown = {}, {}, None

    def collect(
        self,
        world: World,
        reader: DocumentReader,
        folders: Folders,
        plans: Mapping[str, Planned],
    ) -> None:
        """Tell what is wished now; nothing where an answer is no evidence of what is absent."""
        desired = world.desired
        if world.incomplete or desired.installation is None:
            return
        unread = set(self._known.keys() - desired.folders.keys())
        held: dict[str, _Held] = {}
        for stack in desired.folders:
            read = self._read(stack, world, reader, folders, plans.get(stack))
            if isinstance(read, _TakenUp):
                self._known[stack] = read
            elif isinstance(read, _Held):
                held[stack] = read
            else:
                unread.add(stack)
        removed = {each for each in desired.tombstones if desired.is_removed(each)}
        for stack in removed:
            self._known.pop(stack, None)
        self._note_nodes(desired)
        keeping = unread | held.keys()
        self.tell(
            Wishes(
                tuple(wish for known in self._known.values() for wish in known.wishes),
                self._addresses,
                evident=frozenset((desired.folders.keys() - keeping) | removed),
                unread=frozenset(unread - removed),
                held={stack: each.why for stack, each in held.items()},
                waiting=tuple(wish for each in held.values() for wish in each.wishes),
                observed=frozenset(s for s, known in self._known.items() if known.is_observed),
                unread_nodes=self._unknown or frozenset(),
            )
        )

    def _note_nodes(self, desired: DesiredTree) -> None:
        kept = {host: self._addresses.get(host, ()) for host in desired.unread_nodes}
        self._addresses = {**desired.addresses, **kept}
        unknown = desired.unread_nodes
        self._unknown = unknown if self._unknown is None else self._unknown & unknown

    def _read(
        self,
        stack: str,
        world: World,
        reader: DocumentReader,
        folders: Folders,
        planned: Planned | None,
    ) -> _Read:
        """The stack's document as it is now. `planned` is None where no plan could be made of it."""
        folder = world.desired.folders[stack]
        is_waiting = folders.waiting(folder, world.now) is not None
        if world.desired.is_removed(stack) or is_waiting or planned is None:
            return _UNREAD
        try:
            parsed = reader.stack(folder)
        except Exception:  # noqa: BLE001 - a defect: told of the stack itself, and no other's trouble
            return _UNREAD
        if parsed.specs is None:
            return _UNREAD
        why = why_not_taken_up(parsed.specs, planned, world)
        known = self._known.get(stack)
        if why is None and known is not None and known.parsed is parsed:
            return known
        wishes = wishes_of(parsed.specs)
        if why is not None:
            return _Held(why, wishes)
        return _TakenUp(parsed, wishes, parsed.specs.options.sync.mode is Sync.OBSERVE)
