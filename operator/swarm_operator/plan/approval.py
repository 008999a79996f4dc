"""What waits for a person's word, and whether a word that was given is about it."""

from dataclasses import dataclass
from typing import Final

from desired_state.records import Request
from swarm_operator.plan.actions import Hold, Remove, StackPlan, digest
from swarm_operator.plan.ownership import Owner


@dataclass(frozen=True, slots=True)
class Approval:
    """The actions of one plan that wait; false where none does."""

    digest: str = ""
    names: tuple[str, ...] = ()
    """What waits, as people read it."""
    only_removals: bool = False

    def __bool__(self) -> bool:
        return bool(self.digest)

    def is_given_by(self, request: Request) -> bool:
        """Whether the request is about just this, or about removals of which these are the rest: the
        operator may have been interrupted between two of them."""
        if not self:
            return False
        if request.digest == self.digest:
            return True
        return self.only_removals and set(self.names) <= set(request.names)


NOTHING_WAITS: Final = Approval()


def what_waits(plan: StackPlan, owner: Owner) -> Approval:
    """What of a guarded plan is held until a person approves it."""
    waiting = tuple(held for held in plan.held if held.hold is Hold.NEEDS_APPROVAL)
    if not waiting:
        return NOTHING_WAITS
    services = [item.action for item in waiting if item.action.kind == "service"]
    return Approval(
        digest=digest(StackPlan(plan.stack, held=waiting), owner),
        names=tuple(sorted(f"{action.verb} {action.kind} {action.name}" for action in services)),
        only_removals=all(isinstance(action, Remove) for action in services),
    )
