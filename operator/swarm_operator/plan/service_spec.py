"""Service specs in a form in which equal means equal, whoever wrote them.

The engine fills defaults in, drops what it does not know, resolves names to ids and keeps the order
of lists in which order means nothing. What `docker stack deploy` sends and what is read back later
therefore differ although nothing changed. `comparable` removes all that, from both sides.

Sources: docker/cli `convert`, moby `daemon/cluster/convert`, SwarmKit's defaults; the fills and drops
were read off engines 20.10, 26.1 and 28.5.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from swarm_operator.observed.json import JsonObject, canonical, dig

Version = tuple[int, int]

_OPAQUE: Final = frozenset({"Labels", "Options", "DriverOpts", "Sysctls", "Env"})
"""Maps of people's own words: an empty text in them is a value."""

_ZERO_COUNTS: Final = frozenset(
    {"Init", "Replicas", "StopGracePeriod", "MaxConcurrent", "TotalCompletions"}
)
"""Pointers in the engine's types: zero or false is not the same as absent."""

_SINCE: Final[Mapping[tuple[str, ...], Version]] = {
    ("TaskTemplate", "ContainerSpec", "Healthcheck", "StartInterval"): (1, 44),
    ("TaskTemplate", "ContainerSpec", "Privileges", "Seccomp"): (1, 44),
    ("TaskTemplate", "ContainerSpec", "Privileges", "AppArmor"): (1, 44),
    ("TaskTemplate", "ContainerSpec", "Privileges", "NoNewPrivileges"): (1, 44),
    ("TaskTemplate", "ContainerSpec", "OomScoreAdj"): (1, 46),
    ("TaskTemplate", "Resources", "SwapBytes"): (1, 52),
    ("TaskTemplate", "Resources", "MemorySwappiness"): (1, 52),
}
"""Fields that an engine with an older API drops without a word."""

_MOUNT_SINCE: Final[Mapping[tuple[str, ...], Version]] = {
    ("VolumeOptions", "Subpath"): (1, 45),
    ("TmpfsOptions", "Options"): (1, 46),
}

_MOUNT_DROPPED: Final[tuple[tuple[str, ...], ...]] = (
    ("Consistency",),
    ("ClusterOptions",),
    ("BindOptions", "CreateMountpoint"),
    ("BindOptions", "ReadOnlyNonRecursive"),
    ("BindOptions", "ReadOnlyForceRecursive"),
)
"""What no engine keeps of a service's mount."""


def comparable(
    spec: JsonObject, network_names: Mapping[str, str], api_version: Version = (1, 51)
) -> JsonObject:
    """A service spec without defaults, ids and meaningless order.

    `network_names` maps ids to names. Lists whose items have a name of their own (environment,
    mounts, ports, networks, configs, secrets, ulimits) become objects by that name, so that a
    difference has a path that people recognise.
    """
    task = dict(spec.get("TaskTemplate") or {})
    container = dict(task.get("ContainerSpec") or {})
    task["ContainerSpec"] = _container(container, api_version)
    task["Networks"] = _networks(task.get("Networks") or [], network_names)
    task["RestartPolicy"] = _restart_policy(task.get("RestartPolicy"))
    task["Placement"] = _placement(task.get("Placement"))
    task["Runtime"] = None if task.get("Runtime") == "container" else task.get("Runtime")
    whole = {
        "Labels": dict(spec.get("Labels") or {}),
        "Mode": _mode(spec.get("Mode")),
        "UpdateConfig": _update_config(spec.get("UpdateConfig")),
        "RollbackConfig": _update_config(spec.get("RollbackConfig")),
        "EndpointSpec": _endpoint(spec.get("EndpointSpec")),
        "TaskTemplate": task,
    }
    for path, since in _SINCE.items():
        if api_version < since:
            _drop(whole, path)
    mode = whole.pop("Mode")
    result = _compact(whole) or {}
    result["Mode"] = mode
    return dict(result)


def _container(container: JsonObject, api_version: Version) -> JsonObject:
    container["Env"] = _env(container.get("Env") or [])
    container["Mounts"] = _by(
        (_mount(mount, api_version) for mount in container.get("Mounts") or []),
        lambda mount: str(mount.get("Target", "")),
    )
    for kind, name in (("Configs", "ConfigName"), ("Secrets", "SecretName")):
        container[kind] = _by(
            (_reference(item, name) for item in container.get(kind) or []),
            lambda item: str(dig(item, "File", "Name") or item.get("Object", "")),
        )
    container["Ulimits"] = _by(
        container.get("Ulimits") or [], lambda limit: str(limit.get("Name", ""))
    )
    for key in ("CapabilityAdd", "CapabilityDrop"):
        container[key] = sorted(container.get(key) or [])
    if container.get("Isolation") == "default":
        container.pop("Isolation")
    credential = dig(container, "Privileges", "CredentialSpec", "Config")
    if credential:
        privileges = {**container["Privileges"], "CredentialSpec": {"Config": "by id"}}
        container["Privileges"] = privileges
    return container


def _env(env: list[str]) -> Any:
    names = [item.partition("=")[0] for item in env]
    if len(set(names)) < len(names):
        return list(env)  # which one wins is the container's business: keep all, in order
    return {item.partition("=")[0]: item.partition("=")[2] if "=" in item else None for item in env}


