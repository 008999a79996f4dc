"""One pass over all stacks: plan each, carry out what is allowed, say how it stands."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from desired_state import keys
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.kv import Fence
from swarm_operator.plan import verdict
from swarm_operator.plan.actions import Finding, Hold, Kind, Remove, StackPlan
from swarm_operator.plan.approval import Approval
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Planned, pause_end, plan_gone
from swarm_operator.plan.desired import DesiredStack, FolderVersion
from swarm_operator.plan.health import Health, ServiceState
from swarm_operator.plan.missing import missing_stacks
from swarm_operator.plan.ownership import own_stacks
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.stack import owned_services, owned_tasks, stacks_of_ours
from swarm_operator.plan.world import World
from swarm_operator.runtime.evidence import why_not_gone
from swarm_operator.runtime.folders import PUSHING_WARN_S
from swarm_operator.runtime.toolbox import Toolbox

_JUDGED: Final = frozenset({Hold.REJECTED, Hold.CONTESTED, Hold.DRIFT_REPORTED})
"""Holds whose memory is kept although nothing is sent."""
_UNSETTLED: Final = frozenset({"Reconciling", "Degraded", "Failed"})
"""Findings that may go away by themselves."""


@dataclass(slots=True)
class StackPass:
    """Everything of it is of one moment: the world as it was read, the lease as it was held."""

    tools: Toolbox
    world: World
    fence: Fence
    due: list[float] = field(default_factory=list)
    """When something is to be looked at again."""
    moving: bool = False
    """Whether anything is expected to change by itself."""

    def run(self) -> None:
        """Raises what the KV raises; what the engine says is kept with its stack."""
        desired = self.world.desired
        self.tools.requests.take_retries(desired, self.fence, self._retry)
        gone = frozenset(stack for stack in desired.tombstones if desired.is_removed(stack))
        approvals = self._desired_stacks(gone)
        for stack in sorted(gone):
            self._removed_stack(stack)
        self._missing_stacks()
        self._forget_strangers()
        self.tools.requests.drop_finished(self.world, approvals, self.fence)
        self.tools.observer.set_moving(moving=self.moving)
        self.due += self.tools.applier.next_tries(self.world.now)

    def _retry(self, stack: str, service: str | None) -> None:
        self.tools.memory.retry(stack, service)
        self.tools.backoff.reset(stack)

    def _desired_stacks(self, gone: frozenset[str]) -> dict[str, Approval]:
        """Returns what waits for approval, by stack that was planned."""
        approvals: dict[str, Approval] = {}
        folders = self.world.desired.folders
        self.tools.reader.keep_only(folders)
        self.tools.plans.keep_only(folders)
        own = own_stacks(self.world.swarm)
        changed_at = self.tools.folders.changed_at
        # What was just written comes first: somebody waits for it. The operator's own stack comes
        # last: its update ends this process.
        order = sorted(folders.keys() - gone, key=lambda n: (n in own, -changed_at(n), n))
        for name in order:
            if not self._is_being_written(folders[name]):
                with self._alone(name):
                    parsed = self.tools.reader.stack(folders[name])
                    redaction = self._redaction(name, parsed.specs)
                    memory = self.tools.memory.of(name)
                    planned = self.tools.plans.plan(parsed, self.world, memory, redaction.values)
                    approvals[name] = planned.approval
                    self._one_stack(parsed, planned, redaction)
        return approvals

    @contextmanager
    def _alone(self, stack: str) -> Iterator[None]:
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
            self._say(stack, Finding("Failed", "Defect", message))

    def _is_being_written(self, folder: FolderVersion) -> bool:
        waiting = self.tools.folders.waiting(folder, self.world.now)
        if waiting is None:
            return False
        self.due.append(waiting.until)
        if waiting.interrupted:
            message = (
                f"desired/stacks/{folder.stack}/{keys.PUSHING} stands for more than "
                f"{PUSHING_WARN_S:.0f} s: was a push interrupted? Push again, or delete the key"
            )
            self._say(folder.stack, Finding("Blocked", "PushUnfinished", message))
        return True

    def _say(self, stack: str, *findings: Finding) -> None:
        """The status of a stack without usable specs; what runs of it is still shown."""
        world, redaction = self.world, self._redaction(stack)
        self.tools.publisher.publish_findings(stack, findings, world.swarm, world.owner, redaction)

    def _redaction(self, stack: str, specs: StackSpecs | None = None) -> Redaction:
        running = owned_services(stack, self.world.swarm, self.world.owner)
        tasks = owned_tasks(running, self.world.swarm)
        return self.tools.secrets.redaction(stack, specs, running, tasks)

    def _apply(self, planned: Planned, cause: str, redaction: Redaction) -> bool:
        """Returns whether anything was tried: then the world is looked at again, at once."""
        plan = planned.plan
        if not plan.actions:
            self.tools.applier.settled(plan.stack)
            return False
        if not self.tools.applier.is_due(plan.stack, self.world.now):
            return False
        removes = any(isinstance(action, Remove) for action in plan.actions)
        if not removes or self.tools.observer.is_fresh(self.world.now):
            self.tools.applier.apply(
                planned, self.world.swarm, cause, redaction, self.fence, self.world.now
            )
        self.tools.observer.mark_dirty(at_once=True)
        self.moving = True
        return True

    # --- a stack with a document ----------------------------------------------------------------

    def _one_stack(self, stack: DesiredStack, planned: Planned, redaction: Redaction) -> None:
        if stack.specs is None:
            text = "\n".join(str(problem) for problem in stack.problems)
            self._say(stack.stack, Finding("Invalid", "DocumentRefused", text))
            return
        self.tools.publisher.measure_held(planned.plan)
        self._remember(planned)
        ends = pause_end(stack.specs, self.world)
        if ends is not None:
            self.due.append(self.world.now + (ends - self.world.utc).total_seconds())
        folder = self.world.desired.folders[stack.stack]
        path, index = folder.newest_key
        cause = f"{keys.DESIRED}{keys.stack_key(stack.stack, path)} at index {index}"
        if self._apply(planned, cause, redaction):
            return
        findings = self._publish(stack.specs, planned, redaction)
        self.moving |= any(finding.type in _UNSETTLED for finding in findings)
        if not any(finding.type == "Failed" for finding in findings):
            self.tools.publisher.measure_success(stack.stack)
        if not findings and not planned.plan.held and self.world.mode == "act":
            self._keep(stack, stack.specs.revision, folder)

    def _publish(
        self, specs: StackSpecs, planned: Planned, redaction: Redaction
    ) -> tuple[Finding, ...]:
        utc = self.tools.around.clock.utc()
        last = self.tools.publisher.last(specs.stack)
        before = last.services if last is not None and last.revision == specs.revision else {}
        health = verdict.services_health(list(specs.services), self.world.swarm, utc)
        held = planned.plan.held
        rejected = {i.action.name: i.message for i in held if i.hold is Hold.REJECTED}
        services = verdict.service_statuses(health, rejected, redaction, before, utc)
        deadlines = {n: s.options.progress_deadline_s for n, s in specs.services.items()}
        findings = (
            *planned.plan.findings,
            *verdict.from_held(held),
            *self.tools.applier.failures(specs.stack),
            *verdict.from_health(_not_told_yet(health, rejected), redaction),
            *verdict.overdue(services, deadlines, utc),
        )
        self.tools.publisher.publish(
            verdict.Verdict(
                stack=specs.stack,
                revision=specs.revision,
                findings=findings,
                services=services,
                approval=planned.approval,
                warnings=tuple(str(warning) for warning in specs.warnings),
            )
        )
        return findings

    def _keep(self, stack: DesiredStack, revision: str, folder: FolderVersion) -> None:
        """In the history: all of it runs, nothing waits."""
        pushed = folder.pushed if folder.pushed is not None and folder.is_as_pushed else None
        who = pushed.who if pushed is not None else ""
        utc = self.tools.around.clock.utc()
        self.tools.history.keep(stack.stack, revision, stack.kept, who, utc, self.fence)

    def _remember(self, planned: Planned) -> None:
        """What is true without any write: services in step, judgements about held ones."""
        plan = planned.plan
        acted_on = {a.name for a in plan.everything() if a.kind is Kind.SERVICE}
        in_step = {
            name: wish
            for name, wish in plan.wishes.items()
            if name not in acted_on
            and (live := self.world.swarm.services_by_name.get(name)) is not None
            and self.world.owner.owns(live.labels)
        }
        judged = {held.action.name for held in plan.held if held.hold in _JUDGED}
        held = {name: memory for name, memory in planned.memories.items() if name in judged}
        memory = self.tools.memory
        memory.keep_only(plan.stack, frozenset(plan.wishes))
        if not self.world.incomplete and not any(finding.blocks for finding in plan.findings):
            memory.in_step(plan.stack, in_step)
        memory.remember(plan.stack, held)
        if not self.world.incomplete and self.world.mode == "act":
            self.tools.statuses.want(keys.spec_memory_key(plan.stack), memory.record(plan.stack))

    # --- stacks without one ---------------------------------------------------------------------

    def _removed_stack(self, stack: str) -> None:
        tombstone, index = self.world.desired.tombstones[stack]
        who = f" by {tombstone.who}" if tombstone.who else ""
        planned = plan_gone(stack, self.world, f"removed{who}")
        doubt = self._doubt_about_removal(planned, outlived_at=index)
        if doubt is not None:
            self._say(stack, doubt)
            return
        cause = f"{keys.DESIRED}{keys.removed_key(stack)} at index {index}"
        if self._apply(planned, cause, self._redaction(stack)):
            return
        left = stack in stacks_of_ours(self.world.swarm, self.world.owner)
        # Without its tombstone an older document would bring the stack back.
        folder = self.world.desired.folders.get(stack)
        has_document = folder is not None and folder.document_index > 0
        is_read = not self.world.incomplete and self.world.mode == "act"
        if not left and not has_document and is_read:
            self.tools.requests.finish_removal(stack, index, self.fence)
            self._forget_stack(stack)
            return
        if not left and not planned.plan.held:
            message = (
                f"the stack is removed{who}; its older document is still in desired/stacks/{stack}/. "
                f"Delete the folder; to have the stack back, push it anew"
            )
            self._say(stack, Finding("Missing", "DocumentOutlived", message))
            return
        held = verdict.from_held(planned.plan.held)
        failed = self.tools.applier.failures(stack)
        going = Finding("Reconciling", "Removing", f"the stack is being removed{who}")
        self._say(stack, *held, *failed, *([] if held else [going]))
        self.moving |= not held

    def _missing_stacks(self) -> None:
        world = self.world
        known = self._first_seen_missing()
        found = missing_stacks(world.desired, world.swarm, world.owner, known, world.now)
        self.tools.missing_since = {item.stack: item.since for item in found}
        for item in found:
            planned = Planned(StackPlan(item.stack))
            if item.removable:
                planned = plan_gone(item.stack, world, "its folder is gone for the grace time")
            doubt = self._doubt_about_removal(planned)
            if doubt is not None:
                self._say(item.stack, doubt)
                continue
            cause = f"{keys.DESIRED}{keys.POLICY}: prune_stacks"
            if self._apply(planned, cause, self._redaction(item.stack)):
                continue
            if item.removable_at is not None and not item.removable:
                self.due.append(item.removable_at)
            finding = Finding("Missing", "FolderGone", item.message)
            self._say(item.stack, finding, *verdict.from_held(planned.plan.held))

    def _doubt_about_removal(self, planned: Planned, outlived_at: int = 0) -> Finding | None:
        if not planned.plan.actions:
            return None
        stack = planned.plan.stack
        why = why_not_gone(self.tools.around.kv, stack, outlived_at=outlived_at)
        return Finding("Blocked", "NoEvidence", f"nothing is removed: {why}") if why else None

    def _first_seen_missing(self) -> Mapping[str, float]:
        """By us, or by an earlier holder of the lease: the status says since when."""
        utc = self.tools.around.clock.utc()
        noted = {
            status.stack: self.world.now - max(0.0, (utc - status.since).total_seconds())
            for status in self.tools.publisher.stacks()
            if status.state == "Missing"
        }
        return {**noted, **self.tools.missing_since}

    def _forget_strangers(self) -> None:
        """Status keys of stacks that are neither desired, nor going, nor missed."""
        if self.world.incomplete:
            return
        desired = self.world.desired
        known = {*desired.folders, *desired.tombstones, *self.tools.missing_since}
        for status in list(self.tools.publisher.stacks()):
            if status.stack not in known:
                self._forget_stack(status.stack)

    def _forget_stack(self, stack: str) -> None:
        self.tools.publisher.forget(stack)
        self.tools.memory.forget(stack)
        self.tools.applier.forget(stack)


def _not_told_yet(
    health: Mapping[str, Health | None], rejected: Mapping[str, str]
) -> dict[str, Health | None]:
    """Without the services whose rollback the rejection of their spec tells already."""
    return {
        name: item
        for name, item in health.items()
        if name not in rejected or item is None or item.state is not ServiceState.ROLLED_BACK
    }
