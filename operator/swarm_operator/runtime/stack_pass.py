"""One pass over all stacks, in the world of one moment."""

from swarm_operator.runtime.desired_stacks import DesiredStacks
from swarm_operator.runtime.gone_stacks import GoneStacks
from swarm_operator.runtime.moment import Moment


def pass_over_stacks(moment: Moment) -> None:
    """Those with a document, then those without. When to look again is in the moment afterwards.

    Raises what the KV raises; what the engine says is kept with its stack.
    """
    tools, desired = moment.tools, moment.world.desired

    def retry(stack: str, service: str | None) -> None:
        tools.memory.retry(stack, service)
        tools.backoff.reset(stack)

    tools.requests.take_retries(desired, moment.fence, retry)
    gone = frozenset(stack for stack in desired.tombstones if desired.is_removed(stack))
    plans = DesiredStacks(moment).run(gone)
    GoneStacks(moment).run(gone)
    tools.bindings.collect(moment.world, tools.reader, tools.folders, plans)
    tools.requests.drop_finished(moment.world, plans, moment.fence)
    services = frozenset() if moment.moves_elsewhere else frozenset(moment.moving_services)
    tools.observer.set_moving(moving=moment.moving, services=services)
    moment.due += tools.applier.next_tries(moment.world.now)
