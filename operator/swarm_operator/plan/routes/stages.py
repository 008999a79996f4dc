"""Changes cut into transactions, each of which leaves behind what is consistent in itself.

A half-written change would be live for as long as Traefik's throttle lasts. So all is one transaction
where it fits. Where it does not: what is named before what names it, then the routers, then (once
Traefik has been seen to use them) what nothing names any more. Whoever dies in between may simply read
and plan again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from swarm_operator.observed.kv import Delete, Put
from swarm_operator.plan.routes.changes import Change, Changes
from swarm_operator.plan.routes.keys import merged, server_of
from swarm_operator.plan.routes.room import fits
from swarm_operator.plan.routes.stamp import Content
from swarm_operator.plan.routes.tree import ObjectId

Unit: TypeAlias = tuple[Put | Delete, ...]
"""What must not be torn apart."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One transaction: some changes, and the stamp that says that they are made."""

    operations: Unit
    """Keys are relative to Traefik's root. The stamp of the first stage is a compare-and-set like all
    the rest; those of later ones cannot know its index, and rely on the writer's lease."""
    generation: str | None
    """The stamp after it; None where there is none, because somebody else's keys are in it."""
    awaits_confirmation: bool = False
    """Whether all instances should have applied the stage before: what they may use still goes."""


def stages(changes: Changes) -> tuple[Stage, ...]:
    """The transactions in their order; none where nothing is to be written.

    Each holds at most what one takes beside the proof of leadership, which the writer adds.
    """
    if changes.is_empty:
        return ()
    together = tuple(each for change in changes.changes for each in _all_of(change))
    if fits(together):
        return tuple(_stamped(changes, [together], late=None))
    writes = [each for each in changes.changes if not each.is_removal]
    removals = [each for each in changes.changes if each.is_removal]
    units, late = _units_of_writes(writes)
    switch = _packed([*units, *_units_of_removals(removals, routers=True)])
    goes = _packed([*late, *_units_of_removals(removals, routers=False)])
    return tuple(_stamped(changes, [*switch, *goes], late=len(switch) if switch else None))


def _stamped(changes: Changes, chunks: Sequence[Unit], late: int | None) -> Iterator[Stage]:
    """`late` is the number of the first chunk that takes away what instances may still use."""
    lying = dict(changes.before)
    content = Content.of(lying)
    index: int | None = changes.stamp.modify_index if changes.stamp is not None else 0
    for number, chunk in enumerate(chunks):
        content = _after(content, lying, chunk)
        waits = number == late
        if changes.is_stamped:
            stamp = Put(changes.stamp_key, content.generation.encode(), index, changes.flags)
            yield Stage((*chunk, stamp), content.generation, waits)
        else:
            yield Stage(chunk, None, waits)
        index = None


def _after(content: Content, lying: dict[str, bytes], chunk: Unit) -> Content:
    for operation in chunk:
        old = lying.pop(operation.key, None)
        if old is not None:
            content = content.without_key(operation.key, old)
        if isinstance(operation, Put):
            lying[operation.key] = operation.value
            content = content.with_key(operation.key, operation.value)
    return content


def _units_of_writes(changes: Sequence[Change]) -> tuple[list[Unit], list[Unit]]:
    """What is named first, routers last; and apart from them the servers that go."""
    routers = [each for each in changes if each.id.kind == "routers"]
    others = [each for each in changes if each.id.kind != "routers"]
    units: list[Unit] = []
    late: list[Unit] = []
    for change in (*_named_first(others), *_named_first(routers)):
        if fits(_all_of(change)):
            units.append(_all_of(change))
        else:
            come, go = _torn(change)
            units += come
            late += go
    return units, late


def _units_of_removals(changes: Sequence[Change], *, routers: bool) -> list[Unit]:
    """What names others goes before them; of a large service the servers first."""
    chosen = [each for each in changes if (each.id.kind == "routers") == routers]
    units: list[Unit] = []
    for change in reversed(_named_first(chosen)):
        if fits(_all_of(change)):
            units.append(_all_of(change))
            continue
        servers, rest = _by_server(change)
        units += [*servers.values(), rest]
    return units


def _torn(change: Change) -> tuple[list[Unit], list[Unit]]:
    """A service with more servers than fit: all else of it together with as many servers as fit
    beside it, so that it is never without; more of them; and apart those that go."""
    servers, rest = _by_server(change)
    come = [unit for unit in servers.values() if any(isinstance(each, Put) for each in unit)]
    go = [unit for unit in servers.values() if not any(isinstance(each, Put) for each in unit)]
    while come and fits((*rest, *come[0])):
        rest = (*rest, *come.pop(0))
    return [rest, *come], go


def _by_server(change: Change) -> tuple[Mapping[str, Unit], Unit]:
    servers: dict[str, Unit] = {}
    rest: list[Put | Delete] = []
    for operation in _all_of(change):
        server = server_of(operation.key)
        if server is None:
            rest.append(operation)
        else:
            servers[server] = (*servers.get(server, ()), operation)
    return servers, tuple(rest)


def _named_first(changes: Sequence[Change]) -> list[Change]:
    """In an order in which what is named comes before what names it."""
    by_id = {merged(each.id): each for each in changes}
    named: dict[ObjectId, list[ObjectId]] = {
        group: [ref for each in change.references if (ref := merged(each)) in by_id]
        for group, change in by_id.items()
    }
    try:
        order: Iterable[ObjectId] = tuple(TopologicalSorter(named).static_order())
    except CycleError:
        # Traefik refuses services that name each other in a circle: any order is as good.
        order = by_id
    return [by_id[group] for group in order]


def _packed(units: Iterable[Unit]) -> list[Unit]:
    """The units in their order, in as few transactions as they need."""
    chunks: list[Unit] = []
    for unit in filter(None, units):
        if chunks and fits((*chunks[-1], *unit)):
            chunks[-1] = (*chunks[-1], *unit)
        else:
            chunks.append(unit)
    return chunks


def _all_of(change: Change) -> Unit:
    return (*change.puts, *change.deletes)
