"""What is to be written so that the keys below Traefik's root say what is wanted.

Only our own keys are set or deleted, each with its raft index as the condition. An object that has
foreign keys among its own is left alone whole (`conflicts`): half of it would be no router any more.
Equal trees give no change at all: every write makes Traefik load everything anew, and forget what its
health checks found.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from swarm_operator.observed.kv import Delete, KvEntry, KvTree, Put
from swarm_operator.plan.routes.conflicts import Conflict, Holding, Reason, foreign
from swarm_operator.plan.routes.encoding import encode_object
from swarm_operator.plan.routes.keys import merged, object_of, server_of
from swarm_operator.plan.routes.ownership import flags_of
from swarm_operator.plan.routes.present import Present, present_objects
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.room import fits, holds
from swarm_operator.plan.routes.stamp import Content, stamp_key, stamp_object
from swarm_operator.plan.routes.tree import ObjectId, RouteObject, RouteTree


@dataclass(frozen=True, slots=True)
class Change:
    """What is written of one object."""

    id: ObjectId
    puts: tuple[Put, ...] = ()
    deletes: tuple[Delete, ...] = ()
    references: tuple[ObjectId, ...] = ()
    """What the object names: as it will be, or as it was where it goes."""
    is_removal: bool = False

    @property
    def operations(self) -> tuple[Put | Delete, ...]:
        return (*self.puts, *self.deletes)


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between what is wanted and what lies there. `stages` cuts it up."""

    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    """Objects that stay as they are."""
    before: Mapping[str, bytes] = field(repr=False)
    """Our keys as they lie there, without the stamp."""
    stamp_key: str
    stamp: KvEntry | None
    """The stamp as it lies there."""
    is_stamped: bool
    """Whether the stamp may be written: not while somebody else's keys are in it."""
    flags: int
    """The mark of every key that is written."""

    @property
    def generation(self) -> str:
        """The stamp that says that all this is done."""
        keys = dict(self.before)
        for change in self.changes:
            for gone in change.deletes:
                keys.pop(gone.key, None)
            keys.update((put.key, put.value) for put in change.puts)
        return Content.of(keys).generation

    @property
    def is_empty(self) -> bool:
        """Nothing is to be written, not even the stamp."""
        if self.changes:
            return False
        if not self.is_stamped or (self.stamp is None and not self.before):
            return True
        return self.stamp is not None and self.stamp.value == self.generation.encode()


def diff(
    wanted: RouteTree, observed: KvTree, installation: str, adopt: Collection[ObjectId] = ()
) -> Changes:
    """The changes to `observed`, all keys below Traefik's root, relative to it.

    `wanted` is everything that we publish there, and free of `check.problems`. Of the objects in
    `adopt`, the keys of others are treated as ours.
    """
    present = present_objects(observed, installation, adopt)
    stamp = merged(stamp_object(installation))
    objects, twice = _wanted(wanted)
    objects.pop(stamp, None)
    flags = flags_of(installation)
    stamped = stamp not in present or not present[stamp].foreign
    if not stamped:
        twice[stamp] = foreign(stamp_object(installation), present[stamp])
    holding = Holding(objects, present, dict(twice))
    found = _changes(holding, stamp, flags)
    if not fits([each for change in found for each in change.operations]):
        # Traefik takes the old and the new spelling of a name for one object, so that the change
        # must be one with all that names it: after the rest, then.
        holding = Holding(objects, present, {**twice, **_spelled_anew(objects, present)})
        found = _changes(holding, stamp, flags)
    key = stamp_key(installation)
    return Changes(
        changes=found,
        conflicts=tuple(sorted(holding.held.values(), key=lambda each: each.id)),
        before=dict(_own(present.values(), key)),
        stamp_key=key,
        stamp=observed.entries.get(key),
        is_stamped=stamped,
        flags=flags,
    )


def _changes(holding: Holding, stamp: ObjectId, flags: int) -> tuple[Change, ...]:
    """What can be written; the rest is noted as held."""
    drafts = tuple(_drafts(holding, stamp, flags))
    if drafts:
        holding.spread()
    return tuple(each for each in drafts if merged(each.id) not in holding.held)


def _spelled_anew(
    wanted: Mapping[ObjectId, RouteObject], present: Mapping[ObjectId, Present]
) -> dict[ObjectId, Conflict]:
    return {
        group: Conflict(
            item.id, Reason.WAITS, f"{item.id} waits: {present[group].id} is spelled anew at last"
        )
        for group, item in wanted.items()
        if group in present and present[group].id != item.id
    }


def _wanted(tree: RouteTree) -> tuple[dict[ObjectId, RouteObject], dict[ObjectId, Conflict]]:
    """By merged id. Of two that Traefik would take for one, none is written."""
    found: dict[ObjectId, RouteObject] = {}
    held: dict[ObjectId, Conflict] = {}
    for item in tree:
        other = found.setdefault(merged(item.id), item)
        if other is not item:
            message = f"{other.id} and {item.id} differ only in upper and lower case: rename one"
            held[merged(item.id)] = Conflict(item.id, Reason.CASE_COLLISION, message)
    return found, held


def _own(present: Iterable[Present], stamp: str) -> Iterator[tuple[str, bytes]]:
    for item in present:
        yield from ((key, entry.value) for key, entry in item.own.items() if key != stamp)


def _drafts(holding: Holding, stamp: ObjectId, flags: int) -> Iterator[Change]:
    """All changes, and those among them that cannot be made noted as held."""
    nothing = Present(stamp)
    for group, item in holding.wanted.items():
        there = holding.present.get(group, nothing)
        if there.foreign:
            holding.held.setdefault(group, foreign(item.id, there))
        elif (change := _written(item, there, flags)) is not None:
            if _is_too_large(change, item):
                message = (
                    f"too many fields of {item.id} change at once for one transaction: rename it"
                )
                holding.held.setdefault(group, Conflict(item.id, Reason.TOO_LARGE, message))
            yield change
    for group, there in holding.present.items():
        if group in holding.wanted or group == stamp or not there.own:
            continue
        if there.is_mixed:
            holding.held.setdefault(group, foreign(there.id, there))
        else:
            # Beside keys of others under a name that differs in case, ours only harm theirs.
            yield _removed(there)


def _written(item: RouteObject, there: Present, flags: int) -> Change | None:
    keys = encode_object(item)
    puts = tuple(
        Put(key, value, entry.modify_index if entry is not None else 0, flags)
        for key, value in keys.items()
        if (entry := there.own.get(key)) is None or entry.value != value or entry.flags != flags
    )
    deletes = tuple(_delete(key, there) for key in there.own if key not in keys)
    return Change(item.id, puts, deletes, references(item)) if puts or deletes else None


def _removed(there: Present) -> Change:
    deletes = tuple(_delete(key, there) for key in there.own)
    named = object_of(min(there.own)) or there.id
    return Change(named, (), deletes, there.references(), is_removal=True)


def _delete(key: str, there: Present) -> Delete:
    return Delete(key, there.own[key].modify_index)


def _is_too_large(change: Change, item: RouteObject) -> bool:
    """Servers may come and go in several transactions, everything else of an object may not; and one
    server is with it, so that a service is never without."""
    if holds(len(change.operations)):
        return False
    servers = Counter(server_of(each.key) for each in change.operations)
    together = servers.pop(None, 0)
    if "loadbalancer" not in item.body:
        return True
    return not holds(together + max(servers.values(), default=0))
