"""One moment of the loop: the world as it was read, the lease as it was held, and what comes next."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import Fence
from swarm_operator.plan.actions import Finding, Remove, UpdateService
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Planned
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.stack import owned_services, owned_tasks
from swarm_operator.plan.world import World
from swarm_operator.runtime.toolbox import Toolbox


@dataclass(slots=True)
class Moment:
    """What all stacks of one pass share: the tools, what they see, what they expect."""

    tools: Toolbox
    world: World
    fence: Fence
    due: list[float] = field(default_factory=list)
    """When something is to be looked at again."""
    moving: bool = False
    """Whether anything is expected to change by itself."""
    moving_services: set[str] = field(default_factory=set)
    """The ids of the services of which that is expected."""
    moves_elsewhere: bool = False
    """Whether it is expected of anything else, too."""

    def acts(self) -> bool:
        return self.world.mode == "act" and not self.world.incomplete

    @contextmanager
    def alone(self, stack: str) -> Iterator[None]:
        """One stack's trouble stays its own, even where the trouble is a defect of ours."""
        try:
            yield
        except OutsideError:
            raise
        except Exception as error:
            self.tools.around.log.exception("a defect of the operator", stack=stack)
            message = (
                f"a defect of the operator ({type(error).__name__}, see its log): nothing is done for "
                "this stack; the others go on. Please report it"
            )
            self.say(stack, Finding("Failed", "Defect", message))

    def say(self, stack: str, *findings: Finding) -> None:
        """The status of a stack without usable specs; what runs of it is still shown."""
        world, redaction = self.world, self.redaction(stack)
        self.tools.publisher.publish_findings(stack, findings, world.swarm, world.owner, redaction)

    def redaction(self, stack: str, specs: StackSpecs | None = None) -> Redaction:
        running = owned_services(stack, self.world.swarm, self.world.owner)
        tasks = owned_tasks(running, self.world.swarm)
        return self.tools.secrets.redaction(stack, specs, running, tasks)

    def apply(self, planned: Planned, cause: str, redaction: Redaction) -> bool:
        """Returns whether anything was tried: then the world is looked at again, at once."""
        plan = planned.plan
        if not plan.actions:
            self.tools.applier.settled(plan.stack)
            return False
        if not self.tools.applier.is_due(plan.stack, self.world.now):
            return False
        removes = any(isinstance(action, Remove) for action in plan.actions)
        all_done = False
        if not removes or self.tools.observer.is_fresh(self.world.now):
            all_done = self.tools.applier.apply(
                planned, self.world.swarm, cause, redaction, self.fence, self.world.now
            )
        updated = {a.service_id for a in plan.actions if isinstance(a, UpdateService)}
        if all_done and len(updated) == len(plan.actions):
            self.tools.observer.mark_changed(frozenset(updated), at_once=True)
            self.moving_services |= updated
        else:
            self.tools.observer.mark_dirty(at_once=True)
            self.moves_elsewhere = True
        self.moving = True
        return True
