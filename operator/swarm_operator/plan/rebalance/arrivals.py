"""Nodes that have their share now, since they are steady."""

from collections.abc import Mapping

from swarm_operator.plan.rebalance.gates import Gates
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.recommendation import Wished


def arrived(wished: Wished, gates: Gates) -> Mapping[str, tuple[str, float | None]]:
    """By node id, of those not noted yet: host name, and the seconds from ready to balanced where
    tasks were moved there.

    Just after a return nothing may be wished yet, for the plan is older, or services still move; that
    is no balance.
    """
    wanting = {move.target for move in wished.moves if move.how is not How.RECOMMENDED}
    found: dict[str, tuple[str, float | None]] = {}
    for node_id, known in gates.memory.nodes.items():
        since = known.steady_since
        if known.balanced or since is None or node_id in wanting:
            continue
        if known.first_move is not None:
            found[node_id] = known.hostname, (gates.utc - since).total_seconds()
        elif not wished.ages and gates.utc >= gates.steady_at(known, since):
            found[node_id] = known.hostname, None
    return found
