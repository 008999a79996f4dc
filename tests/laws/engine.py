"""A Docker Engine as a value: specs, versions, references and refusals; no clock and no network.

`apply` does with an action what a real engine does with the request that it becomes. Tasks follow the
specs only at `settled`, so that between two actions the old ones are still there.
"""

import base64
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from swarm_operator.observed import network_definition
from swarm_operator.observed.errors import Conflict, Gone, InUse, SpecRefused
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Config, Network, Node, Secret, Service, Swarm, Task
from swarm_operator.plan.actions import Action, Create, Kind, Remove, UpdateService
from swarm_operator.plan.references import with_ids
from tests.laws.stored import stored_spec

SWARM_ID = "swarm-one"

NODES = (
    Node(
        "node1", 1, "alpha", "manager", "active", "ready", "10.9.0.1", {}, reachability="reachable"
    ),
    Node("node2", 2, "beta", "worker", "active", "ready", "10.9.0.2", {}),
)


@dataclass(frozen=True)
class Engine:
    """One swarm. Every method that changes something returns a new value."""

    swarm: Swarm = field(default_factory=lambda: Swarm(SWARM_ID, nodes=NODES))
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """What is in each secret, by id: no read shows it, tests may look."""
    index: int = 100
    """The raft index; each write takes one."""
    writes: int = 0
    restarts: int = 0
    """Services whose tasks an update replaced."""
    local_networks: frozenset[str] = frozenset()
    """Names of node-local networks: no list of swarm scope shows them, but they are taken."""

    # --- what a request does ---------------------------------------------------------------------

    def apply(self, action: Action) -> "Engine":
        """Raises what the client of a real engine raises."""
        match action:
            case Create():
                return self._created(action.kind, action.body)
            case UpdateService():
                spec = self._resolved(action.spec)
                return self.service_updated(action.service_id, action.version, spec)
            case Remove():
                return self.removed(action.kind, action.object_id)
            case _:
                assert_never(action)

    def _created(self, kind: Kind, body: JsonObject) -> "Engine":
        match kind:
            case Kind.NETWORK:
                return self.network_created(body)
            case Kind.CONFIG:
                return self.config_created(body)
            case Kind.SECRET:
                return self.secret_created(body)
            case Kind.SERVICE:
                return self.service_created(self._resolved(body))
            case _:
                assert_never(kind)

    def _resolved(self, spec: JsonObject) -> JsonObject:
        configs = {config.name: config.id for config in self.swarm.configs}
        secrets = {secret.name: secret.id for secret in self.swarm.secrets}
        try:
            return with_ids(spec, configs, secrets)
        except KeyError as error:
            raise Conflict(f"{error} is not there") from None

    def _wrote(self, **changes: Any) -> "Engine":
        return replace(
            self,
            swarm=replace(self.swarm, **changes),
            index=self.index + 1,
            writes=self.writes + 1,
        )

    @property
    def next_id(self) -> str:
        """Of the object that the next create makes."""
        return f"id{self.index + 1}"

    def network_created(self, body: JsonObject) -> "Engine":
        if body["Name"] in self.swarm.networks_by_name or body["Name"] in self.local_networks:
            raise Conflict(f"network with name {body['Name']} already exists")
        network = Network(
            id=self.next_id,
            name=body["Name"],
            driver=body.get("Driver") or "overlay",
            labels=body.get("Labels") or {},
            definition=network_definition.definition_of(body),
            addressing=network_definition.addressing(body),
        )
        return self._wrote(networks=(*self.swarm.networks, network))

    def config_created(self, body: JsonObject) -> "Engine":
        if body["Name"] in self.swarm.configs_by_name:
            raise Conflict(f"config {body['Name']} already exists")
        config = Config(
            id=self.next_id,
            version=self.index + 1,
            name=body["Name"],
            labels=body.get("Labels") or {},
            data=base64.b64decode(body.get("Data") or ""),
            templating=dig(body, "Templating", "Name"),
        )
        return self._wrote(configs=(*self.swarm.configs, config))

    def secret_created(self, body: JsonObject) -> "Engine":
        if body["Name"] in self.swarm.secrets_by_name:
            raise Conflict(f"secret {body['Name']} already exists")
        secret = Secret(
            id=self.next_id,
            version=self.index + 1,
            name=body["Name"],
            labels=body.get("Labels") or {},
        )
        data = base64.b64decode(body.get("Data") or "")
        made = self._wrote(secrets=(*self.swarm.secrets, secret))
        return replace(made, contents={**self.contents, secret.id: data})

    def service_created(self, spec: JsonObject) -> "Engine":
        if spec["Name"] in self.swarm.services_by_name:
            raise Conflict("name conflicts with an existing object: service already exists")
        self._check(spec, "")
        service = Service(
            id=self.next_id, version=self.index + 1, name=spec["Name"], spec=self._stored(spec)
        )
        return self._wrote(services=(*self.swarm.services, service))

    def service_updated(self, service_id: str, version: int, spec: JsonObject) -> "Engine":
        live = self._service(service_id)
        if live.version != version:
            raise Conflict("update out of sequence")
        self._check(spec, service_id)
        if set(spec["Mode"]) != set(live.spec["Mode"]):
            raise SpecRefused("service mode change is not allowed")
        stored = self._stored(spec)
        updated = replace(
            live,
            version=self.index + 1,
            spec=stored,
            previous_spec=live.spec,
            update_state=None,
            update_message="",
        )
        wrote = self._with_service(updated)
        return replace(wrote, restarts=self.restarts + _is_dirty(live.spec, stored))

    def removed(self, kind: Kind, object_id: str) -> "Engine":
        listed = getattr(self.swarm, f"{kind}s")
        left = tuple(item for item in listed if item.id != object_id)
        if len(left) == len(listed):
            raise Gone(f"{kind} {object_id} not found")
        if kind is not Kind.SERVICE and object_id in self._referenced():
            raise InUse(f"{kind} {object_id} is in use by a service")
        return self._wrote(**{f"{kind}s": left})

    # --- what other hands and SwarmKit do ---------------------------------------------------------

    def settled(self) -> "Engine":
        """Tasks as the specs say: those of removed services gone, those of old specs shut down."""
        tasks: list[Task] = []
        for service in self.swarm.services:
            tasks += self._tasks_of(service)
        return replace(self, swarm=replace(self.swarm, tasks=tuple(tasks)))

    def rolled_back(self, name: str, *, by_hand: bool = False) -> "Engine":
        """Swarm, or `docker service rollback`, makes the previous spec the spec again.

        Swarm forgets the one that failed; a person's rollback swaps the two (SwarmKit's updater and
        controlapi).
        """
        live = self.swarm.services_by_name[name]
        assert live.previous_spec is not None
        back = replace(
            live,
            version=self.index + 1,
            spec=live.previous_spec,
            previous_spec=live.spec if by_hand else None,
            update_state="rollback_completed",
            update_message="rollback completed",
        )
        return self._with_service(back)

    def edited(self, name: str, **members: Any) -> "Engine":
        """Another hand's update of one service: top-level members of its spec."""
        live = self.swarm.services_by_name[name]
        spec = {**copy.deepcopy(live.spec), **members}
        return self.service_updated(live.id, live.version, spec)

    def scaled(self, name: str, replicas: int) -> "Engine":
        """`docker service scale`."""
        return self.edited(name, Mode={"Replicated": {"Replicas": replicas}})

    # --- below ------------------------------------------------------------------------------------

    def _with_service(self, service: Service) -> "Engine":
        services = tuple(service if s.id == service.id else s for s in self.swarm.services)
        return self._wrote(services=services)

    def _service(self, service_id: str) -> Service:
        for service in self.swarm.services:
            if service.id == service_id:
                return service
        raise Gone(f"service {service_id} not found")

    def _stored(self, spec: JsonObject) -> JsonObject:
        ids = {network.name: network.id for network in self.swarm.networks}
        ids |= {network.id: network.id for network in self.swarm.networks}
        ids |= {name: name for name in ("host", "bridge", "none")}
        try:
            return stored_spec(spec, ids, self.swarm.api_version)
        except KeyError as error:
            raise Conflict(f"network {error} not found") from None

    def _check(self, spec: JsonObject, service_id: str) -> None:
        if "Placement" not in spec["TaskTemplate"]:
            raise SpecRefused("a service without Placement panics the manager")
        objects: tuple[Config | Secret, ...] = (*self.swarm.configs, *self.swarm.secrets)
        names = {item.id: item.name for item in objects}
        for item_id, name in _references(spec):
            if names.get(item_id) != name:
                raise Conflict(f"secret not found: {name}")
        for other in self.swarm.services:
            if other.id != service_id and _clash(spec, other.spec):
                raise SpecRefused(f"port is already in use by service {other.name}")

    def _referenced(self) -> set[str]:
        used: set[str] = set()
        for service in self.swarm.services:
            used |= {item_id for item_id, _ in _references(service.spec)}
            used |= {item["Target"] for item in dig(service.spec, "TaskTemplate", "Networks") or []}
        return used

    def _tasks_of(self, service: Service) -> Iterator[Task]:
        template = service.spec["TaskTemplate"]
        now = [
            Task(
                id=f"{service.id}.{slot}.{service.version}",
                service_id=service.id,
                node_id=NODES[slot % 2].id,
                slot=slot,
                desired_state="running",
                state="running",
                config_ids=_ids(template, "Configs", "ConfigID"),
                secret_ids=_ids(template, "Secrets", "SecretID"),
                network_ids=frozenset(item["Target"] for item in template.get("Networks") or []),
            )
            for slot in range(1, _replicas(service.spec) + 1)
        ]
        known = {task.id for task in now}
        for task in self.swarm.tasks:
            if task.service_id == service.id and task.id not in known and task.is_live:
                yield replace(task, state="shutdown", desired_state="shutdown")
        yield from now


