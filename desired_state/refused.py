"""Keys that are refused by name, each with what to do instead."""

from collections.abc import Mapping
from typing import Final

_RESOURCES: Final = "set deploy.resources"

SERVICE_KEYS: Final[Mapping[str, str | None]] = {
    # What docker stack deploy refuses with an advice of its own.
    "extends": "write the service out, or share parts of it with YAML anchors",
    "volume_driver": "declare the volume at the top level and name the driver there",
    "volumes_from": "declare a volume at the top level and mount it into both services",
    "cpu_quota": _RESOURCES,
    "cpu_shares": _RESOURCES,
    "cpuset": _RESOURCES,
    "mem_limit": "set deploy.resources.limits.memory",
    "memswap_limit": _RESOURCES,
    # What the Compose specification has and docker stack deploy does not know.
    "annotations": "use labels",
    "attach": None,
    "blkio_config": None,
    "cgroup": None,
    "cpu_count": _RESOURCES,
    "cpu_percent": _RESOURCES,
    "cpu_period": _RESOURCES,
    "cpu_rt_period": _RESOURCES,
    "cpu_rt_runtime": _RESOURCES,
    "cpus": "set deploy.resources.limits.cpus",
    "develop": None,
    "device_cgroup_rules": None,
    "dns_opt": None,
    "gpus": "set deploy.resources.reservations.generic_resources",
    "group_add": 'name the group in user: "uid:gid"',
    "label_file": "write the labels into the document",
    "mem_reservation": "set deploy.resources.reservations.memory",
    "mem_swappiness": None,
    "models": None,
    "oom_kill_disable": None,
    "pids_limit": "set deploy.resources.limits.pids",
    "platform": "set deploy.placement.constraints, such as node.platform.arch == x86_64",
    "post_start": None,
    "pre_stop": None,
    "profiles": "put the services of a profile into a document of their own, in x-operator.files",
    "provider": None,
    "pull_policy": None,
    "runtime": None,
    "scale": "set deploy.replicas",
    "storage_opt": None,
    "use_api_socket": None,
    "uts": None,
}

TOP_LEVEL_KEYS: Final[Mapping[str, str | None]] = {
    "include": "list further documents in x-operator.files",
    "models": None,
}

OTHER_KEYS: Final[Mapping[tuple[str, ...], str | None]] = {
    ("services", "*", "deploy", "resources", "reservations", "devices"): (
        "set generic_resources beside it"
    ),
    ("services", "*", "ports", "name"): None,
    ("services", "*", "ports", "host_ip"): "Swarm publishes on every address of a node",
    ("services", "*", "ports", "app_protocol"): None,
    ("services", "*", "volumes", "cluster"): None,
    ("services", "*", "volumes", "image"): None,
    ("services", "*", "networks", "*", "gw_priority"): None,
    ("services", "*", "networks", "*", "interface_name"): None,
    ("services", "*", "networks", "*", "link_local_ips"): None,
    ("services", "*", "networks", "*", "mac_address"): None,
    ("services", "*", "networks", "*", "priority"): None,
    ("networks", "*", "enable_ipv4"): None,
    ("networks", "*", "enable_ipv6"): None,
    ("networks", "*", "ipam", "options"): None,
    ("networks", "*", "ipam", "config", "gateway"): "Swarm takes the first address of the subnet",
    ("networks", "*", "ipam", "config", "ip_range"): None,
    ("networks", "*", "ipam", "config", "aux_addresses"): None,
    ("configs", "*", "environment"): "write content: ${NAME}, or name a file",
    ("secrets", "*", "environment"): "put the value into a file of the folder",
    ("configs", "*", "driver"): None,
}