def _mount(mount: JsonObject, api_version: Version) -> JsonObject:
    mount = _deep(mount)
    for path in _MOUNT_DROPPED:
        _drop(mount, path)
    for path, since in _MOUNT_SINCE.items():
        if api_version < since:
            _drop(mount, path)
    return mount


def _reference(item: JsonObject, name: str) -> JsonObject:
    """A config's or secret's reference by the object's name; ids are the engine's."""
    return {"Object": item.get(name), "File": item.get("File"), "Runtime": "Runtime" in item}


def _networks(networks: list[JsonObject], names: Mapping[str, str]) -> JsonObject:
    attached = (
        {
            "Target": names.get(item.get("Target", ""), item.get("Target", "")),
            "Aliases": sorted(set(item.get("Aliases") or [])),
            "DriverOpts": item.get("DriverOpts"),
        }
        for item in networks
    )
    return _by(attached, lambda item: str(item["Target"]))


def _restart_policy(policy: JsonObject | None) -> JsonObject | None:
    """An absent policy and the engine's own default are the same."""
    if policy is None:
        return None
    policy = {key: value for key, value in policy.items() if value is not None}
    if policy.get("Condition") in ("", "any"):
        policy.pop("Condition")
    for key in ("MaxAttempts", "Window"):
        if policy.get(key) == 0:
            policy.pop(key)
    if "Delay" in policy:
        policy["Delay"] = str(policy["Delay"])  # zero is a value here: the default is five seconds
    return policy


def _placement(placement: JsonObject | None) -> JsonObject:
    placement = dict(placement or {})
    placement["Constraints"] = sorted(placement.get("Constraints") or [])
    platforms = placement.get("Platforms") or []
    placement["Platforms"] = sorted(platforms, key=canonical)
    return placement


def _mode(mode: JsonObject | None) -> JsonObject:
    kind = next(iter(mode or {}), "Replicated")
    counts: JsonObject = {
        "Replicated": {"Replicas": 1},
        "ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1},
    }.get(kind, {})
    given = {
        key: value for key, value in ((mode or {}).get(kind) or {}).items() if value is not None
    }
    return {kind: {**counts, **given}}


def _update_config(config: JsonObject | None) -> JsonObject | None:
    if config is None:
        return None
    config = {"FailureAction": "pause", "Order": "stop-first", **_without_empty(config)}
    config["Parallelism"] = str(config.get("Parallelism", 0))  # zero means "all at once"
    return config


def _endpoint(endpoint: JsonObject | None) -> JsonObject:
    endpoint = dict(endpoint or {})
    if endpoint.get("Mode") in ("", "vip"):
        endpoint.pop("Mode")
    endpoint["Ports"] = {
        name: port["PublishMode"]
        for name, port in _by(map(_port, endpoint.get("Ports") or []), _port_name).items()
    }
    return endpoint


def _port(port: JsonObject) -> JsonObject:
    """With the engine's reading of absent and unknown words."""
    protocol = port.get("Protocol")
    mode = port.get("PublishMode")
    return {
        "TargetPort": port.get("TargetPort", 0),
        "PublishedPort": port.get("PublishedPort", 0),
        "Protocol": protocol if protocol in ("udp", "sctp") else "tcp",
        "PublishMode": "host" if mode == "host" else "ingress",
    }


def _port_name(port: JsonObject) -> str:
    return f"{port['PublishedPort']}→{port['TargetPort']}/{port['Protocol']}"


def _by(items: Iterable[JsonObject], name: Callable[[JsonObject], str]) -> JsonObject:
    """Items by name; equal names are numbered, so that none is lost."""
    result: JsonObject = {}
    for item in items:
        key, number = name(item), 2
        while key in result:
            key, number = f"{name(item)}#{number}", number + 1
        result[key] = item
    return result


def _without_empty(value: JsonObject) -> JsonObject:
    return {key: member for key, member in value.items() if member not in (None, "", 0)}


def _compact(value: Any, key: str = "") -> Any:
    """Without what the engine's `omitempty` leaves out: null, zero, empty objects and lists."""
    if isinstance(value, dict):
        return _compact_object(value, key)
    if isinstance(value, list):
        return [_compact(item) for item in value]
    return value


def _compact_object(value: JsonObject, key: str) -> JsonObject:
    if key in _OPAQUE or key == "File":
        return dict(value)
    members = ((name, _compact(member, name)) for name, member in value.items())
    return {name: member for name, member in members if not _is_empty(member, name)}


def _is_empty(value: Any, key: str) -> bool:
    if value is None or value in ({}, []):
        return True
    if key in _ZERO_COUNTS:
        return False
    return value in (0, "") and not isinstance(value, (dict, list))


def _drop(value: JsonObject, path: tuple[str, ...]) -> None:
    """Remove a field from `value`, which is ours; what lies below it may be shared with the spec
    that was given, and is copied."""
    for key in path[:-1]:
        child = value.get(key)
        if not isinstance(child, dict):
            return
        value[key] = child = dict(child)
        value = child
    value.pop(path[-1], None)


def _deep(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deep(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_deep(item) for item in value]
    return value
