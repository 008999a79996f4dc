"""Whether a task that somebody asked to be withdrawn is out of everything that is published."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.published import How, Published, Target
from swarm_operator.plan.routes.servers import TASKS, Surroundings
from swarm_operator.runtime.routes.root import Root
from swarm_operator.runtime.routes.withdrawing import Withdrawing

LAST_ONE_S: Final = 5.0
"""A service's only task is taken for withdrawn when none has come beside it for so long: requests wait
at its name, more cannot be done for them."""

Wish: TypeAlias = tuple[Published, Target]


@dataclass(slots=True)
class Withdrawals:
    """Answers, after each pass, what can be answered."""

    withdrawing: Withdrawing
    _last_ones: dict[str, float] = field(default_factory=dict)
    """Since when each task is known to be the only one behind its service's name."""
    _in_use: frozenset[str] = frozenset()
    """Ids of the services that some instance may still send requests to: all that were published
    since every instance was last known to have what is written."""

    def begin(self, in_use: frozenset[str]) -> None:
        """Another hand published before: it may have taken these services' routes away a moment ago."""
        self._in_use = in_use
        self._last_ones = {}

    def confirm_all(self) -> None:
        """Nothing is published."""
        waiting = self.withdrawing.waiting()
        if waiting:
            self.withdrawing.confirm(dict.fromkeys(waiting, 0.0))

    def note(self, routed: frozenset[str]) -> None:
        """These services, by id, are published now."""
        self._in_use |= routed

    def answer_the_unrouted(self, swarm: Swarm, root: Root) -> None:
        """Tasks that no request can come to through Traefik: they wait for no instance, nor for the
        right to write."""
        waiting = self.withdrawing.waiting()
        if not waiting:
            return
        of = {task.id: task.service_id for task in swarm.tasks if task.id in waiting}
        out = (
            each
            for each in waiting
            if each in of and of[each] not in self._in_use and not root.publishes(each)
        )
        self.withdrawing.confirm(dict.fromkeys(out, 0.0))

    def answer(
        self,
        published: Collection[Published],
        routed: frozenset[str],
        surroundings: Surroundings,
        root: Root,
        *,
        is_confirmed: bool,
        now: float,
    ) -> None:
        """`published`: what is in the tree, so of a refused service its last good state.
        `is_confirmed`: every running instance has applied the newest write."""
        if is_confirmed and root.is_in_step:
            self._in_use = routed
        asked = self.withdrawing.tasks()
        if not asked:
            return
        tasks = {task.id: task for task in surroundings.swarm.tasks if task.id in asked}
        self.withdrawing.ended([each.id for each in tasks.values() if not each.is_live])
        waiting = self.withdrawing.waiting()
        self._last_ones = {t: at for t, at in self._last_ones.items() if t in waiting}
        if not waiting or not root.is_in_step:
            return
        wishes = _by_service(published, surroundings)
        done: dict[str, float] = {}
        for task_id in waiting - {each for each in waiting if root.publishes(each)}:
            task = tasks.get(task_id)
            of = wishes.get(task.service_id, []) if task is not None else []
            # Also with no wish left: its last route may have been taken away a moment ago.
            if is_confirmed and (
                not _is_behind_a_name(of, surroundings) or self._is_last(task_id, now)
            ):
                done[task_id] = max((target.drain_s for _, target in of), default=0.0)
        self.withdrawing.confirm(done)

    def _is_last(self, task_id: str, now: float) -> bool:
        return now >= self._last_ones.setdefault(task_id, now) + LAST_ONE_S


def routed_services(
    compiled: Compiled, surroundings: Surroundings, noted: Collection[str] = ()
) -> frozenset[str]:
    """Ids of the services that are published: by their targets, and those that have an object in the
    tree though nobody knows their targets. `noted`: further owners."""
    wishes = _by_service(compiled.in_tree.values(), surroundings)
    owners = {owner for each in compiled.owners.values() for owner in each} | set(noted)
    by_name = surroundings.swarm.services_by_name
    named = (by_name.get(owner.removeprefix("service ")) for owner in owners)
    return frozenset({*wishes, *(service.id for service in named if service is not None)})


def _by_service(
    published: Collection[Published], surroundings: Surroundings
) -> dict[str, list[Wish]]:
    found: dict[str, list[Wish]] = {}
    for each in published:
        for target in each.targets:
            service = surroundings.service_of(each, target)
            if service is not None:
                found.setdefault(service.id, []).append((each, target))
    return found


def _is_behind_a_name(of: Collection[Wish], surroundings: Surroundings) -> bool:
    """Whether requests may still come to any of the tasks by the DNS name of all, unasked."""
    return any(
        TASKS in surroundings.servers_of(published, target).addresses
        for published, target in of
        if target.how not in {How.DNS, How.VIP}
    )
