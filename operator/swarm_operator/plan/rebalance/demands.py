"""What a service's spec demands of the nodes on which its tasks run."""

from collections.abc import Iterable
from typing import Any, Final

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Node, Service

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def placement_of(spec: JsonObject) -> JsonObject:
    placement: JsonObject = dig(spec, "TaskTemplate", "Placement") or {}
    return placement


def spread_labels(service: Service) -> tuple[str, ...]:
    """Of the placement preferences, outermost first."""
    preferences = placement_of(service.spec).get("Preferences") or ()
    found = (dig(preference, "Spread", "SpreadDescriptor") for preference in preferences)
    return tuple(descriptor for descriptor in found if isinstance(descriptor, str))


def reservations(spec: JsonObject) -> tuple[int, int]:
    """Reserved CPU (in 10⁻⁹ of one) and memory (bytes) of one task."""
    reserved = dig(spec, "TaskTemplate", "Resources", "Reservations") or {}
    return int(reserved.get("NanoCPUs") or 0), int(reserved.get("MemoryBytes") or 0)


def host_ports(spec: JsonObject) -> frozenset[tuple[str, int]]:
    """Protocol and number of the ports that are published on the node itself."""
    ports: Iterable[JsonObject] = dig(spec, "EndpointSpec", "Ports") or ()
    return frozenset(
        (str(port.get("Protocol") or "tcp"), int(port["PublishedPort"]))
        for port in ports
        if port.get("PublishMode") == "host" and port.get("PublishedPort")
    )


def platform_fits(platforms: Iterable[JsonObject], node: Node) -> bool:
    wanted = [
        (str(item.get("OS") or ""), str(item.get("Architecture") or "")) for item in platforms
    ]
    if not wanted:
        return True
    os, architecture = node.platform
    actual = _ARCHITECTURES.get(architecture, architecture)
    return any(
        (not o or o == os) and (not a or _ARCHITECTURES.get(a, a) == actual) for o, a in wanted
    )


def missing_plugin(spec: JsonObject, node: Node) -> str | None:
    """A volume or log driver that the node does not report; a node that reports none of a kind is
    not held to it, for old engines did not tell."""
    kinds = {kind for kind, _ in node.plugins}
    for kind, name in _plugins(spec):
        known = (kind, name) in node.plugins or (kind, f"{name}:latest") in node.plugins
        if not known and kind in kinds:
            return name
    return None


def _plugins(spec: JsonObject) -> Iterable[tuple[str, str]]:
    container: Any = dig(spec, "TaskTemplate", "ContainerSpec") or {}
    for mount in container.get("Mounts") or ():
        driver = dig(mount, "VolumeOptions", "DriverConfig", "Name")
        if mount.get("Type") == "volume" and driver and driver != "local":
            yield "Volume", driver
    log = dig(spec, "TaskTemplate", "LogDriver", "Name")
    if log and log != "none":
        yield "Log", log


def demand(spec: JsonObject) -> str:
    """All that `why_never` looks at of a service."""
    placement = placement_of(spec)
    return repr((placement.get("Constraints"), placement.get("Platforms"), sorted(_plugins(spec))))
