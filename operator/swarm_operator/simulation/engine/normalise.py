"""A body as the engine stores it and shows it again: filled, stripped, under proper names.

Pure; after moby's router (what an API version does not know is dropped) and its conversion to
SwarmKit and back (daemon/cluster/convert): what that conversion fills in or loses is here. Errors
are `ApiError` 400 with the engine's own texts.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import bodies
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.shapes import decoded, encoded

ApiVersion: TypeAlias = tuple[int, int]

_MOUNT_TYPES = ("bind", "volume", "tmpfs", "npipe", "cluster")
_PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_ENGINE_MODES = ("Global", "GlobalJob", "ReplicatedJob", "Replicated")


def service_spec(
    body: Any, api_version: ApiVersion, network_id: Callable[[str], str] = str
) -> JsonObject:
    """The spec as stored; its name may still be missing, and its values are not checked yet.

    `network_id` gives the id of a network that the request names; what it raises goes through.
    """
    spec = decoded(bodies.SERVICE_REQUEST, body)
    spec.setdefault("TaskTemplate", {})
    _strip(spec, api_version)
    for attachment in spec["TaskTemplate"].get("Networks") or []:
        attachment["Target"] = network_id(attachment.get("Target", ""))
    spec.setdefault("Labels", {})
    _task_template(spec["TaskTemplate"])
    for name in ("UpdateConfig", "RollbackConfig"):
        if name in spec:
            _update_config(spec[name])
    if "EndpointSpec" in spec:
        _endpoint(spec["EndpointSpec"])
    spec["Mode"] = _mode(spec.get("Mode", {}))
    return encoded(bodies.SERVICE, spec)


def config_spec(body: Any) -> JsonObject:
    """With its data as it came; labels are never missing."""
    return encoded(bodies.CONFIG, {"Labels": {}, **decoded(bodies.CONFIG, body)})


def secret_spec(body: Any) -> JsonObject:
    """As `config_spec`."""
    return encoded(bodies.SECRET, {"Labels": {}, **decoded(bodies.SECRET, body)})


def node_spec(body: Any) -> JsonObject:
    """Labels are never missing; role and availability are as they came, or missing."""
    return encoded(bodies.NODE, {"Labels": {}, **decoded(bodies.NODE, body)})


def network_body(body: Any, api_version: ApiVersion) -> JsonObject:
    """A create request, every member of the engine's struct in it; IPAM is null where not given."""
    request = encoded(bodies.NETWORK, decoded(bodies.NETWORK, body))
    if api_version < (1, 48):
        request.pop("EnableIPv4", None)
    if request["IPAM"] is not None:
        request["IPAM"]["Driver"] = request["IPAM"]["Driver"] or "default"
    return request


# --- what a version does not know -----------------------------------------------------------------


def _strip(spec: JsonObject, version: ApiVersion) -> None:
    """adjustForAPIVersion of moby's router, from API 1.40 on."""
    task = spec["TaskTemplate"]
    container = task.get("ContainerSpec") or {}
    if version < (1, 41):
        _drop(container, "CapabilityAdd", "CapabilityDrop", "Ulimits")
        _drop(dig(task, "Resources", "Limits"), "Pids")
        _drop(spec.get("Mode"), "ReplicatedJob", "GlobalJob")
    if version < (1, 44):
        _drop(container.get("Privileges"), "Seccomp", "AppArmor", "NoNewPrivileges")
        _drop(container.get("Healthcheck"), "StartInterval")
        if not task.get("Networks") and spec.get("Networks"):
            task["Networks"] = spec["Networks"]
    if version < (1, 46):
        _drop(container, "OomScoreAdj")
        for mount in container.get("Mounts") or []:
            _drop(mount.get("TmpfsOptions"), "Options")


def _drop(value: JsonObject | None, *keys: str) -> None:
    for key in keys:
        if value is not None:
            value.pop(key, None)


# --- what the conversion fills and loses ----------------------------------------------------------


def _task_template(task: JsonObject) -> None:
    runtime = task.get("Runtime") or "container"
    if runtime == "plugin":
        raise ApiError(500, 'runtime type "plugin" only supported in experimental')
    if runtime != "container":
        raise ApiError(400, "unsupported runtime")
    if "ContainerSpec" not in task:
        raise ApiError(400, "mismatched Runtime and *Spec fields")
    _drop(task, "PluginSpec", "NetworkAttachmentSpec")
    task["Runtime"] = runtime
    _container(task["ContainerSpec"])
    if "RestartPolicy" in task:
        _restart_policy(task["RestartPolicy"])
    if preferences := dig(task, "Placement", "Preferences"):
        task["Placement"]["Preferences"] = [p for p in preferences if p and "Spread" in p]


