"""People's wishes about moving tasks, and their end: `rebalance`, `rebalance pause`."""

from datetime import datetime, timedelta
from typing import Final

from desired_state import keys
from swarm_operator.observed.kv import Fence
from swarm_operator.plan.rebalance.recommendation import Recommendation
from swarm_operator.plan.world import World
from swarm_operator.runtime.toolbox import Toolbox

_PATIENCE: Final = timedelta(minutes=10)
"""A person's `rebalance` waits for gates that open so soon; for others it is over."""


def finish_requests(
    tools: Toolbox, world: World, fence: Fence, found: Recommendation | None
) -> None:
    """Take away those that are over. `found` is None while a move goes on, or where nothing is looked
    at. Raises what the KV raises."""
    policy = world.desired.policy.rebalance
    for key, (request, index) in world.desired.requests.items():
        if key.verb != keys.REBALANCE:
            continue
        if key.target == keys.PAUSE:
            is_over = request.until is not None and world.utc >= request.until
        elif key.target == keys.NOW:
            is_over = policy.mode != "act" or (found is not None and _is_done(found, world.utc))
        else:
            is_over = True
        if is_over:
            tools.requests.finish(key, index, fence)


def _is_done(found: Recommendation, utc: datetime) -> bool:
    """Whether a person's wish has nothing to wait for any more."""
    if found.next is not None:
        return False
    return not found.wished.moves or found.due is None or found.due - utc > _PATIENCE
