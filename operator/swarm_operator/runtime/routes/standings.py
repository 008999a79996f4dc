"""Where each router stands: what the operator wrote of it, and what Traefik makes of that."""

from dataclasses import dataclass, field
from typing import TypeAlias

from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.hiding import secrets_of, without
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.states import Standing, State, standing
from swarm_operator.plan.routes.tree import Body, ObjectId, Refusal, RouteObject, RouteTree
from swarm_operator.runtime.routes.surroundings import RouteSurroundings
from swarm_operator.runtime.routes.traefik_view import Look

Bodies: TypeAlias = "tuple[Body | None, ...]"


@dataclass(slots=True)
class Standings:
    """Remembers with which write each router got what it says now."""

    around: RouteSurroundings
    _written: dict[ObjectId, tuple[Bodies, int]] = field(default_factory=dict)
    """By router: as it was written last, with all that it names, and the number of the write."""
    _secrets: tuple[RouteTree | None, tuple[str, ...]] = (None, ())
    """A tree, and what of it nobody is to see; looked for only where Traefik complains."""

    def forget(self) -> None:
        """Somebody else may have written meanwhile."""
        self._written = {}

    def note(self, look: Look) -> None:
        """Take in what is written now, where all of it is."""
        if not look.is_in_step:
            return
        held = {conflict.id for conflict in look.changes.conflicts}
        wanted = {item.id: item for item in routers(look.compiled) if item.id not in held}
        written: dict[ObjectId, tuple[Bodies, int]] = {}
        for router, item in wanted.items():
            bodies = _bodies(item, look.compiled)
            before = self._written.get(router)
            same = before is not None and before[0] == bodies
            written[router] = (
                before if same and before is not None else (bodies, look.writes.number)
            )
        self._written = written

    def of(
        self, item: RouteObject, service: ObjectId, refused: tuple[Refusal, ...], look: Look
    ) -> Standing:
        """Where the router stands, whose service is `service`, and why."""
        if refused:
            return Standing(
                State.REJECTED, f"{refused[0]}; what it published before stays as it was"
            )
        for conflict in look.changes.conflicts:
            if conflict.id in {item.id, service}:
                return Standing(State.CONFLICT, conflict.message)
        written = self._written.get(item.id)
        if written is None or written[0] != _bodies(item, look.compiled):
            acts = self.around.identity.mode == "act"
            return Standing(State.PENDING, "is being written" if acts else "mode: observe")
        found = standing(item.id, service, written[1], look.instances, look.writes, look.now)
        if found.state is State.DISABLED:
            return Standing(State.DISABLED, without(self._secrets_of(look.compiled), found.message))
        freezing = [finding for finding in look.findings if finding.freezes]
        if found.state is State.FROZEN and freezing:
            key = f"{self.around.plan.root}/{freezing[0].key}"
            return Standing(State.FROZEN, f"{found.message}: `{key}` {freezing[0].message}")
        return found

    def _secrets_of(self, compiled: Compiled) -> tuple[str, ...]:
        if self._secrets[0] is not compiled.tree:
            self._secrets = compiled.tree, secrets_of(compiled.tree)
        return self._secrets[1]


def routers(compiled: Compiled) -> tuple[RouteObject, ...]:
    """All that are to be published."""
    return tuple(item for item in compiled.tree if item.id.kind == "routers")


def _bodies(item: RouteObject, compiled: Compiled) -> Bodies:
    """What a router says, and what its service and middlewares say."""
    named = (compiled.tree.body(each) for each in references(item))
    return (item.body, *named)