def _container(container: JsonObject) -> None:
    isolation = (container.get("Isolation") or "").lower()
    container["Isolation"] = isolation if isolation in ("hyperv", "process") else "default"
    if privileges := container.get("Privileges"):
        _privileges(privileges)
    for reference in container.get("Configs") or []:
        _config_reference(reference)
    for mount in container.get("Mounts") or []:
        _mount(mount)


def _privileges(privileges: JsonObject) -> None:
    credentials = privileges.get("CredentialSpec")
    if credentials is not None:
        given = [
            f'"{key.lower()}"' for key in ("Config", "File", "Registry") if credentials.get(key)
        ]
        if not given:
            raise ApiError(
                400,
                'invalid CredentialSpec: must either provide "file", "registry", or "config" for '
                "credential spec",
            )
        if len(given) > 1:
            both = ", ".join(given[:-1]) + ("," if len(given) > 2 else "") + f" and {given[-1]}"
            raise ApiError(
                400, f"invalid CredentialSpec: cannot specify both {both} credential specs"
            )
    for name, modes in (
        ("Seccomp", ("default", "unconfined", "custom")),
        ("AppArmor", ("default", "disabled")),
    ):
        if name in privileges and privileges[name].get("Mode") not in modes:
            privileges[name]["Mode"] = "default"


def _config_reference(reference: JsonObject) -> None:
    if "File" not in reference and "Runtime" not in reference:
        raise ApiError(400, "invalid Config: either File or Runtime should be set")
    if "File" in reference and "Runtime" in reference:
        raise ApiError(400, "invalid Config: cannot specify both File and Runtime")


def _mount(mount: JsonObject) -> None:
    kind = mount.get("Type") or "bind"
    if kind.lower() not in _MOUNT_TYPES:
        raise ApiError(400, f'invalid MountType: "{kind}"')
    mount["Type"] = kind.lower()
    options = mount.get("BindOptions")
    if options is None:
        return
    propagation = options.get("Propagation") or ""
    if propagation and propagation.lower() not in _PROPAGATIONS:
        raise ApiError(400, f'invalid MountPropagation: "{propagation}"')
    if propagation or options.get("NonRecursive"):
        options["Propagation"] = propagation.lower() or "rprivate"
    else:
        del mount["BindOptions"]


def _restart_policy(policy: JsonObject) -> None:
    condition = policy.get("Condition") or "any"
    if condition not in ("none", "on-failure", "any"):
        raise ApiError(400, f'invalid RestartCondition: "{condition}"')
    policy["Condition"] = condition
    policy.setdefault("MaxAttempts", 0)


def _update_config(config: JsonObject) -> None:
    action = config.get("FailureAction") or "pause"
    if action not in ("pause", "continue", "rollback"):
        raise ApiError(400, f"unrecognized update failure action {action}")
    order = config.get("Order") or "stop-first"
    if order not in ("stop-first", "start-first"):
        raise ApiError(400, f"unrecognized update order {order}")
    config |= {"FailureAction": action, "Order": order}


def _endpoint(endpoint: JsonObject) -> None:
    mode = endpoint.get("Mode") or "vip"
    if mode not in ("vip", "dnsrr"):
        raise ApiError(400, f'invalid resolution mode: "{mode}"')
    endpoint["Mode"] = mode
    for port in endpoint.get("Ports") or []:
        protocol = (port.get("Protocol") or "").lower()
        publish_mode = (port.get("PublishMode") or "").lower()
        port["Protocol"] = protocol if protocol in ("tcp", "udp", "sctp") else "tcp"
        port["PublishMode"] = publish_mode if publish_mode in ("ingress", "host") else "ingress"


def _mode(mode: JsonObject) -> JsonObject:
    given = [name for name in _ENGINE_MODES if name in mode]
    if len(given) > 1:
        raise ApiError(400, "must specify only one service mode")
    name = given[0] if given else "Replicated"
    value: JsonObject = mode.get(name, {})
    if name == "Replicated":
        return {name: {"Replicas": value.get("Replicas", 1)}}
    if name == "ReplicatedJob":
        concurrent = value.get("MaxConcurrent", 1)
        total = value.get("TotalCompletions", concurrent)
        return {name: {"MaxConcurrent": concurrent, "TotalCompletions": total}}
    return {name: {}}
