"""How service specs refer to configs and secrets: by name here, by id on the wire."""

from collections.abc import Mapping

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Swarm


def renamed(spec: JsonObject, configs: Mapping[str, str], secrets: Mapping[str, str]) -> JsonObject:
    """The spec with its references on the chosen objects, ids still given as names."""
    container = dict(dig(spec, "TaskTemplate", "ContainerSpec") or {})
    for kind, names in (("Configs", configs), ("Secrets", secrets)):
        one = kind[:-1]
        if container.get(kind):
            container[kind] = [
                {**item, f"{one}Name": (new := names.get(item[f"{one}Name"], item[f"{one}Name"])),
                 f"{one}ID": new}
                for item in container[kind]
            ]  # fmt: skip
    credential = dig(container, "Privileges", "CredentialSpec", "Config")
    if credential:
        spec_of = {
            **container["Privileges"]["CredentialSpec"],
            "Config": configs.get(credential, credential),
        }
        container["Privileges"] = {**container["Privileges"], "CredentialSpec": spec_of}
    task = {**spec["TaskTemplate"], "ContainerSpec": container}
    return {**spec, "TaskTemplate": task}


def with_ids(
    spec: JsonObject, configs: Mapping[str, str], secrets: Mapping[str, str]
) -> JsonObject:
    """The spec as it is sent: ids in place of the names. Raises KeyError for an unknown name.

    References that already hold an id (a task template taken over from the live service) stay.
    """
    container = dict(dig(spec, "TaskTemplate", "ContainerSpec") or {})
    for kind, ids in (("Configs", configs), ("Secrets", secrets)):
        one = kind[:-1]
        if container.get(kind):
            container[kind] = [
                {**item, f"{one}ID": ids[item[f"{one}Name"]]}
                if item.get(f"{one}ID") == item.get(f"{one}Name")
                else item
                for item in container[kind]
            ]
    credential = dig(container, "Privileges", "CredentialSpec", "Config")
    if credential in configs:
        spec_of = {**container["Privileges"]["CredentialSpec"], "Config": configs[credential]}
        container["Privileges"] = {**container["Privileges"], "CredentialSpec": spec_of}
    return {**spec, "TaskTemplate": {**spec["TaskTemplate"], "ContainerSpec": container}}


def used_ids(swarm: Swarm) -> frozenset[str]:
    """Ids of all configs and secrets that a spec, a `PreviousSpec` or a live task names."""
    used: set[str] = set()
    for service in swarm.services:
        for spec in (service.spec, service.previous_spec):
            container = dig(spec, "TaskTemplate", "ContainerSpec") or {}
            used.update(item.get("ConfigID", "") for item in container.get("Configs") or [])
            used.update(item.get("SecretID", "") for item in container.get("Secrets") or [])
            used.add(dig(container, "Privileges", "CredentialSpec", "Config") or "")
    for task in swarm.tasks:
        if task.is_live:
            used.update(task.config_ids, task.secret_ids)
    return frozenset(used)
