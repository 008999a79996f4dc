"""Which objects stay as they are: somebody else's keys are among theirs, or they depend on such ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from swarm_operator.plan.routes.keys import merged
from swarm_operator.plan.routes.present import Present
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.tree import ObjectId, RouteObject


class Reason(StrEnum):
    """Stable words, for conditions, metrics and tests."""

    FOREIGN_KEYS = "ForeignKeys"
    """Somebody wrote keys of the object by hand."""
    CASE_COLLISION = "CaseCollision"
    """An object of somebody else has the name, but for upper and lower case."""
    TOO_LARGE = "TooLarge"
    """The change does not fit into one transaction, and half of it would be no object."""
    WAITS = "Waits"
    """It names an object that is not there, because that one is held."""
    KEPT = "Kept"
    """It is not wanted any more, but an object that is held names it."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """An object that is left alone whole, and why."""

    id: ObjectId
    """As it is wanted; of an object that is not wanted any more, as it lies there."""
    reason: Reason
    message: str
    """For people. Keys in it are relative to Traefik's root."""
    keys: tuple[str, ...] = ()
    """The foreign keys."""


def foreign(named: ObjectId, item: Present) -> Conflict:
    """Keys of somebody else among those of a wanted object, or of one of ours."""
    keys = tuple(item.foreign)
    shown = ", ".join(f"`{key}`" for key in keys[:3]) + (" …" if len(keys) > 3 else "")
    if item.id.name != named.name:
        message = (
            f"{shown}: somebody else's {item.id} differs from {named} only in upper and lower case, "
            "and Traefik takes the two for one: rename one of them"
        )
        return Conflict(named, Reason.CASE_COLLISION, message, keys)
    message = (
        f"somebody else wrote {shown}, so {named} stays as it is: "
        f"delete the keys, or let `swarm-operator routes adopt {named}` take them over"
    )
    return Conflict(named, Reason.FOREIGN_KEYS, message, keys)


@dataclass(slots=True)
class Holding:
    """Wanted and present objects by merged id, and which of them are held; that grows."""

    wanted: Mapping[ObjectId, RouteObject]
    present: Mapping[ObjectId, Present]
    held: dict[ObjectId, Conflict]

    def spread(self) -> None:
        """Hold what depends on held objects, until nothing new turns up."""
        while fresh := dict([*self._waiting(), *self._kept()]):
            self.held.update(fresh)

    def _waiting(self) -> Iterator[tuple[ObjectId, Conflict]]:
        for group, item in self.wanted.items():
            if group in self.held:
                continue
            named = references(item)
            absent = next((ref for ref in named if not self._may_name(group, ref)), None)
            if absent is not None:
                message = f"{item.id} names {absent}, which is not there as it should be: it waits"
                yield group, Conflict(item.id, Reason.WAITS, message)

    def _kept(self) -> Iterator[tuple[ObjectId, Conflict]]:
        """What held objects name must not go, nor change its name."""
        for held in [each for each in self.held if each in self.present]:
            holder = self.present[held]
            for ref in holder.references():
                group = merged(ref)
                there = self.present.get(group)
                if group in self.held or there is None or there.id != ref:
                    continue
                if self._later(ref) != ref:
                    message = f"{ref} stays as long as {holder.id} names it, which is held"
                    yield group, Conflict(ref, Reason.KEPT, message)

    def _may_name(self, group: ObjectId, ref: ObjectId) -> bool:
        """Whether a wanted object may name another one, once the changes are made."""
        if self._later(ref) != ref:
            return False
        held = self.held.get(merged(ref))
        if held is None or held.reason in (Reason.FOREIGN_KEYS, Reason.CASE_COLLISION):
            return True
        # One of ours that is held may be half of a removal that was cut off: nobody new uses it.
        there = self.present.get(group)
        return there is not None and ref in there.references()

    def _later(self, ref: ObjectId) -> ObjectId | None:
        """The name under which the object is there after the changes."""
        group = merged(ref)
        there = self.present.get(group)
        if group in self.held:
            return there.id if there is not None else None
        if group in self.wanted:
            return self.wanted[group].id
        return there.id_without_ours if there is not None else None
