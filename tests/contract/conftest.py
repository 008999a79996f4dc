"""What the contract is tested on: a small swarm and a Consul for all tests of a session."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.runtime.ports import KvPort, LockPort, SwarmPort
from tests.cluster.conftest import ENGINES
from tests.cluster.harness import Lab, paths, teardown

_HERE = Path(__file__).parent


class Kv(KvPort, LockPort, Protocol):
    """Consul as the runtime knows it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below this directory as `cluster`."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session", params=ENGINES, ids=lambda generation: f"engine-{generation}")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine generation to test on; skips where this machine has no root of it."""
    generation: str = request.param
    if problems := paths.missing(generation):
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("; ".join(problems))
    teardown.collect_garbage()
    return generation


@pytest.fixture(scope="session")
def contract_lab(engine: str) -> Iterator[Lab]:
    """A manager, a worker, and Consul."""
    with Lab.start(2, 1, engine) as made:
        made.load_images()
        made.consul.start()
        yield made


@pytest.fixture
def lab(contract_lab: Lab) -> Iterator[Lab]:
    """The same, whole and empty again after the test."""
    yield contract_lab
    contract_lab.reset()


@pytest.fixture
def swarm_port(lab: Lab) -> Iterator[SwarmPort]:
    """An implementation of SwarmPort, with nothing on its swarm."""
    client = DockerSwarm(f"unix://{lab.manager.socket}")
    yield client
    client.close()


@pytest.fixture
def kv_port(contract_lab: Lab) -> Iterator[Kv]:
    """An implementation of KvPort and LockPort, with nothing below its root."""
    client = ConsulKv(contract_lab.consul.url)
    yield client
    client.close()
    contract_lab.consul.wipe()
