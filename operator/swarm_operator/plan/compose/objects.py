"""Networks, configs and secrets of a stack as the API creates them (cli/compose/convert)."""

import base64
import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from desired_state.objects import Config, Network, Secret
from desired_state.problems import Path
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose.stack import DEFAULT_NETWORK, Conversion, is_user_defined, present

DEFAULT_DRIVER: Final = "overlay"
MAX_CONFIG_BYTES: Final = 1000 * 1024 - 1
MAX_SECRET_BYTES: Final = 500 * 1024 - 1
_TAKEN_NETWORKS: Final = frozenset(("bridge", "host", "none", "ingress", "docker_gwbridge"))
_LOCAL_DRIVERS: Final = frozenset(("bridge", "host", "none", "null"))


def networks(conversion: Conversion) -> tuple[dict[str, JsonObject], frozenset[str]]:
    """The networks that services use, by full name; and the names of external ones."""
    document = conversion.stack.document
    used: set[str] = set()
    for service in document.services.values():
        used.update(service.networks or (DEFAULT_NETWORK,))
    created: dict[str, JsonObject] = {}
    external: set[str] = set()
    for key in sorted(used):
        network = document.networks.get(key)
        if network is None and key != DEFAULT_NETWORK:
            continue
        name = conversion.name_of(key, network)
        if network is not None and network.is_external:
            if is_user_defined(name):
                external.add(name)
            continue
        _check_network_name(conversion, key, name)
        body = _network(conversion, key, name, network or Network())
        if created.setdefault(name, body) != body:
            conversion.error(("networks", key), "is a second, different network of one name")
    return created, frozenset(external)


def _network(conversion: Conversion, key: str, name: str, network: Network) -> JsonObject:
    path: Path = ("networks", key)
    if network.driver in _LOCAL_DRIVERS:
        message = f"a network of driver {network.driver} lies on one node, so no service can use it"
        conversion.error((*path, "driver"), message, "use overlay")
    elif network.driver not in {None, "", DEFAULT_DRIVER}:
        message = "only the overlay driver is part of every engine"
        conversion.warn((*path, "driver"), message, "see that every node has the plugin")
    pools = network.ipam.config if network.ipam else None
    for index, pool in enumerate(pools or ()):
        if not _is_subnet(pool.subnet or ""):
            where = (*path, "ipam", "config", index, "subnet")
            conversion.error(
                where, "is no subnet; write its first address and length, such as 10.20.0.0/24"
            )
    return {
        "Name": name,
        "Driver": network.driver or DEFAULT_DRIVER,
        "Scope": "",
        "IPAM": _ipam(network),
        "Internal": bool(network.internal),
        "Attachable": bool(network.attachable),
        "Ingress": False,
        "ConfigOnly": False,
        "ConfigFrom": None,
        "Options": network.driver_opts,
        "Labels": conversion.labels(network.labels),
    }


def _ipam(network: Network) -> JsonObject | None:
    ipam = network.ipam
    if ipam is None or not (ipam.driver or ipam.config):
        return None
    pools = [present(Subnet=pool.subnet) for pool in ipam.config or ()]
    return {"Driver": ipam.driver or "", "Options": None, "Config": pools or None}


