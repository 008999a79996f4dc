"""The swarm as one immutable snapshot: nodes, services, tasks, networks, configs, secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

from swarm_operator.observed.json import JsonObject, dig

STACK_LABEL = "com.docker.stack.namespace"
"""Set by `docker stack deploy` on everything that belongs to a stack (docker/cli)."""

IMAGE_LABEL = "com.docker.stack.image"
"""The image as the document writes it, on services (docker/cli)."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the swarm. `state` is the manager's view: ready, down, unknown, disconnected."""

    id: str
    version: int
    hostname: str
    role: str
    availability: str
    state: str
    address: str
    labels: Mapping[str, str]
    engine_version: str = ""
    is_leader: bool = False
    reachability: str | None = None
    """Of a manager: reachable, unreachable, unknown. None for a worker."""
    platform: tuple[str, str] = ("", "")
    """Operating system and architecture."""
    engine_labels: Mapping[str, str] = field(default_factory=dict)
    nano_cpus: int = 0
    memory_bytes: int = 0
    plugins: frozenset[tuple[str, str]] = frozenset()
    """Kind and name, as the node's engine reports them: ("Volume", "local")."""

    @property
    def is_manager(self) -> bool:
        return self.reachability is not None or self.role == "manager"


@dataclass(frozen=True, slots=True)
class Service:
    """A service. Its spec is the Engine API's own JSON, read without `insertDefaults`."""

    id: str
    version: int
    name: str
    spec: JsonObject = field(repr=False)
    previous_spec: JsonObject | None = field(default=None, repr=False)
    update_state: str | None = None
    """updating, paused, completed, rollback_started, rollback_paused, rollback_completed."""
    update_message: str = ""
    created_at: str = ""
    updated_at: str = ""
    virtual_ips: Mapping[str, str] = field(default_factory=dict)
    """Its address by the id of each network where it has one (endpoint mode `vip`)."""

    @property
    def labels(self) -> Mapping[str, str]:
        return dig(self.spec, "Labels") or {}

    @property
    def stack(self) -> str | None:
        return self.labels.get(STACK_LABEL)


class HostPort(NamedTuple):
    """A port of a task, published by its node."""

    protocol: str
    target: int
    published: int


@dataclass(frozen=True, slots=True)
class Task:
    """A task. `state` is what its node reported last; a dead node reports nothing any more."""

    id: str
    service_id: str
    node_id: str | None
    slot: int | None
    desired_state: str
    state: str
    message: str = ""
    error: str = ""
    exit_code: int | None = None
    pid: int | None = None
    """Of its container's process when the state was reported; 0: it had none, or none any more."""
    timestamp: str = ""
    """When the state was reported, RFC 3339 with nanoseconds, by the node's clock."""
    created_at: str = ""
    image: str = ""
    config_ids: frozenset[str] = frozenset()
    secret_ids: frozenset[str] = frozenset()
    network_ids: frozenset[str] = frozenset()
    job_iteration: int | None = None
    reserved: tuple[int, int] = (0, 0)
    """CPU (in 10⁻⁹ of one) and memory (bytes) that it holds until its end was reported."""
    unplaced: JsonObject | None = field(default=None, repr=False, hash=False)
    """Of a task that has no node yet: the placement it was made with."""
    words: tuple[str, ...] = field(default=(), repr=False)
    """Of its container's image, command and environment; only where there is an error, which may
    repeat them."""
    addresses: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Its own address by the id of each network that it is attached to."""
    host_ports: tuple[HostPort, ...] = ()
    """What its node publishes for it in host mode, as the node reported it."""

    @property
    def is_live(self) -> bool:
        """Not in one of the states that a task never leaves (SwarmKit: beyond `running`)."""
        return self.state not in FINAL_STATES

    @property
    def is_running(self) -> bool:
        """Reported running, and with a process.

        A container that never became healthy and ends with exit code 0 when it is stopped is `running`
        on its way from `starting` to `complete`: moby's controller.Start (daemon/cluster/executor/
        container) takes its end for a good start. The managers show it for some 0.1 s, then without
        a process.
        """
        return self.state == "running" and self.pid != 0


def container_words(container: JsonObject) -> tuple[str, ...]:
    """What a person may have put a secret into, of a container's spec: its image's tag, the words of
    its commands, the values of its environment."""
    return (
        *(container.get("Image") or "").rpartition("/")[2].split(":")[1:],
        *(container.get("Command") or []),
        *(container.get("Args") or []),
        *(dig(container, "Healthcheck", "Test") or []),
        *(item.partition("=")[2] for item in container.get("Env") or []),
    )


FINAL_STATES = frozenset({"complete", "shutdown", "failed", "rejected", "remove", "orphaned"})


@dataclass(frozen=True, slots=True)
class Network:
    """A network of swarm scope. `definition` is its create body as far as the engine shows it."""

    id: str
    name: str
    driver: str
    labels: Mapping[str, str]
    definition: JsonObject = field(default_factory=dict)
    is_ingress: bool = False
    addressing: tuple[JsonObject, ...] = ()
    """The IPAM configurations in force, asked for or allocated (see `network_definition`)."""


@dataclass(frozen=True, slots=True)
class Config:
    """A config; its data can be read back."""

    id: str
    version: int
    name: str
    labels: Mapping[str, str]
    data: bytes = field(default=b"", repr=False)
    templating: str | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret; its data can never be read back."""

    id: str
    version: int
    name: str
    labels: Mapping[str, str]
    driver: str | None = None
    templating: str | None = None


