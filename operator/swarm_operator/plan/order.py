"""In which order services are written: a published port is given up before it is taken."""

from collections.abc import Mapping, Sequence

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Action, Create, UpdateService

Ports = Mapping[tuple[str, int], str]
"""The publish mode by protocol and number."""


def in_order(actions: Sequence[Action], swarm: Swarm) -> tuple[Action, ...]:
    """The actions as they were given, but whoever gives a port up goes before who wants it.

    Two services that swap their ports cannot both go first: then the order is kept, and the engine
    refuses the one that comes too early.
    """
    waiting = [(action, *_ports_moved(action, swarm)) for action in actions]
    ordered: list[Action] = []
    while waiting:
        free = next(
            (
                item
                for item in waiting
                if not any(clash(item[1], other[2]) for other in waiting if other is not item)
            ),
            waiting[0],
        )
        waiting.remove(free)
        ordered.append(free[0])
    return tuple(ordered)


def _ports_moved(action: Action, swarm: Swarm) -> tuple[Ports, Ports]:
    """The ports that an action takes, and those that it gives up."""
    live = swarm.services_by_name.get(action.name)
    before = published_ports(live.spec) if live is not None else {}
    after: Ports = {}
    if isinstance(action, UpdateService):
        after = published_ports(action.spec)
    elif isinstance(action, Create):
        after = published_ports(action.body)
    taken = {port: mode for port, mode in after.items() if before.get(port) != mode}
    given_up = {port: mode for port, mode in before.items() if after.get(port) != mode}
    return taken, given_up


def clash(wanted: Ports, held: Ports) -> bool:
    """SwarmKit's rule: a port in ingress mode is one service's alone, host ports included."""
    return any("ingress" in (wanted[port], held[port]) for port in wanted.keys() & held.keys())


def published_ports(spec: JsonObject) -> Ports:
    """The ports that a service asks for by number."""
    return {
        (port.get("Protocol") or "tcp", port["PublishedPort"]): (
            "host" if port.get("PublishMode") == "host" else "ingress"
        )
        for port in dig(spec, "EndpointSpec", "Ports") or []
        if port.get("PublishedPort")
    }
