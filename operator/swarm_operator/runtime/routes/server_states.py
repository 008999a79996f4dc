"""How many of its servers each instance takes for up: asked for what changed, for what is not well, and
for a few others each time, for a health check may change its mind at any time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from swarm_operator.plan.routes.states import ServersUp
from swarm_operator.plan.routes.tree import ObjectId, RouteTree, Value, at

MOST: Final = 50
"""Questions at a time; each takes about a millisecond."""
IN_TURN: Final = 10
"""Of those about services of which nothing is known to have changed."""


def servers_by_service(tree: RouteTree) -> Mapping[ObjectId, Value]:
    """The servers of each of Traefik's HTTP and TCP services: of TCP it tells since 3.6, of UDP never."""
    return {
        item.id: servers
        for item in tree
        if item.id.kind == "services"
        and item.id.protocol in {"http", "tcp"}
        and (servers := at(item.body, "loadbalancer", "servers"))
    }


@dataclass(slots=True)
class ServerStates:
    """Of one instance."""

    _asked: dict[ObjectId, Value] = field(default_factory=dict)
    """By service, the servers as they were written when it was asked last."""
    _next: int = 0

    def ask(
        self,
        get: Callable[[str], Any],
        known: Mapping[ObjectId, ServersUp],
        services: Mapping[ObjectId, Value],
    ) -> Mapping[ObjectId, ServersUp]:
        """What is known now. Raises what `get` raises."""
        self._asked = {key: each for key, each in self._asked.items() if key in services}
        found = {key: each for key, each in known.items() if key in services}
        for key in list(dict.fromkeys(self._due(found, services)))[:MOST]:
            answer = get(f"/api/{key.protocol}/services/{quote(key.name, safe='')}@consul")
            self._asked[key] = services[key]
            counted = _counted(answer)
            if counted is None:
                found.pop(key, None)
            else:
                found[key] = counted
        return found

    def _due(
        self, known: Mapping[ObjectId, ServersUp], services: Mapping[ObjectId, Value]
    ) -> Iterator[ObjectId]:
        for key, servers in services.items():
            before = self._asked.get(key)
            if before is not servers and before != servers:
                yield key
        yield from (key for key, each in known.items() if each.up < each.all)
        every = list(services)
        for _ in range(min(IN_TURN, len(every))):
            self._next = (self._next + 1) % len(every)
            yield every[self._next]


def _counted(answer: Any) -> ServersUp | None:
    states = answer.get("serverStatus") if isinstance(answer, dict) else None
    if not isinstance(states, dict) or not states:
        return None
    return ServersUp(sum(state == "UP" for state in states.values()), len(states))