Labelled = TypeVar("Labelled", Service, Network, Config, Secret)


def _by_stack(items: Iterable[Labelled]) -> Mapping[str, tuple[Labelled, ...]]:
    result: dict[str, list[Labelled]] = {}
    for item in items:
        stack = item.labels.get(STACK_LABEL)
        if stack is not None:
            result.setdefault(stack, []).append(item)
    return {stack: tuple(found) for stack, found in result.items()}


@dataclass(frozen=True)
class Swarm:
    """Everything that one full pass read from the Docker Engine.

    `incomplete` names what is missing or doubtful; a snapshot with an entry there is never
    evidence that something does not exist.
    """

    cluster_id: str
    nodes: tuple[Node, ...] = ()
    services: tuple[Service, ...] = ()
    tasks: tuple[Task, ...] = ()
    networks: tuple[Network, ...] = ()
    configs: tuple[Config, ...] = ()
    secrets: tuple[Secret, ...] = ()
    incomplete: tuple[str, ...] = ()
    api_version: tuple[int, int] = (1, 41)
    """The version that requests are made in: fields newer than it are dropped by the engine."""
    node_id: str = ""
    """The node whose engine answered."""
    taken_at: float = 0.0
    """Seconds of the reader's monotonic clock at the start of the pass."""
    heartbeat_s: float = 5.0
    """How often nodes report to their manager; one that misses three is down."""

    @property
    def labelled(self) -> tuple[Service | Network | Config | Secret, ...]:
        """Everything that can carry our labels."""
        return (*self.services, *self.networks, *self.configs, *self.secrets)

    @property
    def is_complete(self) -> bool:
        return not self.incomplete

    @cached_property
    def services_by_name(self) -> Mapping[str, Service]:
        return {service.name: service for service in self.services}

    @cached_property
    def services_by_id(self) -> Mapping[str, Service]:
        return {service.id: service for service in self.services}

    @cached_property
    def services_by_stack(self) -> Mapping[str, tuple[Service, ...]]:
        """By the stack label, in the order read; those without one are left out. So the next three."""
        return _by_stack(self.services)

    @cached_property
    def networks_by_stack(self) -> Mapping[str, tuple[Network, ...]]:
        return _by_stack(self.networks)

    @cached_property
    def configs_by_stack(self) -> Mapping[str, tuple[Config, ...]]:
        return _by_stack(self.configs)

    @cached_property
    def secrets_by_stack(self) -> Mapping[str, tuple[Secret, ...]]:
        return _by_stack(self.secrets)

    @cached_property
    def networks_by_name(self) -> Mapping[str, Network]:
        return {network.name: network for network in self.networks}

    @cached_property
    def network_names(self) -> Mapping[str, str]:
        """Name by id."""
        return {network.id: network.name for network in self.networks}

    @cached_property
    def configs_by_name(self) -> Mapping[str, Config]:
        return {config.name: config for config in self.configs}

    @cached_property
    def secrets_by_name(self) -> Mapping[str, Secret]:
        return {secret.name: secret for secret in self.secrets}

    @cached_property
    def secrets_in_use(self) -> frozenset[str]:
        """Names of the secrets that a service's spec refers to."""
        references = (
            item
            for service in self.services
            for item in dig(service.spec, "TaskTemplate", "ContainerSpec", "Secrets") or ()
        )
        return frozenset(item["SecretName"] for item in references if item.get("SecretName"))

    @cached_property
    def nodes_by_id(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def nodes_up(self) -> frozenset[str]:
        """Ids of the nodes whose tasks count: what runs on a node that is down is not known."""
        return frozenset(node.id for node in self.nodes if node.state != "down")

    @cached_property
    def tasks_by_service(self) -> Mapping[str, tuple[Task, ...]]:
        """Tasks by service id, in the order read."""
        result: dict[str, list[Task]] = {}
        for task in self.tasks:
            result.setdefault(task.service_id, []).append(task)
        return {service_id: tuple(tasks) for service_id, tasks in result.items()}