def _is_subnet(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return "/" in text


def configs(conversion: Conversion) -> tuple[dict[str, JsonObject], frozenset[str]]:
    """Every declared config, used or not, by full name; and the names of external ones."""
    return _file_objects(conversion, "config", conversion.stack.document.configs.items())


def secrets(conversion: Conversion) -> tuple[dict[str, JsonObject], frozenset[str]]:
    """Every declared secret, used or not, by full name; and the names of external ones."""
    return _file_objects(conversion, "secret", conversion.stack.document.secrets.items())


def _file_objects(
    conversion: Conversion, kind: str, items: Iterable[tuple[str, Config | Secret]]
) -> tuple[dict[str, JsonObject], frozenset[str]]:
    created: dict[str, JsonObject] = {}
    external: set[str] = set()
    for key, item in sorted(items):
        path: Path = (f"{kind}s", key)
        name = conversion.name_of(key, item)
        _check_external_name(conversion, path, item)
        if item.is_external:
            external.add(name)
            continue
        _check_object_name(conversion, path, name)
        spec: JsonObject = {"Name": name, "Labels": conversion.labels(item.labels)}
        data = _data(
            conversion, path, item, MAX_CONFIG_BYTES if kind == "config" else MAX_SECRET_BYTES
        )
        if data:
            spec["Data"] = base64.b64encode(data).decode()
        if isinstance(item, Secret) and item.driver:
            spec["Driver"] = present(Name=item.driver, Options=item.driver_opts)
        if item.template_driver:
            spec["Templating"] = {"Name": item.template_driver}
        if created.setdefault(name, spec) != spec:
            conversion.error(path, f"is a second, different {kind} of one name")
    return created, frozenset(external)


def _data(conversion: Conversion, path: Path, item: Config | Secret, limit: int) -> bytes | None:
    """The content; None where a driver gives it, or where it is missing (which is noted)."""
    has_driver = isinstance(item, Secret) and bool(item.driver)
    sources = [n for n in ("file", "content") if getattr(item, n) is not None]
    if has_driver:
        if sources:
            conversion.error((*path, sources[0]), f"driver and {sources[0]} exclude each other")
        return None
    if len(sources) > 1:
        conversion.error((*path, "content"), "file and content exclude each other")
        return None
    if not sources or item.file == "":
        hint = "add file, content or external: true"
        conversion.error(path, "says nothing about its content", hint)
        return None
    if item.content is not None:
        data: bytes | None = item.content.encode()
    else:
        data = conversion.stack.files.get(conversion.stack.file_of(item.file or ""))
    if data is None:
        return None  # told when the stack was loaded
    if not data:
        conversion.error((*path, sources[0]), "is empty, which Swarm refuses")
    elif len(data) > limit:
        conversion.error((*path, sources[0]), f"has {len(data)} bytes; Swarm takes {limit}")
    return data


def _check_external_name(conversion: Conversion, path: Path, item: Config | Secret) -> None:
    external = item.external
    if external is not None and external.name and item.name:
        conversion.error((*path, "name"), "name and external.name exclude each other")


# Names -------------------------------------------------------------------------------------------

_SERVICE_NAME: Final = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*", re.ASCII)
_OBJECT_NAME: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?", re.ASCII)
MAX_SERVICE_NAME: Final = 63
MAX_OBJECT_NAME: Final = 64


def check_service_name(conversion: Conversion, path: Path, name: str) -> None:
    """Swarm's rule: letters and digits with - and _ between them, 63 at most."""
    if not _SERVICE_NAME.fullmatch(name):
        message = f"gives the name {name}, and Swarm wants letters and digits with - and _ between"
        conversion.error(path, message)
    elif len(name) > MAX_SERVICE_NAME:
        message = f"gives a name of {len(name)} characters; Swarm takes {MAX_SERVICE_NAME}"
        conversion.error(path, message, "shorten the name of the stack or of the service")


def _check_object_name(conversion: Conversion, path: Path, name: str) -> None:
    if len(name) > MAX_OBJECT_NAME:
        message = f"gives a name of {len(name)} characters; Swarm takes {MAX_OBJECT_NAME}"
        conversion.error((*path, "name"), message)
    elif not _OBJECT_NAME.fullmatch(name):
        message = "gives a name that Swarm refuses"
        hint = "letters, digits, - _ and . can be used, the first and last a letter or digit"
        conversion.error((*path, "name"), message, hint)


def _check_network_name(conversion: Conversion, key: str, name: str) -> None:
    """Swarm's networks follow the rule of its services; some names are taken on every node."""
    path: Path = ("networks", key, "name")
    if name in _TAKEN_NETWORKS:
        hint = "add external: true to use that one, or choose another name"
        conversion.error(path, "a network of that name is on every node already", hint)
    elif not _SERVICE_NAME.fullmatch(name):
        hint = "letters and digits can be used, with - and _ between"
        conversion.error(path, "gives a name that Swarm refuses", hint)
    elif len(name) > MAX_SERVICE_NAME:
        conversion.error(path, f"gives a name of {len(name)} characters; Swarm takes 63")
