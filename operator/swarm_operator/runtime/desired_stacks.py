"""The stacks that have a document: plan each, carry out what is allowed, say how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from desired_state import keys
from swarm_operator.plan import verdict
from swarm_operator.plan.actions import Finding, Hold, Kind, StackPlan
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Planned, pause_end
from swarm_operator.plan.desired import DesiredStack, FolderVersion
from swarm_operator.plan.health import Health, ServiceState
from swarm_operator.plan.ownership import own_stacks
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.world import World
from swarm_operator.runtime import settled
from swarm_operator.runtime.folders import PUSHING_WARN_S
from swarm_operator.runtime.moment import Moment
from swarm_operator.runtime.toolbox import Toolbox

_JUDGED: Final = frozenset({Hold.REJECTED, Hold.CONTESTED, Hold.DRIFT_REPORTED})
"""Holds whose memory is kept although nothing is sent."""
_UNSETTLED: Final = frozenset({"Reconciling", "Degraded", "Failed"})
"""Findings that may go away by themselves."""


@dataclass(slots=True)
class DesiredStacks:
    """All of one moment."""

    moment: Moment

    @property
    def _tools(self) -> Toolbox:
        return self.moment.tools

    @property
    def _world(self) -> World:
        return self.moment.world

    def run(self, gone: frozenset[str]) -> dict[str, Planned]:
        """Returns the plans by stack; nothing is planned of a folder that cannot be used as it is."""
        plans: dict[str, Planned] = {}
        folders = self._world.desired.folders
        asked_about = {key.target.partition("/")[0] for key in self._world.desired.requests}
        self._tools.reader.keep_only(folders)
        self._tools.plans.keep_only(folders)
        self._tools.settled.keep_only(folders)
        own = own_stacks(self._world.swarm)
        changed_at = self._tools.folders.changed_at
        # What was just written comes first: somebody waits for it. The operator's own stack comes
        # last: its update ends this process.
        order = sorted(folders.keys() - gone, key=lambda n: (n in own, -changed_at(n), n))
        for name in order:
            if not self._is_being_written(folders[name]):
                with self.moment.alone(name):
                    parsed = self._tools.reader.stack(folders[name])
                    if name not in asked_about and self._is_settled(parsed):
                        plans[name] = Planned(StackPlan(name))
                        continue
                    redaction = self.moment.redaction(name, parsed.specs)
                    memory = self._tools.memory.of(name)
                    planned = self._tools.plans.plan(parsed, self._world, memory, redaction.values)
                    if parsed.specs is not None:
                        plans[name] = planned
                    self._one_stack(parsed, planned, redaction)
        return plans

    def _is_settled(self, stack: DesiredStack) -> bool:
        """Whether it stands as it stood when all was well: then there is nothing to do or to say."""
        planned = self._tools.plans.nothing_to_do(stack, self._world)
        if planned is None or stack.specs is None or not self.moment.acts():
            return False
        if self._tools.settled.known(stack.stack) != self._view(stack.specs, planned):
            return False
        self._tools.publisher.measure_success(stack.stack)
        return True

    def _view(self, specs: StackSpecs, planned: Planned) -> settled.View:
        """Of the world by what is said about a stack with nothing to do."""
        return settled.View(
            self.moment.fence,
            planned,
            settled.tasks_of(specs, self._world.swarm),
            settled.nodes_up_of(specs, self._world.swarm),
            self._tools.statuses.latest(keys.stack_status_key(specs.stack)),
            self._tools.statuses.latest(keys.spec_memory_key(specs.stack)),
            dict(self._tools.memory.of(specs.stack)),
            self._tools.publisher.unrouted_of(specs.stack),
        )

    def _is_being_written(self, folder: FolderVersion) -> bool:
        waiting = self._tools.folders.waiting(folder, self._world.now)
        if waiting is None:
            return False
        self.moment.due.append(waiting.until)
        if waiting.interrupted:
            message = (
                f"desired/stacks/{folder.stack}/{keys.PUSHING} stands for more than "
                f"{PUSHING_WARN_S:.0f} s: was a push interrupted? Push again, or delete the key"
            )
            self.moment.say(folder.stack, Finding("Blocked", "PushUnfinished", message))
        return True

    def _one_stack(self, stack: DesiredStack, planned: Planned, redaction: Redaction) -> None:
        if stack.specs is None:
            text = "\n".join(str(problem) for problem in stack.problems)
            self.moment.say(stack.stack, Finding("Invalid", "DocumentRefused", text))
            return
        self._tools.publisher.measure_held(planned.plan)
        self._remember(planned)
        ends = pause_end(stack.specs, self._world)
        if ends is not None:
            self.moment.due.append(self._world.now + (ends - self._world.utc).total_seconds())
        folder = self._world.desired.folders[stack.stack]
        path, index = folder.newest_key
        cause = f"{keys.DESIRED}{keys.stack_key(stack.stack, path)} at index {index}"
        if self.moment.apply(planned, cause, redaction):
            return
        findings, health = self._publish(stack.specs, planned, redaction)
        if any(finding.type in _UNSETTLED for finding in findings):
            self._expect_changes(health)
        if not any(finding.type == "Failed" for finding in findings):
            self._tools.publisher.measure_success(stack.stack)
        if not findings and not planned.plan.held and self._world.mode == "act":
            self._keep(stack, stack.specs.revision, folder)
            if ends is None and self.moment.acts():
                self._tools.settled.note(stack.stack, self._view(stack.specs, planned))

    def _expect_changes(self, health: Mapping[str, Health | None]) -> None:
        """Of the services that are not settled, or of all where none is to blame."""
        self.moment.moving = True
        busy = [name for name, item in health.items() if item is None or not item.is_settled]
        for name in busy or health:
            service = self._world.swarm.services_by_name.get(name)
            if service is None:
                self.moment.moves_elsewhere = True
            else:
                self.moment.moving_services.add(service.id)

    def _publish(
        self, specs: StackSpecs, planned: Planned, redaction: Redaction
    ) -> tuple[tuple[Finding, ...], Mapping[str, Health | None]]:
        utc = self._tools.around.clock.utc()
        last = self._tools.publisher.last(specs.stack)
        before = last.services if last is not None and last.revision == specs.revision else {}
        health = verdict.services_health(list(specs.services), self._world.swarm, utc)
        held = planned.plan.held
        rejected = {i.action.name: i.message for i in held if i.hold is Hold.REJECTED}
        services = verdict.service_statuses(health, rejected, redaction, before, utc)
        deadlines = {n: s.options.progress_deadline_s for n, s in specs.services.items()}
        findings = (
            *planned.plan.findings,
            *verdict.from_held(held),
            *self._tools.applier.failures(specs.stack),
            *verdict.from_health(_not_told_yet(health, rejected), redaction),
            *verdict.overdue(services, deadlines, utc),
        )
        self._tools.publisher.publish(
            verdict.Verdict(
                stack=specs.stack,
                revision=specs.revision,
                findings=findings,
                services=services,
                approval=planned.approval,
                warnings=tuple(str(warning) for warning in specs.warnings),
            )
        )
        return findings, health

    def _keep(self, stack: DesiredStack, revision: str, folder: FolderVersion) -> None:
        """In the history: all of it runs, nothing waits."""
        pushed = folder.pushed if folder.pushed is not None and folder.is_as_pushed else None
        who = pushed.who if pushed is not None else ""
        utc = self._tools.around.clock.utc()
        self._tools.history.keep(stack.stack, revision, stack.kept, who, utc, self.moment.fence)

    def _remember(self, planned: Planned) -> None:
        """What is true without any write: services in step, judgements about held ones."""
        plan = planned.plan
        acted_on = {a.name for a in plan.everything() if a.kind is Kind.SERVICE}
        in_step = {
            name: wish
            for name, wish in plan.wishes.items()
            if name not in acted_on
            and (live := self._world.swarm.services_by_name.get(name)) is not None
            and self._world.owner.owns(live.labels)
        }
        judged = {held.action.name for held in plan.held if held.hold in _JUDGED}
        held = {name: memory for name, memory in planned.memories.items() if name in judged}
        memory = self._tools.memory
        memory.keep_only(plan.stack, frozenset(plan.wishes))
        if not self._world.incomplete and not any(finding.blocks for finding in plan.findings):
            memory.in_step(plan.stack, in_step)
        memory.remember(plan.stack, held)
        if not self._world.incomplete and self._world.mode == "act":
            self._tools.statuses.want(keys.spec_memory_key(plan.stack), memory.record(plan.stack))


def _not_told_yet(
    health: Mapping[str, Health | None], rejected: Mapping[str, str]
) -> dict[str, Health | None]:
    """Without the services whose rollback the rejection of their spec tells already."""
    return {
        name: item
        for name, item in health.items()
        if name not in rejected or item is None or item.state is not ServiceState.ROLLED_BACK
    }
