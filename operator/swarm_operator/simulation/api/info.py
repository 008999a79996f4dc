"""What an engine says of itself: /_ping, /version, /info. It answers them in every trouble."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api import cluster_json
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.engine_versions import OLDEST, spelled
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.responses import answer
from swarm_operator.simulation.api.timestamps import rfc3339
from swarm_operator.simulation.engine.records import NodeRecord

_KERNEL = "6.1.0-simulated"


def ping(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    headers = {
        "Builder-Version": "2",
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "Pragma": "no-cache",
        "Swarm": backend.swarm_status,
    }
    return ApiResponse(200, text="" if request.method == "HEAD" else "OK", headers=headers)


def version(backend: Backend, _request: ApiRequest, _: str) -> ApiResponse:
    api = {"ApiVersion": spelled(backend.newest_version), "MinAPIVersion": spelled(OLDEST)}
    build = {
        "GitCommit": "simulated",
        "GoVersion": "none",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": _KERNEL,
        "BuildTime": rfc3339(backend.model.timeline, 0.0),
    }
    details = {**build, **api, "Experimental": "false"}
    engine = {"Name": "Engine", "Version": backend.engine_version, "Details": details}
    return answer(
        {
            "Platform": {"Name": "simulated swarm"},
            "Components": [engine],
            "Version": backend.engine_version,
            **api,
            **build,
        }
    )


def info(backend: Backend, _request: ApiRequest, _: str) -> ApiResponse:
    node = backend.node
    name = node.hostname if node else "unknown"
    return answer(
        {
            "ID": f"simulated-{backend.node_id}",
            **_containers(backend),
            "Images": 0,
            "Driver": "overlay2",
            "DriverStatus": [],
            "Plugins": _plugins(node),
            "MemoryLimit": True,
            "SwapLimit": True,
            "CpuCfsPeriod": True,
            "CpuCfsQuota": True,
            "CPUShares": True,
            "CPUSet": True,
            "PidsLimit": True,
            "IPv4Forwarding": True,
            "Debug": False,
            "NFd": 0,
            "OomKillDisable": False,
            "NGoroutines": 0,
            "SystemTime": rfc3339(backend.model.timeline, backend.model.timeline.now),
            "LoggingDriver": "json-file",
            "CgroupDriver": "cgroupfs",
            "CgroupVersion": "2",
            "NEventsListener": 0,
            "KernelVersion": _KERNEL,
            "OperatingSystem": "a simulated engine",
            "OSVersion": "",
            "OSType": node.os if node else "linux",
            "Architecture": node.architecture if node else "",
            "IndexServerAddress": "",
            "RegistryConfig": {"IndexConfigs": {}, "InsecureRegistryCIDRs": [], "Mirrors": None},
            "NCPU": node.nano_cpus // 10**9 if node else 0,
            "MemTotal": node.memory_bytes if node else 0,
            "GenericResources": None,
            "DockerRootDir": "/var/lib/docker",
            "HttpProxy": "",
            "HttpsProxy": "",
            "NoProxy": "",
            "Name": name,
            "Labels": [
                f"{key}={value}" for key, value in (node.engine_labels if node else {}).items()
            ],
            "ExperimentalBuild": False,
            "ServerVersion": backend.engine_version,
            "Runtimes": {"runc": {"path": "runc"}},
            "DefaultRuntime": "runc",
            "Swarm": _swarm(backend),
            "LiveRestoreEnabled": False,
            "Isolation": "",
            "InitBinary": "docker-init",
            "ContainerdCommit": {"ID": ""},
            "RuncCommit": {"ID": ""},
            "InitCommit": {"ID": ""},
            "SecurityOptions": [],
            "CDISpecDirs": [],
            "Warnings": None,
        }
    )


def _containers(backend: Backend) -> JsonObject:
    running = sum(
        task.state.name == "RUNNING" for task in backend.model.store.tasks_on_node(backend.node_id)
    )
    return {
        "Containers": running,
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": 0,
    }


def _plugins(node: NodeRecord | None) -> JsonObject:
    plugins: JsonObject = {"Volume": [], "Network": [], "Authorization": None, "Log": []}
    for kind, name in node.plugins if node else ():
        plugins[kind] = [*(plugins.get(kind) or []), name]
    return plugins


def _swarm(backend: Backend) -> JsonObject:
    """moby's Cluster.Info: a manager that cannot ask the leader says so in `Error`, and that alone."""
    node = backend.node
    managers = [each for each in backend.model.store.nodes.all() if each.is_manager]
    json: JsonObject = {
        "NodeID": backend.node_id if node else "",
        "NodeAddr": node.address if node else "",
        "LocalNodeState": "active" if node else "inactive",
        "ControlAvailable": backend.is_manager,
        "Error": backend.trouble if backend.is_manager else "",
        "RemoteManagers": [{"NodeID": m.id, "Addr": m.manager_address} for m in managers],
    }
    if not backend.is_manager:
        return json
    if backend.trouble:
        return {**json, "Cluster": cluster_json.UNKNOWN}
    counts = {"Nodes": len(backend.model.store.nodes), "Managers": len(managers)}
    cluster = cluster_json.cluster(backend.model.timeline, backend.model.cluster_id)
    return {**json, **counts, "Cluster": cluster}
