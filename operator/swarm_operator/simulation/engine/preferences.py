"""Placement preferences: nodes in branches, one level for each spread label.

SwarmKit's manager/scheduler/nodeset.go (tree), decision_tree.go and scheduler.go
(scheduleNTasksOnSubtree). A node without the label is in the branch of the empty value.
"""

import random
from collections.abc import Callable, Iterable
from typing import TypeAlias

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.node_set import Fits, NodeInfo
from swarm_operator.simulation.engine.records import NodeRecord, TaskRecord

NODE_LABEL = "node.labels."
ENGINE_LABEL = "engine.labels."

Place: TypeAlias = Callable[[int, list[NodeInfo]], int]
"""Puts so many tasks on the nodes of one leaf; returns how many it could."""


class Branch:
    """A set of nodes: divided by the next label, or a leaf with the nodes that fit."""

    def __init__(self) -> None:
        self.copies = 0
        """Active tasks of the service on all of its nodes, also on those that fit no longer."""
        self.below: dict[str, Branch] = {}
        self.nodes: list[NodeInfo] = []


def descriptors_of(task: TaskRecord) -> tuple[str, ...]:
    """Of the labels to spread over, in order; what names no label is passed over."""
    preferences: Iterable[JsonObject] = dig(task.spec, "Placement", "Preferences") or ()
    named = (dig(preference, "Spread", "SpreadDescriptor") or "" for preference in preferences)
    return tuple(name for name in named if _prefix_of(name))


def label_value(node: NodeRecord, descriptor: str) -> str:
    """ "" where the node does not have it."""
    prefix = _prefix_of(descriptor)
    labels = node.labels if prefix == NODE_LABEL else node.engine_labels
    return labels.get(descriptor[len(prefix) :], "")


def tree(
    infos: Iterable[NodeInfo], service_id: str, descriptors: tuple[str, ...], fits: Fits
) -> Branch:
    root = Branch()
    for info in infos:
        copies = info.active_by_service.get(service_id, 0)
        branch = root
        for descriptor in descriptors:
            branch.copies += copies
            value = label_value(info.node, descriptor)
            branch = branch.below.setdefault(value, Branch())
        branch.copies += copies
        if fits(info):
            branch.nodes.append(info)
    return root


def spread(count: int, branch: Branch, place: Place, rng: random.Random) -> int:
    """Divide `count` tasks over the branches, evenly with what is there; returns how many fitted.

    Which branches get the odd ones is chance.
    """
    if not branch.below:
        return place(count, branch.nodes) if branch.nodes else 0
    below = list(branch.below.values())
    placed, copies = 0, branch.copies
    full: list[Branch] = []
    is_converging = True
    while placed != count and len(full) != len(below) and is_converging:
        share, odd = divmod(copies + count - placed, len(below) - len(full))
        is_converging = False
        rng.shuffle(below)
        for child in below:
            if child in full:
                continue
            if child.copies > share or (child.copies == share and not odd):
                continue
            is_converging = True
            wanted = share - child.copies + (1 if odd else 0)
            done = spread(wanted, child, place, rng)
            if done < wanted:
                full.append(child)
                copies -= child.copies
            elif odd:
                odd -= 1
            placed += done
    return placed


def _prefix_of(descriptor: str) -> str:
    for prefix in (NODE_LABEL, ENGINE_LABEL):
        if len(descriptor) > len(prefix) and descriptor[: len(prefix)].casefold() == prefix:
            return prefix
    return ""
