"""Whether the routes of a stack are as they are wished: the condition `Routed` of its status."""

from collections.abc import Mapping
from typing import Final

from desired_state.route_records import RouteStatus
from swarm_operator.plan.actions import Finding
from swarm_operator.plan.bounded import some
from swarm_operator.plan.routes.states import State

ROUTED: Final = "Routed"
"""The type of the condition. It is said where it is "False"."""

_REASONS: Final = {
    State.REJECTED: "RouteRejected",
    State.CONFLICT: "RouteConflict",
    State.DISABLED: "RouteDisabled",
    State.FROZEN: "TraefikFrozen",
}
"""The first that holds is the condition's. What is on its way, or what nobody can tell, is no reason."""


def not_routed(routes: Mapping[str, RouteStatus]) -> Finding | None:
    """What is wrong with a stack's routes (by their names); None where nothing is."""
    found = {
        state: [f"{name} is {state}: {route.message}" for name, route in routes.items()
                if route.state == state]
        for state in _REASONS
    }  # fmt: skip
    reason = next((_REASONS[state] for state, texts in found.items() if texts), None)
    if reason is None:
        return None
    texts = [text for each in found.values() for text in each]
    return Finding(ROUTED, reason, "\n".join(some(texts)))
