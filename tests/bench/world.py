"""The documents that the benchmark deploys: services that never get a node, so that only the
control plane works."""

from typing import Final

from tests.cluster.scenarios.documents import JsonObject, document, service

SERVICES: Final = 100
NOWHERE: Final = "node.labels.bench==nowhere"
"""A constraint that no node meets: tasks stay pending, nothing is started."""


def stack_document(count: int = SERVICES, *, changed: str = "", replicas: int = 1) -> str:
    """A document of `count` services; `changed` is the value of a variable of the first one."""
    services = {f"s{number:03}": _service(number, replicas) for number in range(count)}
    if changed:
        services["s000"]["environment"]["CHANGED"] = changed
    return document(services, networks={"back": {}})


def one_service(value: str) -> str:
    """A document of one service with one variable that changes."""
    return document(
        {"web": _service(0, 1) | {"environment": {"VALUE": value}}}, networks={"back": {}}
    )


def _service(number: int, replicas: int) -> JsonObject:
    return service(
        replicas=replicas,
        environment={"NUMBER": str(number), "MODE": "bench"},
        labels={"container": "label"},
        networks=["back"],
        deploy={
            "labels": {"team": "bench", "number": str(number)},
            "endpoint_mode": "dnsrr",
            "placement": {"constraints": [NOWHERE]},
        },
    )
