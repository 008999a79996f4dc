"""What a manager's store keeps: nodes, services, tasks, networks, configs, secrets. Frozen values.

Specs are the Engine API's own JSON, normalised as the engine stores them; no holder of a record may
change one: a new spec is a new object. Times are seconds of the timeline.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from swarm_operator.observed.json import JsonObject


class TaskState(IntEnum):
    """SwarmKit's api/types.proto: the order matters, a task only ever moves up."""

    NEW = 0
    PENDING = 64
    ASSIGNED = 192
    ACCEPTED = 256
    PREPARING = 320
    READY = 384
    STARTING = 448
    RUNNING = 512
    COMPLETE = 576
    SHUTDOWN = 640
    FAILED = 704
    REJECTED = 768
    REMOVE = 800
    ORPHANED = 832


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """What was last said about a task: by a manager up to `assigned`, by its agent from there on."""

    state: TaskState = TaskState.NEW
    at: float = 0.0
    message: str = "created"
    error: str = ""
    container_id: str = ""
    pid: int = 0
    exit_code: int | None = None
    host_ports: tuple[JsonObject, ...] = ()
    """Of a running task that publishes in host mode: the ports it was given."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Of every record. The store sets it; nobody else does."""

    version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """`slot` is 0 and `node_id` is given from the start for tasks of global services."""

    id: str
    service_id: str
    spec: JsonObject = field(repr=False)
    spec_version: int | None = None
    """The service's `spec_version` that it was made for."""
    registry_auth: str = field(default="", repr=False)
    """The service's, when it was made."""
    slot: int = 0
    node_id: str = ""
    desired_state: TaskState = TaskState.RUNNING
    status: TaskStatus = field(default_factory=TaskStatus)
    service_name: str = ""
    service_labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    endpoint: JsonObject | None = field(default=None, repr=False)
    """The service's endpoint (spec, ports, VIPs) when the task was made."""
    networks: tuple[JsonObject, ...] = field(default=(), repr=False)
    """NetworksAttachments of the API: once allocated."""
    job_iteration: int | None = None
    assigned_generic_resources: tuple[JsonObject, ...] = ()
    """What it was given of the node's, by the scheduler."""
    meta: Meta = field(default_factory=Meta)

    @property
    def state(self) -> TaskState:
        return self.status.state


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """Of a rolling update. `state` is the API's word: updating, paused, completed, rollback_…"""

    state: str
    started_at: float
    completed_at: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    id: str
    spec: JsonObject = field(repr=False)
    spec_version: int = 0
    previous_spec: JsonObject | None = field(default=None, repr=False)
    previous_spec_version: int | None = None
    registry_auth: str = field(default="", repr=False)
    """X-Registry-Auth of the request that wrote the spec: part of it (PullOptions), but never shown."""
    previous_registry_auth: str = field(default="", repr=False)
    update_status: UpdateStatus | None = None
    endpoint: JsonObject | None = field(default=None, repr=False)
    """Spec, Ports and VirtualIPs as the API shows them; set by the allocator."""
    job_iteration: int | None = None
    job_started_at: float | None = None
    pending_delete: bool = False
    meta: Meta = field(default_factory=Meta)

    @property
    def name(self) -> str:
        name: str = self.spec["Name"]
        return name


_LOG_DRIVERS = (
    "awslogs",
    "fluentd",
    "gcplogs",
    "gelf",
    "journald",
    "json-file",
    "local",
    "splunk",
    "syslog",
)
_NETWORK_DRIVERS = ("bridge", "host", "ipvlan", "macvlan", "null", "overlay")
ENGINE_PLUGINS: tuple[tuple[str, str], ...] = (
    *(("Log", name) for name in _LOG_DRIVERS),
    *(("Network", name) for name in _NETWORK_DRIVERS),
    ("Volume", "local"),
)
"""What an engine has without any plugin installed."""


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """`state` is the managers' view: unknown, down, ready, disconnected."""

    id: str
    hostname: str
    role: str = "worker"
    availability: str = "active"
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    """Of the node's spec; mostly empty."""
    state: str = "ready"
    message: str = ""
    address: str = ""
    engine_version: str = "26.1.5"
    engine_labels: Mapping[str, str] = field(default_factory=dict)
    os: str = "linux"
    architecture: str = "x86_64"
    nano_cpus: int = 4_000_000_000
    memory_bytes: int = 8 << 30
    generic_resources: tuple[JsonObject, ...] = ()
    plugins: tuple[tuple[str, str], ...] = ENGINE_PLUGINS
    """Type and name."""
    manager_address: str = ""
    """host:2377 of a manager, else empty."""
    is_leader: bool = False
    reachability: str = "reachable"
    """Of a manager: unknown, unreachable, reachable."""
    down_since: float | None = None
    attachments: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The address of its load balancer on each overlay that it takes part in, by network id."""
    meta: Meta = field(default_factory=Meta)

    @property
    def is_manager(self) -> bool:
        return bool(self.manager_address)


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """`body` is the create request's, normalised; `allocated` is what the allocator added."""

    id: str
    name: str
    body: JsonObject = field(repr=False)
    allocated: JsonObject | None = field(default=None, repr=False)
    """IPAM configuration and driver options in force; None until the allocator was there."""
    is_ingress: bool = False
    is_swarm_scope: bool = True
    """False for the node-local networks that every engine has: bridge, host, none."""
    pending_delete: bool = False
    meta: Meta = field(default_factory=Meta)


@dataclass(frozen=True, slots=True)
class ConfigRecord:
    id: str
    spec: JsonObject = field(repr=False)
    """With `Data` in base64, as it came."""
    meta: Meta = field(default_factory=Meta)

    @property
    def name(self) -> str:
        name: str = self.spec["Name"]
        return name


@dataclass(frozen=True, slots=True)
class SecretRecord:
    id: str
    spec: JsonObject = field(repr=False)
    """With `Data`; no answer of the API ever shows it."""
    meta: Meta = field(default_factory=Meta)

    @property
    def name(self) -> str:
        name: str = self.spec["Name"]
        return name


Record = NodeRecord | ServiceRecord | TaskRecord | NetworkRecord | ConfigRecord | SecretRecord
