"""What people see of Traefik as a whole: `status/traefik`, with its instances."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from desired_state import keys
from desired_state.route_records import InstanceStatus, TraefikStatus
from swarm_operator.plan.bounded import some
from swarm_operator.plan.routes.changes import Changes
from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.fields import Version, version_text
from swarm_operator.plan.routes.lint import Finding
from swarm_operator.plan.routes.servers import Surroundings
from swarm_operator.plan.routes.states import FOREIGN_STAMP, Instances, Writes
from swarm_operator.runtime.record import StatusWriter
from swarm_operator.runtime.routes.surroundings import RouteSurroundings


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass knows."""

    now: float
    compiled: Compiled
    surroundings: Surroundings
    changes: Changes
    is_in_step: bool
    writes: Writes
    generation: str
    instances: Instances
    version: Version
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class TraefikView:
    """Says each thing once."""

    around: RouteSurroundings
    statuses: StatusWriter

    def waits(self, why: str, *, is_final: bool = False) -> None:
        """Nothing is decided for the moment; `is_final`: a person must act."""
        root, utc = self.around.plan.root, self.around.clock.utc()
        last = self.last()
        if last is None and not is_final:
            return
        known = last or TraefikStatus(state="", since=utc, root=root)
        state = "Failed" if is_final else "Waiting"
        self.say(known.model_copy(update={"state": state, "message": why, "since": utc}))

    def show(self, look: Look) -> None:
        root = self.around.plan.root
        freezing = tuple(f"{root}/{f.key}" for f in look.findings if f.freezes)
        conflicts = tuple(f"{each.id}: {each.message}" for each in look.changes.conflicts)
        doubts = tuple(f"{root}/{f.key}: {f.message}" for f in look.findings if not f.freezes)
        instances = dict(self._instances(look))
        state, message = "Publishing", ""
        frozen = [name for name, each in instances.items() if each.state == "frozen"]
        if self.around.identity.mode != "act":
            state, message = "Observing", "mode: observe: nothing is written"
        elif freezing:
            first = next(f for f in look.findings if f.freezes)
            state = "Frozen"
            message = f"Traefik takes no change while `{root}/{first.key}` stands: {first.message}"
        elif frozen:
            state = "Frozen"
            message = (
                f"{', '.join(sorted(frozen))} shows none of the newest writes: look at its log, its "
                "token for Consul, its rootKey"
            )
        elif conflicts:
            state, message = "Conflict", conflicts[0]
        self.say(
            TraefikStatus(
                state=state,
                message=message,
                since=self.around.clock.utc(),
                root=root,
                generation=look.generation,
                version=version_text(look.version),
                instances=dict(sorted(instances.items())),
                frozen_by=some(freezing),
                conflicts=some(conflicts),
                warnings=some(doubts),
            )
        )

    def _instances(self, look: Look) -> Iterator[tuple[str, InstanceStatus]]:
        last = self.last()
        known = last.instances if last is not None else {}
        frozen = look.instances.frozen(look.writes, look.now)
        for name, seen in look.instances.seen.items():
            state, message = "current", ""
            if seen.is_silent:
                state, message = "silent", seen.error or "it was not asked yet"
            elif not look.instances.is_stamp_ours:
                state, message = "unknown", FOREIGN_STAMP
            elif name in frozen:
                state, message = "frozen", "it takes no changes any more"
            elif look.writes.known and look.writes.applied(seen) < look.writes.number:
                state = "behind"
            before = known.get(name)
            same = before is not None and before.state == state
            utc = self.around.clock.utc()
            since = before.since if same and before is not None else utc
            generation = seen.generation
            stamp_since = utc - timedelta(seconds=look.now - seen.since) if generation else None
            if before is not None and (seen.answered_at is None or before.generation == generation):
                # A moment, and of an earlier holder's too: an age would be a write each time.
                generation, stamp_since = before.generation, before.stamp_since
            yield (
                name,
                InstanceStatus(
                    state=state,
                    version=seen.version,
                    message=message,
                    since=since,
                    generation=generation,
                    stamp_since=stamp_since,
                ),
            )

    def last(self) -> TraefikStatus | None:
        value = self.statuses.latest(keys.TRAEFIK_STATUS)
        return TraefikStatus.parse(value) if value is not None else None

    def say(self, status: TraefikStatus) -> None:
        last = self.last()
        if last is not None and last.state == status.state:
            status = status.model_copy(update={"since": last.since})
        if last is None or (last.state, last.message) != (status.state, status.message):
            level = "info" if status.state in {"Publishing", "Observing"} else "warning"
            getattr(self.around.log, level)("traefik", state=status.state, message=status.message)
        self.statuses.want(keys.TRAEFIK_STATUS, status)
