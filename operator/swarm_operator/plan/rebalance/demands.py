"""What a service's spec demands of the nodes on which its tasks run."""

from collections.abc import Iterable, Iterator, Mapping
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


def generic_resources(spec: JsonObject) -> tuple[str, ...]:
    """Kinds of what one task reserves besides CPU and memory: GPUs, say."""
    reserved = dig(spec, "TaskTemplate", "Resources", "Reservations", "GenericResources") or ()
    kinds = (dig(value, "Kind") for item in reserved for value in item.values())
    return tuple(sorted({kind for kind in kinds if isinstance(kind, str)}))


def missing_plugin(spec: JsonObject, node: Node, drivers: Mapping[str, str]) -> str | None:
    """A volume, network or log driver that the node does not report (SwarmKit
    manager/scheduler/filter.go, PluginFilter); a node that reports none of a kind is not held to it,
    for old engines did not tell. `drivers` of networks, by id and by name."""
    kinds = {kind for kind, _ in node.plugins}
    for kind, name in _plugins(spec, drivers):
        known = (kind, name) in node.plugins or (kind, f"{name}:latest") in node.plugins
        if not known and kind in kinds:
            return name
    return None


def _plugins(spec: JsonObject, drivers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    container: Any = dig(spec, "TaskTemplate", "ContainerSpec") or {}
    for mount in container.get("Mounts") or ():
        driver = dig(mount, "VolumeOptions", "DriverConfig", "Name")
        if mount.get("Type") == "volume" and driver and driver != "local":
            yield "Volume", driver
    attached = dig(spec, "TaskTemplate", "Networks") or spec.get("Networks") or ()
    for attachment in attached:
        if driver := drivers.get(attachment.get("Target") or ""):
            yield "Network", driver
    log = dig(spec, "TaskTemplate", "LogDriver", "Name")
    if log and log != "none":
        yield "Log", log


def demand(spec: JsonObject, drivers: Mapping[str, str]) -> str:
    """All that `why_never` looks at of a service."""
    placement = placement_of(spec)
    plugins = sorted(set(_plugins(spec, drivers)))
    return repr((placement.get("Constraints"), placement.get("Platforms"), plugins))
