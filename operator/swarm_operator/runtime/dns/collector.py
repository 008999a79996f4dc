"""The bindings of all documents, collected after each pass over the stacks (the stacks' thread)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from swarm_operator.plan.desired import DesiredStack, DesiredTree
from swarm_operator.plan.dns.wishes import Wish, Wishes
from swarm_operator.plan.world import World
from swarm_operator.runtime.folders import Folders
from swarm_operator.runtime.reader import DocumentReader


@dataclass(slots=True)
class BindingCollector:
    """A stack whose document cannot be read, or whose folder vanished without a tombstone, keeps the
    bindings that it had."""

    tell: Callable[[Wishes], None]
    """Told after each complete read."""
    _known: dict[str, tuple[DesiredStack, tuple[Wish, ...]]] = field(default_factory=dict)
    """By stack its last good document, and what that wishes."""
    _addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By host name, from the last good document of each node."""
    _unknown: frozenset[str] | None = None
    """Nodes whose document could not be read yet; None before the first complete read."""

    def forget(self) -> None:
        """At a take-over: what was read in an earlier term says nothing of what was removed since."""
        self._known, self._addresses, self._unknown = {}, {}, None

    def collect(self, world: World, reader: DocumentReader, folders: Folders) -> None:
        """Tell what is wished now; nothing where an answer is no evidence of what is absent."""
        desired = world.desired
        if world.incomplete or desired.installation is None:
            return
        unread = set(self._known.keys() - desired.folders.keys())
        for stack in desired.folders:
            if not self._read(stack, desired, reader, folders, world.now):
                unread.add(stack)
        removed = {each for each in desired.tombstones if desired.is_removed(each)}
        for stack in removed:
            self._known.pop(stack, None)
        evident = frozenset((desired.folders.keys() - unread) | removed)
        unread -= removed
        found = (wish for _, wishes in self._known.values() for wish in wishes)
        kept = {host: self._addresses.get(host, ()) for host in desired.unread_nodes}
        self._addresses = {**desired.addresses, **kept}
        unknown = desired.unread_nodes
        self._unknown = unknown if self._unknown is None else self._unknown & unknown
        self.tell(Wishes(tuple(found), self._addresses, evident, frozenset(unread), self._unknown))

    def _read(
        self,
        stack: str,
        desired: DesiredTree,
        reader: DocumentReader,
        folders: Folders,
        now: float,
    ) -> bool:
        """Whether the stack's bindings are those of its document as it is now."""
        folder = desired.folders[stack]
        if desired.is_removed(stack) or folders.waiting(folder, now) is not None:
            return False
        try:
            parsed = reader.stack(folder)
        except Exception:  # noqa: BLE001 - a defect: told of the stack itself, and no other's trouble
            return False
        known = self._known.get(stack)
        if known is not None and known[0] is parsed:
            return True
        if parsed.specs is None:
            return False
        wishes = tuple(
            Wish(stack, service.name, binding)
            for service in parsed.specs.services.values()
            for binding in service.options.dns
        )
        self._known[stack] = parsed, wishes
        return True
