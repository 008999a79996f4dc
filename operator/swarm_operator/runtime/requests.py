"""People's wishes in the KV, and their end: requests, approvals, tombstones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from desired_state import keys
from desired_state.records import Request
from swarm_operator.observed.errors import Conflict, LeaseLost
from swarm_operator.observed.kv import Delete, Fence
from swarm_operator.plan import redeploy
from swarm_operator.plan.decide import Planned
from swarm_operator.plan.desired import DesiredTree
from swarm_operator.plan.world import World
from swarm_operator.runtime.ports import KvPort


@dataclass(slots=True)
class Requests:
    """The only writes of the operator below `desired/` beside its first sentinel: taking away what
    is finished."""

    kv: KvPort
    _taken: set[tuple[str, int]] = field(default_factory=set)
    """Keys and indexes that are gone already: the next answer of the KV may be a while away."""

    def take_retries(
        self, desired: DesiredTree, fence: Fence, retry: Callable[[str, str | None], None]
    ) -> None:
        """`retry/<stack>` or `retry/<stack>/<service>`: acted on, then taken away."""
        for key, (_, index) in desired.requests.items():
            name = keys.request_key(key.verb, key.target)
            if key.verb != "retry" or (name, index) in self._taken:
                continue
            stack, _, service = key.target.partition("/")
            retry(stack, f"{stack}_{service.removeprefix(f'{stack}_')}" if service else None)
            self._take_away(name, index, fence)

    def drop_finished(self, world: World, plans: Mapping[str, Planned], fence: Fence) -> None:
        """Wishes that are done, outlived, or about something that is not so any more.

        `plans` are those of this pass, by stack. From an incomplete world nothing follows: what
        waits is not seen in it.
        """
        if world.incomplete:
            return
        self._forget_gone(world.desired)
        for key, (request, index) in world.desired.requests.items():
            if is_finished(key, request, world, plans):
                self._take_away(keys.request_key(key.verb, key.target), index, fence)
        for stack, (_, index) in world.desired.tombstones.items():
            if world.desired.is_back(stack):
                self._take_away(keys.removed_key(stack), index, fence)

    def _forget_gone(self, desired: DesiredTree) -> None:
        """What the KV shows no more need not be remembered as taken."""
        shown = {
            *(
                (keys.request_key(k.verb, k.target), index)
                for k, (_, index) in desired.requests.items()
            ),
            *((keys.removed_key(stack), index) for stack, (_, index) in desired.tombstones.items()),
        }
        self._taken &= shown

    def finish_removal(self, stack: str, index: int, fence: Fence) -> None:
        """The stack is gone: so is its tombstone."""
        self._take_away(keys.removed_key(stack), index, fence)

    def finish(self, key: keys.RequestKey, index: int, fence: Fence) -> None:
        """A wish that its own controller says is done."""
        self._take_away(keys.request_key(key.verb, key.target), index, fence)

    def _take_away(self, key: str, index: int, fence: Fence) -> None:
        if (key, index) in self._taken:
            return
        try:
            self.kv.commit([Delete(f"{keys.DESIRED}{key}", index=index)], fence=fence)
        except LeaseLost:
            raise
        except Conflict:
            pass  # written again meanwhile: its new value is looked at in its turn
        self._taken.add((key, index))


def is_finished(
    key: keys.RequestKey,
    request: Request,
    world: World,
    plans: Mapping[str, Planned],
) -> bool:
    """Whether a request is to be taken away now."""
    stack = key.target.partition("/")[0]
    is_known = world.incomplete or _is_known(stack, world)
    match key.verb:
        case "approve" | "redeploy" if not is_known:
            return True
        case "approve":
            planned = plans.get(stack)
            return planned is not None and not planned.approval.is_given_by(request)
        case "pause":
            is_over = request.until is not None and world.utc >= request.until
            return is_over or not is_known
        case "redeploy":
            planned = plans.get(stack)
            return planned is not None and not redeploy.is_planned(planned.plan)
        case _:
            return False


def _is_known(stack: str, world: World) -> bool:
    """A wish must not outlive its stack: the next one of that name would be born paused."""
    return stack in world.desired.folders or stack in world.desired.tombstones
