"""How large a measured swarm is, and the documents of its stacks."""

import json
from dataclasses import dataclass
from typing import Any, Final

from desired_state.records import Installation

SERVICES_PER_STACK: Final = 10
REPLICAS: Final = 10
ROOT: Final = "swarm-operator"


@dataclass(frozen=True, slots=True)
class Shape:
    """One size. Every service has ten replicas, every stack ten services."""

    nodes: int
    services: int

    @property
    def stacks(self) -> int:
        return self.services // SERVICES_PER_STACK

    @property
    def tasks(self) -> int:
        return self.services * REPLICAS


SIZES: Final = (
    Shape(10, 10),
    Shape(30, 60),
    Shape(100, 200),
    Shape(300, 600),
    Shape(550, 1100),
    Shape(1000, 2000),
)
"""From the smallest swarm that is asked for to the largest."""


def stack_name(number: int) -> str:
    """Of the stack with this number, from 0."""
    return f"stack{number:04d}"


def sentinel(swarm_id: str) -> Installation:
    """Of the installation whose labels the services carry."""
    return Installation(schema=1, installation="bench", swarm=swarm_id, key="00ff" * 8)


def document(*, changed: str = "no") -> dict[str, Any]:
    """A stack as people write it: a network, a config, a secret, limits, health checks, labels.

    `changed` is a word in the environment of its first service, and of no other.
    """
    services = {f"service{i}": _service(i) for i in range(SERVICES_PER_STACK)}
    services["service0"]["environment"]["CHANGED"] = changed
    return {
        "services": services,
        "networks": {"back": {}},
        "configs": {"settings": {"content": "level = info\n" * 10}},
        "secrets": {"password": {"content": "correct horse battery staple"}},
    }


def text(document: dict[str, Any]) -> bytes:
    """As it lies in the KV: JSON is YAML."""
    return json.dumps(document, indent=1).encode()


def _service(number: int) -> dict[str, Any]:
    return {
        "image": f"registry.example.org/team/application{number}:1.{number}.0",
        "command": ["serve", "--listen", ":8080", "--log", "json"],
        "environment": {"LOG_LEVEL": "info", "WORKERS": "4", "DATABASE": "postgres://db/app"},
        "networks": ["back"],
        "configs": ["settings"],
        "secrets": ["password"],
        "healthcheck": {"test": ["CMD", "wget", "-q", "localhost:8080/health"], "interval": "10s"},
        "deploy": {
            "replicas": REPLICAS,
            "labels": {
                f"traefik.http.routers.app{number}.rule": f"Host(`app{number}.example.org`)",
                f"traefik.http.services.app{number}.loadbalancer.server.port": "8080",
            },
            "placement": {"constraints": ["node.role == worker"]},
            "resources": {"limits": {"cpus": "0.5", "memory": "256M"}},
            "update_config": {"parallelism": 2, "order": "start-first"},
        },
    }
