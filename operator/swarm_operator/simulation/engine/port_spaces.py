"""Published ports of ingress mode: one service each (SwarmKit manager/allocator/portallocator.go).

Ports are JSON objects of the Engine API. Those of host mode are no business of the swarm's.
"""

import itertools
from collections.abc import Iterable, Sequence

from swarm_operator.observed.json import JsonObject

DYNAMIC = range(30000, 32768)
"""From which a port is given to a service that asks for none in particular."""

_Key = tuple[str, str, int]
"""Name, protocol and target: what tells the ports of one service apart."""


class PortSpaces:
    """All published ports of the swarm by protocol."""

    def __init__(self) -> None:
        self._taken: dict[str, set[int]] = {}
        self._next: dict[str, int] = {}

    def allocate(self, ports: Iterable[JsonObject]) -> list[JsonObject] | None:
        """The same ports, each of ingress mode with a published one; None (and nothing taken)
        where one is taken already."""
        given: list[JsonObject] = []
        for port in ports:
            if not is_ingress(port):
                given.append(port)
                continue
            number = self._take(port["Protocol"], port.get("PublishedPort", 0))
            if number is None:
                self.free(given)
                return None
            given.append(_published(port, number))
        return given

    def free(self, ports: Iterable[JsonObject]) -> None:
        for port in ports:
            if is_ingress(port):
                self._taken.get(port["Protocol"], set()).discard(port.get("PublishedPort", 0))

    def _take(self, protocol: str, wished: int) -> int | None:
        taken = self._taken.setdefault(protocol, set())
        number = wished or self._free_one(protocol, taken)
        if number is None or number in taken:
            return None
        taken.add(number)
        return number

    def _free_one(self, protocol: str, taken: set[int]) -> int | None:
        """Behind the one given last: a freed port is not given again soon."""
        start = self._next.get(protocol, DYNAMIC.start)
        for number in itertools.chain(range(start, DYNAMIC.stop), range(DYNAMIC.start, start)):
            if number not in taken:
                self._next[protocol] = number + 1
                return number
        return None


def is_ingress(port: JsonObject) -> bool:
    return bool(port["PublishMode"] == "ingress")


def reconciled(spec: Sequence[JsonObject], given: Sequence[JsonObject]) -> list[JsonObject]:
    """Which ports to ask for: a port that was given freely before is asked for again."""
    if len(spec) != len(given):
        return list(spec)
    states = _given_by_key(given)
    result = []
    for port in spec:
        if not is_ingress(port):
            result.append(port)
        elif port.get("PublishedPort"):
            states.get(_key(port), {}).pop(port["PublishedPort"], None)
            result.append(port)
    for port in spec:
        if is_ingress(port) and not port.get("PublishedPort"):
            former = states.get(_key(port), {})
            result.append(former.pop(next(iter(former))) if former else port)
    return result


def are_given(spec: Sequence[JsonObject], given: Sequence[JsonObject]) -> bool:
    """isPortsAllocated: whether each port of the spec has what it asks for."""
    if len(spec) != len(given):
        return False
    states = _given_by_key(given)
    host_targets = {port.get("TargetPort", 0) for port in given if not is_ingress(port)}
    for port in spec:
        if is_ingress(port) and port.get("PublishedPort"):
            if states.get(_key(port), {}).pop(port["PublishedPort"], None) is None:
                return False
        elif not is_ingress(port) and port.get("TargetPort", 0) not in host_targets:
            return False
    for port in spec:
        if is_ingress(port) and not port.get("PublishedPort"):
            former = states.get(_key(port), {})
            if not former:
                return False
            former.pop(next(iter(former)))
    return True


def host_ports_changed(spec: Sequence[JsonObject], given: Sequence[JsonObject]) -> bool:
    """hostPublishPortsNeedUpdate: a fixed port of host mode that the endpoint does not show."""
    shown = [(_key(p), p.get("PublishedPort", 0)) for p in given if not is_ingress(p)]
    return any(
        (_key(port), port["PublishedPort"]) not in shown
        for port in spec
        if not is_ingress(port) and port.get("PublishedPort")
    )


def _given_by_key(given: Iterable[JsonObject]) -> dict[_Key, dict[int, JsonObject]]:
    result: dict[_Key, dict[int, JsonObject]] = {}
    for port in given:
        if is_ingress(port):
            result.setdefault(_key(port), {})[port.get("PublishedPort", 0)] = port
    return result


def _key(port: JsonObject) -> _Key:
    return port.get("Name", ""), port["Protocol"], port.get("TargetPort", 0)


def _published(port: JsonObject, number: int) -> JsonObject:
    """Members in Go's order, the published port before the mode."""
    rest = {
        key: value for key, value in port.items() if key not in ("PublishedPort", "PublishMode")
    }
    return {**rest, "PublishedPort": number, "PublishMode": port["PublishMode"]}
