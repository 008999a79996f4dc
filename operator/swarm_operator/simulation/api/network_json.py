"""A network as the Engine API shows it (moby's daemon/cluster/convert/network.go)."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.task_json import name_of
from swarm_operator.simulation.api.timestamps import rfc3339
from swarm_operator.simulation.engine.records import NetworkRecord, TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Store
from swarm_operator.simulation.timeline import Timeline


def network(timeline: Timeline, record: NetworkRecord) -> JsonObject:
    """One that is not allocated yet, or cannot be, shows neither driver nor options nor subnets."""
    body, allocated = record.body, record.allocated or {}
    is_local = not record.is_swarm_scope
    return {
        "Name": record.name,
        "Id": record.id,
        "Created": rfc3339(timeline, record.meta.created_at),
        "Scope": "local" if is_local else "swarm",
        "Driver": allocated.get("Driver", ""),
        "EnableIPv4": True,
        "EnableIPv6": bool(body.get("EnableIPv6")),
        "IPAM": allocated.get("IPAM") or {"Driver": "", "Options": None, "Config": None},
        "Internal": bool(body.get("Internal")),
        "Attachable": bool(body.get("Attachable")),
        "Ingress": record.is_ingress,
        "ConfigFrom": body.get("ConfigFrom") or {"Network": ""},
        "ConfigOnly": bool(body.get("ConfigOnly")),
        # Of swarm scope the managers know no containers; of its own the engine does.
        "Containers": {} if is_local else None,
        "Options": allocated.get("Options") or ({} if is_local else None),
        "Labels": body.get("Labels") or ({} if is_local else None),
    }


def without_ipv4_flag(json: JsonObject) -> JsonObject:
    """As engines before 28 (API 1.48) show it."""
    return {name: value for name, value in json.items() if name != "EnableIPv4"}


def with_tasks(json: JsonObject, store: Store, node_id: str) -> JsonObject:
    """As the engine of a node shows it that runs tasks on the network: with their containers."""
    containers = {
        task.status.container_id: {
            "Name": name_of(task),
            "EndpointID": "",
            "MacAddress": "",
            "IPv4Address": address,
            "IPv6Address": "",
        }
        for task in store.tasks_on_node(node_id)
        if task.state == TaskState.RUNNING
        for address in _addresses(task, json["Id"])
    }
    return {**json, "Containers": containers} if containers else json


def _addresses(task: TaskRecord, network_id: str) -> list[str]:
    """The first address that the task has on the network, if it is on it."""
    for attachment in task.networks:
        if attachment["Network"]["ID"] == network_id:
            return list(attachment.get("Addresses") or [""])[:1]
    return []
