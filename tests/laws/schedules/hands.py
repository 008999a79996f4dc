"""What other hands do to the swarm beside the operator: scale, update, roll back, remove, create."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarm_operator.observed.json import JsonObject, replaced
from swarm_operator.simulation.engine.errors import ApiError
from tests.laws.schedules.people import Document
from tests.laws.worlds import bare_service, specs_of

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab

API = (1, 45)
IMAGE = ("TaskTemplate", "ContainerSpec", "Image")


def _edit(lab: "Lab", name: str, change: Callable[[JsonObject], JsonObject]) -> None:
    """`docker service update`: read, change, write; nothing where the engine says no."""
    service = lab.service(name)
    if service is None:
        return
    spec = change(copy.deepcopy(service.spec))
    lab.by_hand(
        lambda: lab.control.update_service(service.id, service.meta.version, spec, api_version=API),
        name,
    )


def relabel(lab: "Lab", name: str, labels: dict[str, str]) -> None:
    """`docker service update` with these labels of Traefik in place of all that there are."""

    def change(spec: JsonObject) -> JsonObject:
        known = (spec.get("Labels") or {}).items()
        others = {label: text for label, text in known if not label.startswith("traefik.")}
        return {**spec, "Labels": {**others, **labels}}

    _edit(lab, name, change)


@dataclass(frozen=True)
class Scale:
    """`docker service scale`; nothing for global services."""

    service: str
    replicas: int

    def do(self, lab: "Lab") -> None:
        def change(spec: JsonObject) -> JsonObject:
            if "Replicated" not in spec["Mode"]:
                return spec
            return {**spec, "Mode": {"Replicated": {"Replicas": self.replicas}}}

        _edit(lab, self.service, change)


@dataclass(frozen=True)
class SetImage:
    """`docker service update --image`."""

    service: str
    image: str

    def do(self, lab: "Lab") -> None:
        _edit(lab, self.service, lambda spec: replaced(spec, IMAGE, self.image))


@dataclass(frozen=True)
class ForceUpdate:
    """`docker service update --force`: tasks restart, and nothing is different."""

    service: str

    def do(self, lab: "Lab") -> None:
        def change(spec: JsonObject) -> JsonObject:
            count = spec["TaskTemplate"].get("ForceUpdate", 0)
            return replaced(spec, ("TaskTemplate", "ForceUpdate"), count + 1)

        _edit(lab, self.service, change)


@dataclass(frozen=True)
class RollBack:
    """`docker service rollback`."""

    service: str

    def do(self, lab: "Lab") -> None:
        service = lab.service(self.service)
        if service is None:
            return
        lab.by_hand(
            lambda: lab.control.update_service(
                service.id, service.meta.version, None, rollback=True, api_version=API
            ),
            self.service,
        )


@dataclass(frozen=True)
class RemoveService:
    """`docker service rm`."""

    service: str

    def do(self, lab: "Lab") -> None:
        service = lab.service(self.service)
        if service is not None:
            lab.by_hand(lambda: lab.control.remove_service(service.id), self.service)


@dataclass(frozen=True)
class CreateForeign:
    """A service of somebody else, perhaps labelled as part of a stack, or of another installation."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)

    def do(self, lab: "Lab") -> None:
        if lab.service(self.name) is None:
            spec = bare_service(self.name, self.labels)
            lab.by_hand(lambda: lab.control.create_service(spec, api_version=API), self.name)


@dataclass(frozen=True)
class Meddle:
    """Somebody labels a service again and again: each time an event wakes the operators."""

    service: str
    times: int
    every_s: float

    def do(self, lab: "Lab") -> None:
        for number in range(self.times):

            def change(spec: JsonObject, number: int = number) -> JsonObject:
                labels = {**(spec.get("Labels") or {}), "meddled": str(number)}
                return {**spec, "Labels": labels}

            _edit(lab, self.service, change)
            lab.run(self.every_s)


@dataclass(frozen=True)
class DeployByDocker:
    """`docker stack deploy` of a whole stack that is not there yet, digests as the registry gives."""

    stack: str
    document: Document
    untidy: bool = False
    """As other tools write it: ports in another order."""

    def do(self, lab: "Lab") -> None:
        specs = specs_of(self.document, self.stack)
        if any(lab.service(name) is not None for name in specs.services):
            return
        try:
            self._create(lab)
        except ApiError:
            return  # half of a stack, as when somebody pressed Ctrl-C

    def _create(self, lab: "Lab") -> None:
        specs = specs_of(self.document, self.stack)
        known = {network.name for network in lab.engine.store.networks.all()}
        for name, body in specs.networks.items():
            if name not in known:
                lab.control.create_network(body)
        secrets = {name: lab.control.create_secret(body) for name, body in specs.secrets.items()}
        configs = {name: lab.control.create_config(body) for name, body in specs.configs.items()}
        for name, service in specs.services.items():
            spec = copy.deepcopy(service.spec)
            if self.untidy:
                spec["EndpointSpec"]["Ports"] = spec["EndpointSpec"].get("Ports", [])[::-1]
            container = spec["TaskTemplate"]["ContainerSpec"]
            container["Image"] += "@sha256:" + "ab" * 32
            for item in container.get("Configs") or []:
                item["ConfigID"] = configs[item["ConfigName"]]
            for item in container.get("Secrets") or []:
                item["SecretID"] = secrets[item["SecretName"]]
            lab.control.create_service(spec, api_version=API)
            lab.adopted[name] = self.document
