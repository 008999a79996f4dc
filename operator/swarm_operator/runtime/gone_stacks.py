"""The stacks that are to go, and those whose folder is missing: removed on evidence, else only said."""

from collections.abc import Mapping
from dataclasses import dataclass

from desired_state import keys
from swarm_operator.plan import verdict
from swarm_operator.plan.actions import Finding, StackPlan
from swarm_operator.plan.decide import Planned, plan_gone
from swarm_operator.plan.missing import Missing, missing_stacks
from swarm_operator.plan.stack import stacks_of_ours
from swarm_operator.plan.world import World
from swarm_operator.runtime.evidence import why_not_gone
from swarm_operator.runtime.moment import Moment
from swarm_operator.runtime.toolbox import Toolbox


@dataclass(slots=True)
class GoneStacks:
    """All of one moment."""

    moment: Moment

    @property
    def _tools(self) -> Toolbox:
        return self.moment.tools

    @property
    def _world(self) -> World:
        return self.moment.world

    def run(self, gone: frozenset[str]) -> None:
        """`gone` are the stacks with a tombstone that holds."""
        for stack in sorted(gone):
            with self.moment.alone(stack):
                self._removed_stack(stack)
        self._missing_stacks()
        self._forget_strangers()

    def _removed_stack(self, stack: str) -> None:
        tombstone, index = self._world.desired.tombstones[stack]
        who = f" by {tombstone.who}" if tombstone.who else ""
        planned = plan_gone(stack, self._world, f"removed{who}")
        doubt = self._doubt_about_removal(planned, outlived_at=index)
        if doubt is not None:
            self.moment.say(stack, doubt)
            return
        cause = f"{keys.DESIRED}{keys.removed_key(stack)} at index {index}"
        if self.moment.apply(planned, cause, self.moment.redaction(stack)):
            return
        left = stack in stacks_of_ours(self._world.swarm, self._world.owner)
        # Without its tombstone an older document would bring the stack back.
        folder = self._world.desired.folders.get(stack)
        has_document = folder is not None and folder.document_index > 0
        is_read = not self._world.incomplete and self._world.mode == "act"
        if not left and not has_document and is_read:
            self._tools.requests.finish_removal(stack, index, self.moment.fence)
            self._forget_stack(stack)
            return
        if not left and not planned.plan.held:
            message = (
                f"the stack is removed{who}; its older document is still in desired/stacks/{stack}/. "
                f"Delete the folder; to have the stack back, push it anew"
            )
            self.moment.say(stack, Finding("Missing", "DocumentOutlived", message))
            return
        held = verdict.from_held(planned.plan.held)
        failed = self._tools.applier.failures(stack)
        stuck = planned.plan.findings if not planned.plan.actions else ()
        going = Finding("Reconciling", "Removing", f"the stack is being removed{who}")
        self.moment.say(stack, *held, *failed, *stuck, *([] if held or stuck else [going]))
        if not held and not stuck:
            self.moment.moving = self.moment.moves_elsewhere = True

    def _missing_stacks(self) -> None:
        world = self._world
        known = self._first_seen_missing()
        found = missing_stacks(world.desired, world.swarm, world.owner, known, world.now)
        self._tools.missing_since = {item.stack: item.since for item in found}
        for item in found:
            with self.moment.alone(item.stack):
                self._missing_stack(item)

    def _missing_stack(self, item: Missing) -> None:
        planned = Planned(StackPlan(item.stack))
        if item.removable:
            planned = plan_gone(item.stack, self._world, "its folder is gone for the grace time")
        doubt = self._doubt_about_removal(planned)
        if doubt is not None:
            self.moment.say(item.stack, doubt)
            return
        cause = f"{keys.DESIRED}{keys.POLICY}: prune_stacks"
        if self.moment.apply(planned, cause, self.moment.redaction(item.stack)):
            return
        if item.removable_at is not None and not item.removable:
            self.moment.due.append(item.removable_at)
        finding = Finding("Missing", "FolderGone", item.message)
        stuck = planned.plan.findings if not planned.plan.actions else ()
        self.moment.say(item.stack, finding, *stuck, *verdict.from_held(planned.plan.held))

    def _doubt_about_removal(self, planned: Planned, outlived_at: int = 0) -> Finding | None:
        if not planned.plan.actions:
            return None
        stack = planned.plan.stack
        why = why_not_gone(self._tools.around.kv, stack, outlived_at=outlived_at)
        return Finding("Blocked", "NoEvidence", f"nothing is removed: {why}") if why else None

    def _first_seen_missing(self) -> Mapping[str, float]:
        """By us, or by an earlier holder of the lease: the status says since when."""
        utc = self._tools.around.clock.utc()
        noted = {
            status.stack: self._world.now - max(0.0, (utc - status.since).total_seconds())
            for status in self._tools.publisher.stacks()
            if status.state == "Missing"
        }
        return {**noted, **self._tools.missing_since}

    def _forget_strangers(self) -> None:
        """Status keys of stacks that are neither desired, nor going, nor missed."""
        if self._world.incomplete:
            return
        desired = self._world.desired
        known = {*desired.folders, *desired.tombstones, *self._tools.missing_since}
        for status in list(self._tools.publisher.stacks()):
            if status.stack not in known:
                self._forget_stack(status.stack)

    def _forget_stack(self, stack: str) -> None:
        self._tools.publisher.forget(stack)
        self._tools.memory.forget(stack)
        self._tools.applier.forget(stack)
