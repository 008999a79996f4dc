"""The Traefiks that the contract of its KV provider is tested on: real ones, and the simulation."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
import requests

from tests import needs
from tests.cluster.harness import traefik_binary
from tests.contract.real_consul import RealConsul
from tests.contract.real_traefik import RealTraefik

ROOT = "traefik"
THROTTLE_S = 0.5
_QUICK = (traefik_binary.oldest(), traefik_binary.newest())
SERVERS = tuple(
    pytest.param(
        f"traefik-{minor}",
        id=f"traefik-{minor}",
        marks=[pytest.mark.cluster, *([] if minor in _QUICK else [pytest.mark.slow])],
    )
    for minor in traefik_binary.versions()
)
"""What `running` takes."""


class TraefikServer(Protocol):
    """A Traefik whose dynamic configuration is what lies below `traefik/` in a Consul."""

    version: str

    def start(self) -> None: ...

    def close(self) -> None: ...

    def restart(self) -> None: ...

    def api(self, path: str) -> Any:
        """GET /api/PATH, decoded; None for an answer other than 200 or none at all."""

    def reloads(self) -> int:
        """How many configurations it has taken since its start, of all providers together."""


class Store(Protocol):
    """The Consul that it reads, as a person's hand writes it."""

    def put(self, key: str, value: str) -> None:
        """Write one key, given with the root."""

    def delete(self, key: str, *, recurse: bool = False) -> None: ...

    def commit(self, sets: dict[str, str], deletes: tuple[str, ...] = ()) -> None:
        """Write and delete keys in one transaction."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A Traefik and its store; `wait` lets time go by, which may be the model's."""

    traefik: TraefikServer
    store: Store

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def eventually(self, check: Any, within: float = 10) -> Any:
        """The first true result of `check`. Raises AssertionError after `within` seconds."""
        deadline = time.monotonic() + within
        while not (result := check()):
            assert time.monotonic() < deadline, f"not within {within} s; last: {result!r}"
            self.wait(0.02)
        return result


class ConsulStore:
    """A Store over Consul's HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1"

    def put(self, key: str, value: str) -> None:
        requests.put(f"{self._url}/kv/{key}", data=value.encode(), timeout=10).raise_for_status()

    def delete(self, key: str, *, recurse: bool = False) -> None:
        parameters = {"recurse": "true"} if recurse else {}
        requests.delete(f"{self._url}/kv/{key}", params=parameters, timeout=10).raise_for_status()

    def commit(self, sets: dict[str, str], deletes: tuple[str, ...] = ()) -> None:
        operations: list[dict[str, Any]] = [
            {"KV": {"Verb": "delete", "Key": key}} for key in deletes
        ]
        for key, value in sets.items():
            operations.append(
                {
                    "KV": {
                        "Verb": "set",
                        "Key": key,
                        "Value": base64.b64encode(value.encode()).decode(),
                    }
                }
            )
        answer = requests.put(f"{self._url}/txn", json=operations, timeout=10)
        assert answer.ok, answer.text


@contextmanager
def running(kind: str, directory: Path, throttle_s: float = THROTTLE_S) -> Iterator[Pair]:
    """`kind` is one of SERVERS. Skips where this machine has no such Traefik."""
    minor = kind.removeprefix("traefik-")
    needs.skip_for(*traefik_binary.missing(minor))
    consul = RealConsul(directory)
    traefik = RealTraefik(directory, minor, consul_options(urlsplit(consul.url).netloc, throttle_s))
    try:
        consul.start()
        traefik.start()
        yield Pair(traefik, ConsulStore(consul.url))
    finally:
        traefik.close()
        consul.close()


def consul_options(endpoint: str, throttle_s: float = THROTTLE_S) -> list[str]:
    """The static configuration of a Traefik that reads this Consul (HOST:PORT)."""
    return [
        f"--providers.consul.endpoints={endpoint}",
        f"--providers.consul.rootkey={ROOT}",
        f"--providers.providersthrottleduration={int(throttle_s * 1000)}ms",
    ]
