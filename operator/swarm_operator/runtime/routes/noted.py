"""What was said of routes last, by this process or an earlier holder: what the next word goes by."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from desired_state import keys
from desired_state.route_records import RouteStatus, StackRoutes, others
from swarm_operator.plan.routes.states import State
from swarm_operator.plan.routes.tree import PROTOCOLS, ObjectId
from swarm_operator.runtime.record import StatusWriter

_SERVED: Final = frozenset({State.LIVE, State.PENDING, State.UNKNOWN, State.DISABLED, State.FROZEN})
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class NotedRoutes:
    """Each stack's status as it was written last, parsed once."""

    statuses: StatusWriter
    _parsed: dict[str, tuple[bytes, StackRoutes]] = field(default_factory=dict)
    """By stack the text of its status, and what it says."""

    def forget(self) -> None:
        """Somebody else may have written meanwhile."""
        self._parsed = {}

    def of(self, stack: str, utc: datetime) -> StackRoutes:
        """What was said; of routes that were not shown, with `utc` as since when they are so."""
        value = self.statuses.latest(keys.routes_status_key(stack)) or b""
        known = self._parsed.get(stack)
        if known is None or (known[0] is not value and known[0] != value):
            record = StackRoutes.parse(value) or StackRoutes()
            known = value, _with_others(record, utc)
        self._parsed[stack] = value, known[1]
        return known[1]

    def said(self, stack: str, record: StackRoutes) -> None:
        """What was said just now, whole: what is not shown has its past too."""
        value = self.statuses.latest(keys.routes_status_key(stack)) or b""
        self._parsed[stack] = value, record

    def keep(self, stacks: Collection[str]) -> None:
        """Forget all others."""
        self._parsed = {stack: each for stack, each in self._parsed.items() if stack in stacks}


def owners_of(records: Iterable[StackRoutes]) -> Mapping[ObjectId, tuple[str, ...]]:
    """Who had each router when these statuses were written."""
    found: dict[ObjectId, tuple[str, ...]] = {}
    for record in map(_with_others, records):
        for name, route in record.routes.items():
            protocol, _, router = name.partition("/")
            for known in PROTOCOLS:
                # Of a refused one, what it published before has a target: that is served too.
                is_served = route.state in _SERVED or bool(route.target)
                if known == protocol and is_served and route.service:
                    found[ObjectId(known, "routers", router)] = (route.service,)
    return found


def _with_others(record: StackRoutes, now: datetime = _NEVER) -> StackRoutes:
    """With what is known of the routes that were not shown; since when they are so is not."""
    found = {
        name: RouteStatus(state=state, since=now, service=owner)
        for state, owner, name in others(record)
    }
    return record.model_copy(update={"routes": {**found, **record.routes}})
