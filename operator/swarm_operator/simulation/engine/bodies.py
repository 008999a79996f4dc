"""The bodies of requests that change a swarm, member by member (moby's api/types/swarm, … /mount).

The tables are those of the newest API version that the model speaks; what a request's own version
does not know yet is taken out by `normalise`.
"""

from swarm_operator.simulation.engine.shapes import (
    Keep,
    ListOf,
    MapOf,
    Member,
    Scalar,
    Struct,
    struct,
)

_TEXT, _FLAG, _INTEGER = Scalar.TEXT, Scalar.FLAG, Scalar.INTEGER
_COUNT, _REAL, _BYTES = Scalar.COUNT, Scalar.REAL, Scalar.BYTES
_DURATION, _FILE_MODE = Scalar.DURATION, Scalar.FILE_MODE
_ALWAYS, _GIVEN = Keep.ALWAYS, Keep.GIVEN
_TEXTS = ListOf(_TEXT)
_OPTIONS = MapOf(_TEXT)

_ANNOTATIONS = (
    Member("Name", _TEXT, embedded="Annotations"),
    Member("Labels", _OPTIONS, _ALWAYS, embedded="Annotations"),
)
_DRIVER = struct("swarm.Driver", Member("Name", _TEXT), Member("Options", _OPTIONS))

_FILE_TARGET = struct(
    "swarm.SecretReferenceFileTarget",
    Member("Name", _TEXT, _ALWAYS),
    Member("UID", _TEXT, _ALWAYS),
    Member("GID", _TEXT, _ALWAYS),
    Member("Mode", _FILE_MODE, _ALWAYS),
)
_SECRET_REFERENCE = struct(
    "swarm.SecretReference",
    Member("File", _FILE_TARGET, _ALWAYS),
    Member("SecretID", _TEXT, _ALWAYS),
    Member("SecretName", _TEXT, _ALWAYS),
)
_CONFIG_REFERENCE = struct(
    "swarm.ConfigReference",
    Member("File", _FILE_TARGET),
    Member("Runtime", struct("swarm.ConfigReferenceRuntimeTarget")),
    Member("ConfigID", _TEXT, _ALWAYS),
    Member("ConfigName", _TEXT, _ALWAYS),
)

_PRIVILEGES = struct(
    "swarm.Privileges",
    Member(
        "CredentialSpec",
        struct(
            "swarm.CredentialSpec",
            Member("Config", _TEXT, _ALWAYS),
            Member("File", _TEXT, _ALWAYS),
            Member("Registry", _TEXT, _ALWAYS),
        ),
        _ALWAYS,
    ),
    Member(
        "SELinuxContext",
        struct(
            "swarm.SELinuxContext",
            Member("Disable", _FLAG, _ALWAYS),
            Member("User", _TEXT, _ALWAYS),
            Member("Role", _TEXT, _ALWAYS),
            Member("Type", _TEXT, _ALWAYS),
            Member("Level", _TEXT, _ALWAYS),
        ),
        _ALWAYS,
    ),
    Member(
        "Seccomp", struct("swarm.SeccompOpts", Member("Mode", _TEXT), Member("Profile", _BYTES))
    ),
    Member("AppArmor", struct("swarm.AppArmorOpts", Member("Mode", _TEXT))),
    Member("NoNewPrivileges", _FLAG, _ALWAYS),
)

_MOUNT = struct(
    "mount.Mount",
    Member("Type", _TEXT),
    Member("Source", _TEXT),
    Member("Target", _TEXT),
    Member("ReadOnly", _FLAG),
    Member(
        "BindOptions",
        struct("mount.BindOptions", Member("Propagation", _TEXT), Member("NonRecursive", _FLAG)),
    ),
    Member(
        "VolumeOptions",
        struct(
            "mount.VolumeOptions",
            Member("NoCopy", _FLAG),
            Member("Labels", _OPTIONS),
            Member("Subpath", _TEXT),
            Member("DriverConfig", _DRIVER),
        ),
    ),
    Member(
        "TmpfsOptions",
        struct(
            "mount.TmpfsOptions",
            Member("SizeBytes", _INTEGER),
            Member("Mode", _FILE_MODE),
            Member("Options", ListOf(_TEXTS)),
        ),
    ),
)
"""Consistency and ClusterOptions are read and dropped, and so are the newer bind options."""

