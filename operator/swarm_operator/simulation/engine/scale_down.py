"""Which slots go first when a service is scaled down (SwarmKit orchestrator/replicated/slot.go)."""

import random
from collections.abc import Iterable

from swarm_operator.simulation.engine.records import TaskState
from swarm_operator.simulation.engine.slots import Slot

STABLE_UP_TO = 12
"""Go's sort is an insertion sort up to this length; beyond it, equals come in no defined order."""


def by_worth(slots: Iterable[Slot], rng: random.Random) -> list[Slot]:
    """Those to keep first. The tail is removed.

    Running ones first, then by number; of these each is the n-th copy on its node, and sorted by that
    n: so victims come from the nodes with most copies, running or not. A slot with other than exactly
    one live task, or whose task has no node yet, is the last of all.
    """
    ordered = sorted(slots, key=lambda slot: (not _is_running(slot), slot[0].slot))
    copies: dict[str, int] = {}
    ranked: list[tuple[bool, int, float, Slot]] = []
    for slot in ordered:
        node_id = slot[0].node_id if len(slot) == 1 else ""
        if node_id:
            copies[node_id] = copies.get(node_id, 0) + 1
        tie = rng.random() if len(ordered) > STABLE_UP_TO else 0.0
        ranked.append((not node_id, copies.get(node_id, 0), tie, slot))
    ranked.sort(key=lambda entry: entry[:3])
    return [slot for *_, slot in ranked]


def _is_running(slot: Slot) -> bool:
    return any(task.state == TaskState.RUNNING for task in slot)
