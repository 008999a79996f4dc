"""The sentinel `desired/.installation`: made once, by itself only where nothing of ours exists."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from desired_state import keys
from desired_state.records import Installation
from swarm_operator.observed.errors import Conflict
from swarm_operator.observed.kv import Fence, Put
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import DesiredTree
from swarm_operator.plan.ownership import INSTALLATION_LABEL
from swarm_operator.runtime.ports import KvPort


@dataclass(slots=True)
class Sentinel:
    """Knows whether there ever was a sentinel: one that vanished is never made anew by itself."""

    kv: KvPort
    make: Callable[[str], bytes]
    _seen: bool = False

    def ensured(self, desired: DesiredTree, swarm: Swarm, fence: Fence) -> DesiredTree:
        """The tree with its sentinel, made now where this is a first start.

        A KV without it and a swarm with our labels is a lost KV: that is for a person to say
        (`init --recover`). Raises what the KV raises.
        """
        if desired.installation is not None:
            self._seen = True
            return desired
        if self._seen or not swarm.is_complete or has_our_labels(swarm):
            return desired
        value = self.make(swarm.cluster_id)
        key = f"{keys.DESIRED}{keys.INSTALLATION}"
        try:
            self.kv.commit([Put(key, value, index=0)], fence=fence)
        except Conflict:
            return desired  # it exists, and we are not shown it, or it is on its way to us
        self._seen = True
        return replace(desired, installation=Installation.parse(value), incomplete=())


def has_our_labels(swarm: Swarm) -> bool:
    """Whether any installation of this operator left its mark on the swarm.

    Other labels of ours are no evidence: people write `protect` themselves.
    """
    return any(INSTALLATION_LABEL in item.labels for item in swarm.labelled)