def _ids(template: JsonObject, kind: str, key: str) -> frozenset[str]:
    return frozenset(item[key] for item in dig(template, "ContainerSpec", kind) or [])


def _replicas(spec: JsonObject) -> int:
    replicas = dig(spec, "Mode", "Replicated", "Replicas")
    return replicas if isinstance(replicas, int) else 1


def _references(spec: JsonObject) -> Iterator[tuple[str, str]]:
    container = dig(spec, "TaskTemplate", "ContainerSpec") or {}
    for item in container.get("Configs") or []:
        yield item["ConfigID"], item["ConfigName"]
    for item in container.get("Secrets") or []:
        yield item["SecretID"], item["SecretName"]


def _clash(spec: JsonObject, other: JsonObject) -> bool:
    """SwarmKit's rule: a port of ingress mode is one service's alone, host ports included."""
    mine, theirs = dict(_ports(spec)), dict(_ports(other))
    return any("ingress" in (mine[key], theirs[key]) for key in mine.keys() & theirs.keys())


def _ports(spec: JsonObject) -> Iterator[tuple[tuple[str, int], str]]:
    for port in dig(spec, "EndpointSpec", "Ports") or []:
        if port.get("PublishedPort"):
            key = (port.get("Protocol") or "tcp", port["PublishedPort"])
            yield key, port.get("PublishMode") or "ingress"


def _is_dirty(before: JsonObject, after: JsonObject) -> bool:
    """SwarmKit's rule for replacing tasks: the template (placement apart) or the end point differs."""
    templates = [
        {key: value for key, value in spec["TaskTemplate"].items() if key != "Placement"}
        for spec in (before, after)
    ]
    return templates[0] != templates[1] or before.get("EndpointSpec") != after.get("EndpointSpec")
