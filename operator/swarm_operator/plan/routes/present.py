"""The objects that lie below Traefik's root, and whose keys they are made of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from swarm_operator.observed.kv import KvEntry, KvTree
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.keys import merged, object_of
from swarm_operator.plan.routes.ownership import owns
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.tree import ObjectId


@dataclass(slots=True)
class Present:
    """All keys that Traefik takes for one object."""

    id: ObjectId
    """With the name that Traefik uses: that of the first key."""
    own: dict[str, KvEntry] = field(default_factory=dict)
    foreign: dict[str, KvEntry] = field(default_factory=dict)

    @property
    def is_mixed(self) -> bool:
        """Whether somebody else's keys are among ours, under the very name that ours have: not only
        beside them, under a name that differs in case."""
        return bool(_names(self.own) & _names(self.foreign))

    @property
    def id_without_ours(self) -> ObjectId | None:
        """The name that Traefik would use for what others wrote; None where that is nothing."""
        return object_of(min(self.foreign)) if self.foreign else None

    def references(self) -> tuple[ObjectId, ...]:
        """What the object names, as it lies there."""
        keys = {key: entry.value for key, entry in {**self.own, **self.foreign}.items()}
        return tuple(ref for item in decode(keys).tree for ref in references(item))


def present_objects(
    observed: KvTree, installation: str, adopt: Collection[ObjectId] = ()
) -> Mapping[ObjectId, Present]:
    """By merged id (see `keys.merged`). The keys of adopted objects count as our own."""
    adopted = {merged(each) for each in adopt}
    found: dict[ObjectId, Present] = {}
    for key, entry in sorted(observed.entries.items()):
        named = object_of(key)
        if named is None:
            continue
        group = merged(named)
        item = found.setdefault(group, Present(named))
        ours = owns(entry, installation) or group in adopted
        (item.own if ours else item.foreign)[key] = entry
    return found


def _names(keys: Collection[str]) -> set[str]:
    return {named.name for key in keys if (named := object_of(key)) is not None}
