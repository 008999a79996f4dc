"""Stacks that are on the swarm and not in the KV: what that is evidence of.

A vanished folder is the condition `Missing`, no more. A tombstone is a person's word. Where the policy
says `prune_stacks: auto`, a folder gone for the grace time counts too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import DesiredTree
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.stack import stacks_of_ours


@dataclass(frozen=True, slots=True)
class Missing:
    """A stack of ours without a folder and without a tombstone."""

    stack: str
    since: float
    """Seconds of the clock that `now` is of: when it was seen missing first."""
    removable: bool
    """Its grace time is over and the policy allows its removal."""
    message: str
    removable_at: float | None = None
    """When its grace time is over; None where the policy never removes it."""


def missing_stacks(
    desired: DesiredTree, swarm: Swarm, owner: Owner, first_seen: Mapping[str, float], now: float
) -> tuple[Missing, ...]:
    """What is missing, by name. An incomplete answer tells nothing: then nothing is missing."""
    if desired.incomplete or not swarm.is_complete:
        return ()
    gone = stacks_of_ours(swarm, owner) - desired.folders.keys() - desired.tombstones.keys()
    return tuple(
        _missing(stack, desired, first_seen.get(stack, now), now) for stack in sorted(gone)
    )


def _missing(stack: str, desired: DesiredTree, since: float, now: float) -> Missing:
    policy = desired.policy
    folder = f"desired/stacks/{stack}/"
    if policy.prune_stacks == "off":
        message = (
            f"the folder {folder} is gone and there is no tombstone: its services stay. Put the folder "
            f"back, or say `swarm-operator remove {stack}`"
        )
        return Missing(stack, since, removable=False, message=message)
    removable_at = since + policy.grace_s
    message = f"the folder {folder} is gone; policy prune_stacks: auto, grace {policy.grace}"
    return Missing(stack, since, now >= removable_at, message, removable_at)
