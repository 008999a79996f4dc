"""How many of its servers each instance takes for up: asked for what changed, for what is not well, and
for a few others each time, for a health check may change its mind at any time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from swarm_operator.plan.routes.states import ServersUp
from swarm_operator.plan.routes.tree import RouteTree, Value, at

MOST: Final = 50
"""Questions at a time; each takes about a millisecond."""
IN_TURN: Final = 10
"""Of those about services of which nothing is known to have changed."""


def servers_by_service(tree: RouteTree) -> Mapping[str, Value]:
    """The servers of each of Traefik's HTTP services, by the service's name."""
    return {
        item.id.name: servers
        for item in tree
        if (item.id.protocol, item.id.kind) == ("http", "services")
        and (servers := at(item.body, "loadbalancer", "servers"))
    }


@dataclass(slots=True)
class ServerStates:
    """Of one instance."""

    _asked: dict[str, Value] = field(default_factory=dict)
    """By service, the servers as they were written when it was asked last."""
    _next: int = 0

    def ask(
        self,
        get: Callable[[str], Any],
        known: Mapping[str, ServersUp],
        services: Mapping[str, Value],
    ) -> Mapping[str, ServersUp]:
        """What is known now. Raises what `get` raises."""
        self._asked = {name: each for name, each in self._asked.items() if name in services}
        found = {name: each for name, each in known.items() if name in services}
        for name in list(dict.fromkeys(self._due(found, services)))[:MOST]:
            answer = get(f"/api/http/services/{quote(name, safe='')}@consul")
            self._asked[name] = services[name]
            counted = _counted(answer)
            if counted is None:
                found.pop(name, None)
            else:
                found[name] = counted
        return found

    def _due(self, known: Mapping[str, ServersUp], services: Mapping[str, Value]) -> Iterator[str]:
        for name, servers in services.items():
            before = self._asked.get(name)
            if before is not servers and before != servers:
                yield name
        yield from (name for name, each in known.items() if each.up < each.all)
        names = list(services)
        for _ in range(min(IN_TURN, len(names))):
            self._next = (self._next + 1) % len(names)
            yield names[self._next]


def _counted(answer: Any) -> ServersUp | None:
    states = answer.get("serverStatus") if isinstance(answer, dict) else None
    if not isinstance(states, dict) or not states:
        return None
    return ServersUp(sum(state == "UP" for state in states.values()), len(states))
