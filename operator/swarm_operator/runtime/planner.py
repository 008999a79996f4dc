"""One plan of everything, read once: for the command line and for whoever wants to look ahead."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from types import MappingProxyType

from desired_state import keys
from desired_state.operator_block import Sync
from desired_state.problems import Problem
from desired_state.records import SpecMemory
from swarm_operator.observed.kv import KvEntry
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.actions import StackPlan
from swarm_operator.plan.decide import Planned, plan_desired, plan_gone, why_not_taken_up
from swarm_operator.plan.desired import (
    DesiredStack,
    DesiredTree,
    FolderVersion,
    read_stack,
    read_tree,
)
from swarm_operator.plan.dns.wishes import Wish, Wishes, wishes_of
from swarm_operator.plan.missing import Missing, missing_stacks
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.redact import values_of_live
from swarm_operator.plan.stack import owned_services, owned_tasks
from swarm_operator.plan.world import Mode, World, incompleteness
from swarm_operator.runtime.memory import Memory
from swarm_operator.runtime.ports import KvPort, SwarmPort
from swarm_operator.runtime.sentinel import has_our_labels


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What the lease holder would do now, and what it could not say."""

    plans: tuple[StackPlan, ...]
    """By name; those with nothing to do too."""
    problems: tuple[tuple[str, tuple[Problem, ...]], ...] = ()
    """By stack: why its document is refused."""
    missing: tuple[Missing, ...] = ()
    incomplete: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    """The swarm's, by name: what the plans change."""
    swarm: Swarm = field(default_factory=lambda: Swarm(cluster_id=""))
    wishes: Wishes = field(default_factory=Wishes)
    """What all documents wish of the DNS."""

    @property
    def changes(self) -> bool:
        """Whether anything would be done, now or once what holds it is gone."""
        return any(not plan.is_empty for plan in self.plans)

    @property
    def refused(self) -> bool:
        return bool(self.problems)


def plan_once(
    kv: KvPort,
    swarm: SwarmPort,
    *,
    mode: Mode,
    utc: datetime,
    stacks: Sequence[str] = (),
    instead: Mapping[str, Mapping[str, bytes]] = MappingProxyType({}),
) -> PlanReport:
    """Read the KV and the swarm once, and plan. `stacks` narrows it down; empty is all.

    `instead` are the files of stacks' folders as if they lay in the KV in place of what does.
    Writes nothing. Raises what the ports raise.
    """
    world = read_world(kv, swarm, mode=mode, utc=utc, instead=instead)
    return plan_world(world, noted_memory(kv), stacks)


def read_world(
    kv: KvPort,
    swarm: SwarmPort,
    *,
    mode: Mode,
    utc: datetime,
    instead: Mapping[str, Mapping[str, bytes]] = MappingProxyType({}),
) -> World:
    """One answer of the KV beside one full pass over the swarm. Raises what the ports raise."""
    desired = _with_folders(read_tree(kv.read(keys.DESIRED)), instead)
    observed = swarm.read()
    incomplete = incompleteness(desired, observed)
    # Without a sentinel we own nothing: everything is seen as somebody else's.
    sentinel = desired.installation
    owner = Owner.of(sentinel) if sentinel else Owner("(none)", b"(none)")
    return World(desired, observed, owner, mode, utc=utc, incomplete=incomplete)


def plan_world(world: World, memory: Memory, stacks: Sequence[str] = ()) -> PlanReport:
    """The plans of some stacks of a world, or of all."""
    desired = world.desired
    plans: list[StackPlan] = []
    problems: list[tuple[str, tuple[Problem, ...]]] = []
    warnings = list(desired.warnings)
    read = cache(lambda stack: read_stack(desired.folders[stack]))

    @cache
    def planned(stack: str) -> Planned:
        parsed = read(stack)
        running = owned_services(stack, world.swarm, world.owner)
        hidden = values_of_live(running, owned_tasks(running, world.swarm), parsed.specs)
        return plan_desired(parsed, world, memory.of(stack), hidden)

    lost = desired.installation is None and has_our_labels(world.swarm)
    # Without the sentinel of a swarm that is ours nothing can be said about whose a thing is.
    for stack in [] if lost else _chosen(desired, stacks):
        folder = desired.folders.get(stack)
        if folder is not None and folder.pushing is not None:
            warnings.append(f"{stack} is being pushed: it is planned once that is done")
        elif desired.is_removed(stack):
            plans.append(plan_gone(stack, world, "removed").plan)
        elif (parsed := read(stack)).specs is None:
            problems.append((stack, parsed.problems))
        else:
            plans.append(planned(stack).plan)
    return PlanReport(
        plans=tuple(plans),
        problems=tuple(problems),
        missing=missing_stacks(desired, world.swarm, world.owner, {}, 0.0),
        incomplete=world.incomplete,
        warnings=tuple(warnings),
        services=world.swarm.services_by_name,
        swarm=world.swarm,
        wishes=Wishes() if lost else _wishes(world, read, planned),
    )


def _wishes(
    world: World,
    read: Callable[[str], DesiredStack],
    planned: Callable[[str], Planned],
) -> Wishes:
    """Of all stacks, whichever are planned: who has a name is seen among all of them."""
    desired = world.desired
    found: list[Wish] = []
    waiting: list[Wish] = []
    unread: set[str] = set()
    observed: set[str] = set()
    held: dict[str, str] = {}
    removed = {stack for stack in desired.tombstones if desired.is_removed(stack)}
    for stack, folder in desired.folders.items():
        if stack in removed:
            continue
        specs = read(stack).specs if folder.pushing is None else None
        if specs is None:
            unread.add(stack)
            continue
        if specs.options.sync.mode is Sync.OBSERVE:
            observed.add(stack)
        why = why_not_taken_up(specs, planned(stack), world)
        if why is None:
            found += wishes_of(specs)
        else:
            held[stack] = why
            waiting += wishes_of(specs)
    evident = (desired.folders.keys() - unread - held.keys()) | removed
    return Wishes(
        tuple(found),
        desired.addresses,
        evident=frozenset(evident),
        unread=frozenset(unread),
        unread_nodes=desired.unread_nodes,
        held=held,
        waiting=tuple(waiting),
        observed=frozenset(observed),
    )


def _with_folders(desired: DesiredTree, instead: Mapping[str, Mapping[str, bytes]]) -> DesiredTree:
    """Files that are written now are younger than everything else."""
    now = desired.index + 1
    folders = {
        stack: FolderVersion(stack, {path: KvEntry(data, now) for path, data in files.items()})
        for stack, files in instead.items()
    }
    return replace(desired, folders={**desired.folders, **folders}) if folders else desired


def _chosen(desired: DesiredTree, stacks: Sequence[str]) -> list[str]:
    known = desired.folders.keys() | desired.tombstones.keys()
    return sorted(stack for stack in known if not stacks or stack in stacks)


def noted_memory(kv: KvPort) -> Memory:
    """What the lease holder noted about the stacks' specs. Raises what the KV raises."""
    memory = Memory()
    prefix = keys.spec_memory_key("")
    for stack, entry in kv.read(prefix).entries.items():
        record = SpecMemory.parse(entry.value)
        if record is not None:
            memory.load(stack, record)
    return memory