_HEALTH = struct(
    "container.HealthConfig",
    Member("Test", _TEXTS),
    Member("Interval", _DURATION),
    Member("Timeout", _DURATION),
    Member("StartPeriod", _DURATION),
    Member("StartInterval", _DURATION),
    Member("Retries", _INTEGER),
)

CONTAINER = struct(
    "swarm.ContainerSpec",
    Member("Image", _TEXT),
    Member("Labels", _OPTIONS),
    Member("Command", _TEXTS),
    Member("Args", _TEXTS),
    Member("Hostname", _TEXT),
    Member("Env", _TEXTS),
    Member("Dir", _TEXT),
    Member("User", _TEXT),
    Member("Groups", _TEXTS),
    Member("Privileges", _PRIVILEGES),
    Member("Init", _FLAG, _GIVEN),
    Member("StopSignal", _TEXT),
    Member("TTY", _FLAG),
    Member("OpenStdin", _FLAG),
    Member("ReadOnly", _FLAG),
    Member("Mounts", ListOf(_MOUNT)),
    Member("StopGracePeriod", _DURATION, _GIVEN),
    Member("Healthcheck", _HEALTH),
    Member("Hosts", _TEXTS),
    Member(
        "DNSConfig",
        struct(
            "swarm.DNSConfig",
            Member("Nameservers", _TEXTS),
            Member("Search", _TEXTS),
            Member("Options", _TEXTS),
        ),
    ),
    Member("Secrets", ListOf(_SECRET_REFERENCE)),
    Member("Configs", ListOf(_CONFIG_REFERENCE)),
    Member("Isolation", _TEXT),
    Member("Sysctls", _OPTIONS),
    Member("CapabilityAdd", _TEXTS),
    Member("CapabilityDrop", _TEXTS),
    Member(
        "Ulimits",
        ListOf(
            struct(
                "units.Ulimit",
                Member("Name", _TEXT, _ALWAYS),
                Member("Hard", _INTEGER, _ALWAYS),
                Member("Soft", _INTEGER, _ALWAYS),
            )
        ),
    ),
    Member("OomScoreAdj", _INTEGER),
)

_GENERIC_RESOURCE = struct(
    "swarm.GenericResource",
    Member(
        "NamedResourceSpec",
        struct("swarm.NamedGenericResource", Member("Kind", _TEXT), Member("Value", _TEXT)),
    ),
    Member(
        "DiscreteResourceSpec",
        struct("swarm.DiscreteGenericResource", Member("Kind", _TEXT), Member("Value", _INTEGER)),
    ),
)
_RESOURCES = struct(
    "swarm.ResourceRequirements",
    Member(
        "Limits",
        struct(
            "swarm.Limit",
            Member("NanoCPUs", _INTEGER),
            Member("MemoryBytes", _INTEGER),
            Member("Pids", _INTEGER),
        ),
    ),
    Member(
        "Reservations",
        struct(
            "swarm.Resources",
            Member("NanoCPUs", _INTEGER),
            Member("MemoryBytes", _INTEGER),
            Member("GenericResources", ListOf(_GENERIC_RESOURCE)),
        ),
    ),
)
_PLACEMENT = struct(
    "swarm.Placement",
    Member("Constraints", _TEXTS),
    Member(
        "Preferences",
        ListOf(
            struct(
                "swarm.PlacementPreference",
                Member(
                    "Spread", struct("swarm.SpreadOver", Member("SpreadDescriptor", _TEXT, _ALWAYS))
                ),
            )
        ),
    ),
    Member("MaxReplicas", _COUNT),
    Member(
        "Platforms",
        ListOf(struct("swarm.Platform", Member("Architecture", _TEXT), Member("OS", _TEXT))),
    ),
)
_RESTART_POLICY = struct(
    "swarm.RestartPolicy",
    Member("Condition", _TEXT),
    Member("Delay", _DURATION, _GIVEN),
    Member("MaxAttempts", _COUNT, _GIVEN),
    Member("Window", _DURATION, _GIVEN),
)
_ATTACHMENT = struct(
    "swarm.NetworkAttachmentConfig",
    Member("Target", _TEXT),
    Member("Aliases", _TEXTS),
    Member("DriverOpts", _OPTIONS),
)
TASK_TEMPLATE = struct(
    "swarm.TaskSpec",
    Member("ContainerSpec", CONTAINER),
    Member("PluginSpec", struct("swarm.RuntimeSpec")),
    Member("NetworkAttachmentSpec", struct("swarm.NetworkAttachmentSpec")),
    Member("Resources", _RESOURCES),
    Member("RestartPolicy", _RESTART_POLICY),
    Member("Placement", _PLACEMENT),
    Member("Networks", ListOf(_ATTACHMENT)),
    Member("LogDriver", _DRIVER),
    Member("ForceUpdate", _COUNT, _ALWAYS),
    Member("Runtime", _TEXT),
)
_MODE = struct(
    "swarm.ServiceMode",
    Member("Replicated", struct("swarm.ReplicatedService", Member("Replicas", _COUNT, _GIVEN))),
    Member("Global", struct("swarm.GlobalService")),
    Member(
        "ReplicatedJob",
        struct(
            "swarm.ReplicatedJob",
            Member("MaxConcurrent", _COUNT, _GIVEN),
            Member("TotalCompletions", _COUNT, _GIVEN),
        ),
    ),
    Member("GlobalJob", struct("swarm.GlobalJob")),
)
_UPDATE_CONFIG = struct(
    "swarm.UpdateConfig",
    Member("Parallelism", _COUNT, _ALWAYS),
    Member("Delay", _DURATION),
    Member("FailureAction", _TEXT),
    Member("Monitor", _DURATION),
    Member("MaxFailureRatio", _REAL, _ALWAYS),
    Member("Order", _TEXT, _ALWAYS),
)
_PORT = struct(
    "swarm.PortConfig",
    Member("Name", _TEXT),
    Member("Protocol", _TEXT),
    Member("TargetPort", Scalar.SMALL_COUNT),
    Member("PublishedPort", Scalar.SMALL_COUNT),
    Member("PublishMode", _TEXT),
)
_ENDPOINT = struct("swarm.EndpointSpec", Member("Mode", _TEXT), Member("Ports", ListOf(_PORT)))

