"""Services: create, update, roll back, remove (moby daemon/cluster/services.go, SwarmKit
manager/controlapi/service.go)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import networks, normalise, validation
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.errors import ApiError, Code, out_of_sequence, refused
from swarm_operator.simulation.engine.normalise import ApiVersion
from swarm_operator.simulation.engine.records import (
    ServiceRecord,
    TaskRecord,
    TaskState,
    UpdateStatus,
)
from swarm_operator.simulation.engine.references import Port, References, published_ports
from swarm_operator.simulation.engine.resolve import Resolver, ambiguous

_SAINTS = ("admiring", "brave", "clever", "eager", "focused", "gentle", "happy", "keen", "quirky")
_SURNAMES = ("archimedes", "curie", "darwin", "euler", "hopper", "lovelace", "noether", "turing")


MOST_TASKS = 100_000
"""Of one service. A slip of the hand (`scale web=1000000000`) would stop this process for good."""


class ServiceControl:
    """All writes to services that a person or a program asks for."""

    def __init__(
        self, kit: Kit, references: References, resolver: Resolver, on_panic: Callable[[str], None]
    ) -> None:
        self._kit = kit
        self._references = references
        self._resolver = resolver
        self._on_panic = on_panic

    def create(self, body: Any, *, api_version: ApiVersion, registry_auth: str | None) -> str:
        spec = self._stored(body, api_version)
        validation.check_service(spec)
        self._check_networks(spec)
        self._check_ports(spec, "")
        self._check_references(spec)
        if self._references.ids_named(ServiceRecord, spec["Name"]):
            text = f"name conflicts with an existing object: service {spec['Name']} already exists"
            raise refused(Code.ALREADY_EXISTS, text)
        is_job = validation.is_job(spec)
        service = ServiceRecord(
            id=self._kit.new_id(),
            spec=spec,
            registry_auth=registry_auth or "",
            job_iteration=0 if is_job else None,
            job_started_at=self._kit.timeline.now if is_job else None,
        )
        self._check_ingress(spec)
        return self._kit.store.services.put(service).id

    def update(
        self,
        ref: str,
        version: int,
        body: Any | None,
        *,
        rollback: bool,
        api_version: ApiVersion,
        registry_auth: str | None,
        registry_auth_from: str,
    ) -> None:
        service = self._resolver.service(ref)
        spec = service.spec if body is None else self._stored(body, api_version)
        auth = registry_auth or _kept_auth(service, registry_auth_from)
        validation.check_service(spec)
        self._check_networks(spec)
        if "EndpointSpec" in spec and spec["EndpointSpec"] != service.spec.get("EndpointSpec"):
            self._check_ports(spec, service.id)
        self._check_references(spec)
        if list(spec["Mode"]) != list(service.spec["Mode"]):
            raise refused(Code.UNIMPLEMENTED, "service mode change is not allowed")
        if spec["Name"] != service.name:
            raise refused(Code.UNIMPLEMENTED, "renaming services is not supported")
        updated = self._rolled_back(service) if rollback else _updated(service, spec, version, auth)
        self._check_ingress(updated.spec)
        if version != service.meta.version:
            raise out_of_sequence()
        if updated.job_iteration is not None:
            updated = replace(
                updated,
                job_iteration=updated.job_iteration + 1,
                job_started_at=self._kit.timeline.now,
            )
        self._panic_where_due(self._kit.store.services.put(updated))

    def remove(self, ref: str) -> None:
        self._kit.store.services.remove(self._resolver.service(ref).id)

    # --- the body -----------------------------------------------------------------------------------

    def _stored(self, body: Any, api_version: ApiVersion) -> JsonObject:
        spec = normalise.service_spec(body, api_version, self._network_id)
        _check_size(spec)
        return spec if spec.get("Name") else {"Name": self._random_name(), **spec}

    def _random_name(self) -> str:
        """As moby's namesgenerator: a word and a scientist."""
        name = f"{self._kit.rng.choice(_SAINTS)}_{self._kit.rng.choice(_SURNAMES)}"
        if not self._references.ids_named(ServiceRecord, name):
            return name
        return name + str(self._kit.rng.randrange(10**6))

    def _network_id(self, ref: str) -> str:
        """populateNetworkID: node-local networks stand for the swarm's twins, or are no good."""
        found = self._resolver.networks(ref)
        of_swarm = [network for network in found if network.is_swarm_scope]
        if len(of_swarm) > 1:
            raise ambiguous("network", ref, len(of_swarm))
        if of_swarm:
            return of_swarm[0].id
        if not found:
            raise ApiError(500, f"network {ref} not found")
        name = found[0].name
        if name not in networks.PREDEFINED_NAMES:
            raise ApiError(
                403,
                f"The network {name} cannot be used with services. Only networks scoped to the "
                "swarm can be used, such as those created with the overlay driver.",
            )
        for network in self._resolver.networks(name):
            if network.is_swarm_scope:
                return network.id
        raise ApiError(
            404,
            f"could not find the corresponding predefined swarm network: network {name} not found",
        )

    # --- what the store says about it -----------------------------------------------------------------

    def _check_networks(self, spec: JsonObject) -> None:
        for attachment in spec["TaskTemplate"].get("Networks") or []:
            network = self._kit.store.networks.get(attachment["Target"])
            if network is not None and network.is_ingress:
                text = (
                    f'Service cannot be explicitly attached to the ingress network "{network.name}"'
                )
                raise refused(Code.INVALID_ARGUMENT, text)

    def _check_ports(self, spec: JsonObject, own_id: str) -> None:
        """An ingress port is one service's alone; ports of hosts are the scheduler's affair."""
        wanted: dict[Port, str] = {}
        for port in dig(spec, "EndpointSpec", "Ports") or []:
            if port.get("PublishedPort"):
                wanted[port["Protocol"], port["PublishedPort"]] = port["PublishMode"]
        others: dict[str, None] = {}
        for key in wanted:
            others |= dict.fromkeys(self._references.services_publishing(key))
        for other_id in sorted(others):
            if other_id != own_id:
                _check_ports_against(wanted, self._kit.store.services[other_id])

    def _check_references(self, spec: JsonObject) -> None:
        store = self._kit.store
        container = spec["TaskTemplate"]["ContainerSpec"]
        secrets = [
            reference["SecretName"]
            for reference in container.get("Secrets") or []
            if (found := store.secrets.get(reference["SecretID"])) is None
            or found.name != reference["SecretName"]
        ]
        _refuse_missing("secret", secrets)
        configs = [
            reference["ConfigName"]
            for reference in container.get("Configs") or []
            if (kept := store.configs.get(reference["ConfigID"])) is None
            or kept.name != reference["ConfigName"]
        ]
        _refuse_missing("config", configs)

    def _check_ingress(self, spec: JsonObject) -> None:
        if needs_ingress(spec) and not any(n.is_ingress for n in self._kit.store.networks.all()):
            text = "service needs ingress network, but no ingress network is present"
            raise refused(Code.FAILED_PRECONDITION, text)

    # --- what it becomes ------------------------------------------------------------------------------

    def _rolled_back(self, service: ServiceRecord) -> ServiceRecord:
        if service.previous_spec is None:
            text = f"service {service.id} does not have a previous spec"
            raise refused(Code.FAILED_PRECONDITION, text)
        return replace(
            service,
            spec=service.previous_spec,
            spec_version=service.previous_spec_version or 0,
            registry_auth=service.previous_registry_auth,
            previous_spec=service.spec,
            previous_spec_version=service.spec_version,
            previous_registry_auth=service.registry_auth,
            update_status=UpdateStatus(
                state="rollback_started",
                started_at=self._kit.timeline.now,
                message="manually requested rollback",
            ),
        )

    def _panic_where_due(self, service: ServiceRecord) -> None:
        """Engines up to 28 read the constraints of a placement that is not there, in the orchestrator
        (IsTaskDirty, nodeMatches), for a task that differs from its service by placement alone.
        """
        if service.spec["TaskTemplate"].get("Placement") is not None:
            return
        nodes = self._kit.store.nodes
        for task in self._kit.store.tasks_of_service(service.id):
            if task.node_id in nodes and _differs_by_lack_of_placement(service, task):
                self._on_panic(
                    "invalid memory address or nil pointer dereference: service "
                    f"{service.name} has no placement, its task {task.id} has"
                )
                return


