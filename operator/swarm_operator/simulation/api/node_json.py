"""A node as the Engine API shows it (moby's daemon/cluster/convert/node.go)."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.cluster_json import TLS_INFO
from swarm_operator.simulation.api.meta_json import identity
from swarm_operator.simulation.engine.records import NodeRecord
from swarm_operator.simulation.timeline import Timeline


def node(timeline: Timeline, record: NodeRecord) -> JsonObject:
    json = identity(timeline, record.id, record.meta)
    json["Spec"] = spec(record)
    json["Description"] = _description(record)
    status = {"State": record.state, "Message": record.message, "Addr": record.address}
    json["Status"] = {key: value for key, value in status.items() if value}
    if record.is_manager:
        manager: JsonObject = {"Leader": True} if record.is_leader else {}
        manager |= {"Reachability": record.reachability, "Addr": record.manager_address}
        json["ManagerStatus"] = manager
    return json


def spec(record: NodeRecord) -> JsonObject:
    """What people may change of a node."""
    name = {"Name": record.name} if record.name else {}
    return {
        **name,
        "Labels": dict(record.labels),
        "Role": record.role,
        "Availability": record.availability,
    }


def _description(record: NodeRecord) -> JsonObject:
    resources: JsonObject = {"NanoCPUs": record.nano_cpus, "MemoryBytes": record.memory_bytes}
    if record.generic_resources:
        resources["GenericResources"] = list(record.generic_resources)
    engine: JsonObject = {"EngineVersion": record.engine_version}
    if record.engine_labels:
        engine["Labels"] = dict(record.engine_labels)
    engine["Plugins"] = [{"Type": kind, "Name": name} for kind, name in record.plugins]
    return {
        "Hostname": record.hostname,
        "Platform": {"Architecture": record.architecture, "OS": record.os},
        "Resources": resources,
        "Engine": engine,
        "TLSInfo": TLS_INFO,
    }