SERVICE = struct(
    "swarm.ServiceSpec",
    _ANNOTATIONS,
    Member("TaskTemplate", TASK_TEMPLATE),
    Member("Mode", _MODE),
    Member("UpdateConfig", _UPDATE_CONFIG),
    Member("RollbackConfig", _UPDATE_CONFIG),
    Member("EndpointSpec", _ENDPOINT),
)
SERVICE_REQUEST = struct(
    "swarm.ServiceSpec", SERVICE.members, Member("Networks", ListOf(_ATTACHMENT))
)
"""Networks beside the task template: deprecated, and read by API versions below 1.44."""

CONFIG = struct(
    "swarm.ConfigSpec", _ANNOTATIONS, Member("Data", _BYTES), Member("Templating", _DRIVER)
)
SECRET = struct(
    "swarm.SecretSpec",
    _ANNOTATIONS,
    Member("Data", _BYTES),
    Member("Driver", _DRIVER),
    Member("Templating", _DRIVER),
)
NODE = struct("swarm.NodeSpec", _ANNOTATIONS, Member("Role", _TEXT), Member("Availability", _TEXT))

_IPAM_CONFIG = struct(
    "network.IPAMConfig",
    Member("Subnet", _TEXT),
    Member("IPRange", _TEXT),
    Member("Gateway", _TEXT),
    Member("AuxiliaryAddresses", _OPTIONS),
)
NETWORK: Struct = struct(
    "network.CreateRequest",
    Member("Name", _TEXT, _ALWAYS),
    Member("CheckDuplicate", _FLAG),
    Member("Driver", _TEXT, _ALWAYS),
    Member("Scope", _TEXT, _ALWAYS),
    Member("EnableIPv4", _FLAG, _GIVEN),
    Member("EnableIPv6", _FLAG, _GIVEN),
    Member(
        "IPAM",
        struct(
            "network.IPAM",
            Member("Driver", _TEXT, _ALWAYS),
            Member("Options", _OPTIONS, _ALWAYS),
            Member("Config", ListOf(_IPAM_CONFIG), _ALWAYS),
        ),
        _ALWAYS,
    ),
    Member("Internal", _FLAG, _ALWAYS),
    Member("Attachable", _FLAG, _ALWAYS),
    Member("Ingress", _FLAG, _ALWAYS),
    Member("ConfigOnly", _FLAG, _ALWAYS),
    Member(
        "ConfigFrom", struct("swarm.ConfigReference", Member("Network", _TEXT, _ALWAYS)), _ALWAYS
    ),
    Member("Options", _OPTIONS, _ALWAYS),
    Member("Labels", _OPTIONS, _ALWAYS),
)