def needs_ingress(spec: JsonObject) -> bool:
    """IsIngressNetworkNeeded of SwarmKit's network allocator."""
    ports = dig(spec, "EndpointSpec", "Ports") or []
    return any(port["PublishMode"] == "ingress" for port in ports)


def _updated(service: ServiceRecord, spec: JsonObject, version: int, auth: str) -> ServiceRecord:
    return replace(
        service,
        spec=spec,
        spec_version=version,
        registry_auth=auth,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        previous_registry_auth=service.registry_auth,
        update_status=None,
    )


def _check_size(spec: JsonObject) -> None:
    """A real swarm would try. Raises ApiError 501."""
    wished = (
        dig(spec, "Mode", "Replicated", "Replicas") or 0,
        dig(spec, "Mode", "ReplicatedJob", "MaxConcurrent") or 0,
    )
    if max(wished) > MOST_TASKS:
        raise ApiError(501, f"simulation: more than {MOST_TASKS:,} tasks of a service")


def _kept_auth(service: ServiceRecord, source: str) -> str:
    if source in ("spec", ""):
        return service.registry_auth
    if source != "previous-spec":
        raise ApiError(400, f"invalid registryAuthFrom '{source}'")
    if service.previous_spec is None:
        raise ApiError(500, "service does not have a previous spec")
    return service.previous_registry_auth


def _check_ports_against(wanted: dict[Port, str], other: ServiceRecord) -> None:
    for port in published_ports(other):
        mode = wanted.get((port["Protocol"], port["PublishedPort"]))
        if port["PublishMode"] == "host" and mode == "ingress":
            word = "a host-published port"
        elif port["PublishMode"] == "ingress" and mode is not None:
            word = "an ingress port"
        else:
            continue
        raise refused(
            Code.INVALID_ARGUMENT,
            f"port '{port['PublishedPort']}' is already in use by service '{other.name}' "
            f"({other.id}) as {word}",
        )


def _refuse_missing(kind: str, names: list[str]) -> None:
    if names:
        word = kind if len(names) == 1 else f"{kind}s"
        raise refused(Code.INVALID_ARGUMENT, f"{word} not found: {', '.join(names)}")


def _differs_by_lack_of_placement(service: ServiceRecord, task: TaskRecord) -> bool:
    if task.desired_state > TaskState.RUNNING or task.spec.get("Placement") is None:
        return False
    if task.spec_version == service.spec_version or task.registry_auth != service.registry_auth:
        return False
    rest = {key: value for key, value in task.spec.items() if key != "Placement"}
    template: JsonObject = service.spec["TaskTemplate"]
    return rest == template
