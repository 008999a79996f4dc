"""What an engine makes of a service spec between the request and the answer of a later read.

The fills and drops are those that engines 20.10, 26.1 and 28.5 show; they are written here from the
engine's side and share nothing with `plan.service_spec`, so that the two can disagree.
"""

import copy
from collections.abc import Mapping
from typing import Any

from swarm_operator.observed.json import JsonObject

_MOUNT_DROPS = (
    ("Consistency",),
    ("ClusterOptions",),
    ("BindOptions", "CreateMountpoint"),
    ("BindOptions", "ReadOnlyNonRecursive"),
    ("BindOptions", "ReadOnlyForceRecursive"),
)


def stored_spec(
    spec: JsonObject, network_ids: Mapping[str, str], api_version: tuple[int, int]
) -> JsonObject:
    """The spec as a read shows it; network names are resolved. Raises KeyError for unknown ones."""
    result = copy.deepcopy(spec)
    task = result["TaskTemplate"]
    task.setdefault("Runtime", "container")
    task.setdefault("ForceUpdate", 0)
    _container(task.get("ContainerSpec") or {})
    if api_version < (1, 44):
        _drop(task, ("ContainerSpec", "Healthcheck", "StartInterval"))
    networks = task.pop("Networks", None) or []
    if networks:
        task["Networks"] = [_attachment(item, network_ids) for item in networks]
    if "RestartPolicy" in task:
        policy = {"Condition": "any", "MaxAttempts": 0, **(task["RestartPolicy"] or {})}
        task["RestartPolicy"] = policy
    placement = task.get("Placement")
    if placement is not None:
        task["Placement"] = _without_empty_lists(placement)
    _endpoint(result)
    _mode(result["Mode"])
    for name in ("UpdateConfig", "RollbackConfig"):
        if result.get(name) is not None:
            _fill(result[name], {"FailureAction": "pause", "Order": "stop-first"})
    return result


def _attachment(item: JsonObject, network_ids: Mapping[str, str]) -> JsonObject:
    resolved = {**item, "Target": network_ids[item["Target"]]}
    return _without_empty_lists(resolved)


def _container(container: JsonObject) -> None:
    _fill(container, {"Isolation": "default"})
    for mount in container.get("Mounts") or []:
        for path in _MOUNT_DROPS:
            _drop(mount, path)
        if mount.get("BindOptions") == {}:
            del mount["BindOptions"]
    for key in [key for key, value in container.items() if value == []]:
        del container[key]


def _endpoint(spec: JsonObject) -> None:
    endpoint = spec.get("EndpointSpec")
    if endpoint is None:
        return
    _fill(endpoint, {"Mode": "vip"})
    if not endpoint.get("Ports"):
        endpoint.pop("Ports", None)
    for port in endpoint.get("Ports") or []:
        _fill(port, {"Protocol": "tcp", "PublishMode": "ingress"})


def _mode(mode: JsonObject) -> None:
    if "Replicated" in mode:
        mode["Replicated"] = {"Replicas": 1, **(mode["Replicated"] or {})}
    if "ReplicatedJob" in mode:
        counts = {"MaxConcurrent": 1, "TotalCompletions": 1}
        mode["ReplicatedJob"] = {**counts, **(mode["ReplicatedJob"] or {})}


def _fill(target: JsonObject, defaults: JsonObject) -> None:
    for key, value in defaults.items():
        if not target.get(key):
            target[key] = value


def _without_empty_lists(value: JsonObject) -> JsonObject:
    return {key: member for key, member in value.items() if member not in ([], None)}


def _drop(value: Any, path: tuple[str, ...]) -> None:
    for key in path[:-1]:
        value = value.get(key)
        if not isinstance(value, dict):
            return
    value.pop(path[-1], None)
