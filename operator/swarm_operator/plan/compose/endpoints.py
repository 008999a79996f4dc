"""Published ports and networks of a service."""

from collections.abc import Mapping

from desired_state.ports import Port
from desired_state.problems import Path
from desired_state.service import Attachment, Service
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose.go_sort import sorted_as_go
from swarm_operator.plan.compose.stack import DEFAULT_NETWORK, Conversion, is_user_defined, present


def endpoint_spec(conversion: Conversion, path: Path, service: Service) -> JsonObject:
    """`EndpointSpec`: there even when empty. Ports by their published number."""
    mode = ((service.deploy.endpoint_mode if service.deploy else None) or "").lower()
    if mode not in {"", "vip", "dnsrr"}:
        conversion.error((*path, "deploy", "endpoint_mode"), "must be vip or dnsrr")
    ports = [(index, port) for index, entry in enumerate(service.ports or ()) for port in entry]
    _check_ports(conversion, path, ports, mode)
    ordered = sorted_as_go([port for _, port in ports], lambda port: port.published)
    return present(Mode=mode, Ports=[_port(port) for port in ordered])


def _port(port: Port) -> JsonObject:
    return present(
        Protocol=port.protocol,
        TargetPort=port.target,
        PublishedPort=port.published,
        PublishMode=port.mode,
    )


def is_ingress(port: Port) -> bool:
    """Whether every node answers on the port; the engine takes unknown words for that."""
    return port.mode != "host"


def protocol(port: Port) -> str:
    """The protocol as the engine takes it."""
    return port.protocol if port.protocol in {"udp", "sctp"} else "tcp"


def _check_ports(
    conversion: Conversion, path: Path, ports: list[tuple[int, Port]], mode: str
) -> None:
    seen: set[tuple[int, str]] = set()
    for index, port in ports:
        where = (*path, "ports", index)
        if mode == "dnsrr" and is_ingress(port):
            hint = "publish it with mode: host, or use endpoint_mode: vip"
            message = "a port of mode ingress does not go with endpoint_mode dnsrr"
            conversion.error(where, message, hint)
        key = (port.published, protocol(port))
        if port.published and key in seen:
            message = f"publishes {conversion.shown(key[0])}/{key[1]} twice"
            conversion.error(where, message, "remove one of the two")
        seen.add(key)


def attachments(conversion: Conversion, path: Path, key: str, service: Service) -> list[JsonObject]:
    """The networks of a service, sorted by name; `default` where it names none."""
    wanted: Mapping[str, Attachment | None] = service.networks or {DEFAULT_NETWORK: None}
    result: list[JsonObject] = []
    for network, attachment in wanted.items():
        declared = conversion.stack.document.networks.get(network)
        if declared is None and network != DEFAULT_NETWORK:
            where = (*path, "networks", network)
            hint = "declare it at the top level, under networks"
            conversion.error(
                where, f"the network {conversion.shown(network)} is not declared", hint
            )
        name = conversion.name_of(network, declared)
        if name in {"none", "ingress"}:
            message = f"no service can be attached to the network {name}"
            conversion.error((*path, "networks", network), message)
        aliases = list((attachment.aliases if attachment else None) or ())
        if is_user_defined(name):
            aliases.append(key)
        options = attachment.driver_opts if attachment else None
        result.append(present(Target=name, Aliases=aliases, DriverOpts=options))
    return sorted(result, key=lambda item: str(item.get("Target", "")))
