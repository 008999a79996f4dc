"""What the contract is tested on: a small real swarm and a Consul, and the simulation of both.

Where the two differ, the simulation is wrong. Tests on the real ones are marked `cluster`; those on
the simulation need nothing and run with the quick ones.
"""

import string
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.observed.kv import DeleteTree
from swarm_operator.runtime.ports import KvPort, LockPort, SwarmPort
from tests import needs
from tests.cluster.harness import Lab
from tests.cluster.harness.images import Image
from tests.cluster.harness.standard_images import STANDARD
from tests.contract import kv_servers
from tests.contract.kv_servers import KvServer
from tests.contract.swarms import (
    LabSwarm,
    ServedSwarm,
    SimulatedSwarm,
    SwarmOnSockets,
    SwarmUnderTest,
    Waiting,
    model,
)

SIMULATION = "simulation"
"""The real client straight over the model, in virtual time."""
SERVED = "simulation-socket"
"""The model behind its face, in real time."""
_REAL = [
    pytest.param(generation, id=name, marks=pytest.mark.cluster)
    for generation, name in zip(needs.ENGINES, needs.ENGINE_IDS, strict=True)
]
_ON_SOCKETS = [*_REAL, pytest.param(SERVED, id=SERVED)]
_BARE = [*_REAL, pytest.param(SIMULATION, id=SIMULATION)]
_ALL = [*_BARE, pytest.param(SERVED, id=SERVED)]
_SIDES = {"engine": _REAL, "swarm_on_sockets": _ON_SOCKETS, "bare_swarm": _BARE}
"""Fixtures that not every side has."""


DONE = Image("lab/done:1", cmd=["true"])
"""Ends at once, and well."""
UNWELL = Image("lab/unwell:1", cmd=["until-term", "sleep", "2147483647"])
"""Its health check fails, where it has one."""


class Kv(KvPort, LockPort, Protocol):
    """Consul as the runtime knows it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What names a lab is for the real engines alone, what needs sockets not for the bare model;
    and what is about the model is not repeated behind its face."""
    names = metafunc.fixturenames
    if "side" in names:
        narrowed = next((_SIDES[name] for name in _SIDES if name in names), _ALL)
        metafunc.parametrize("side", narrowed, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes on real machines takes none on simulated ones."""
    for item in items:
        if isinstance(item, pytest.Function) and _is_simulated(item):
            item.own_markers = [mark for mark in item.own_markers if mark.name != "slow"]


def _is_simulated(item: pytest.Function) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return params.get("side") in {SIMULATION, SERVED}


@pytest.fixture(scope="session")
def side(request: pytest.FixtureRequest) -> str:
    """An engine generation, SIMULATION, or SERVED."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def engine(side: str) -> str:
    """The engine generation to test on; skips where this machine has no root of it."""
    return needs.engine(side)


@pytest.fixture(scope="session")
def contract_lab(engine: str) -> Iterator[Lab]:
    """A manager, a worker, and Consul."""
    with Lab.start(2, 1, engine) as made:
        made.load_images(*STANDARD, DONE, UNWELL)
        made.consul.start()
        yield made


@pytest.fixture
def lab(contract_lab: Lab) -> Iterator[Lab]:
    """The same, whole and empty again after the test."""
    yield contract_lab
    contract_lab.reset()


@pytest.fixture
def swarm_under_test(
    side: str, request: pytest.FixtureRequest, swarm_of: Callable[[int, int], SwarmUnderTest]
) -> Iterator[SwarmUnderTest]:
    """A manager and a worker with nothing on them."""
    if side in {SIMULATION, SERVED}:
        yield swarm_of(1, 1)
    else:
        with closing(LabSwarm(request.getfixturevalue("lab"))) as made:
            yield made


@pytest.fixture
def bare_swarm(swarm_under_test: SwarmUnderTest) -> SwarmUnderTest:
    """The same, but never simulated behind its face."""
    return swarm_under_test


@pytest.fixture
def swarm_on_sockets(swarm_under_test: SwarmUnderTest) -> SwarmOnSockets:
    """The same, where clients of our own can be connected."""
    assert isinstance(swarm_under_test, SwarmOnSockets)
    return swarm_under_test


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For Unix sockets, whose paths may not be long."""
    with tempfile.TemporaryDirectory(prefix="swarm-") as folder:
        yield Path(folder)


@pytest.fixture
def swarm_of(
    side: str, request: pytest.FixtureRequest, short_folder: Path
) -> Iterator[Callable[[int, int], SwarmUnderTest]]:
    """Makes a swarm of so many managers and workers, with nothing on it, for this test alone."""
    with ExitStack() as stack:

        def make(managers: int, workers: int) -> SwarmUnderTest:
            if side == SIMULATION:
                return SimulatedSwarm(model(managers, workers))
            if side == SERVED:
                served = ServedSwarm(model(managers, workers), short_folder)
                return stack.enter_context(closing(served))
            engine: str = request.getfixturevalue("engine")
            lab = stack.enter_context(Lab.start(managers + workers, managers, engine))
            lab.load_images()
            return stack.enter_context(closing(LabSwarm(lab)))

        yield make


@pytest.fixture
def swarm_port(swarm_under_test: SwarmUnderTest) -> SwarmPort:
    """An implementation of SwarmPort, with nothing on its swarm."""
    return swarm_under_test.client("node1")


@pytest.fixture
def three_managers(swarm_of: Callable[[int, int], SwarmUnderTest]) -> SwarmUnderTest:
    """Three managers, with nothing on them, for this test alone."""
    return swarm_of(3, 0)


@pytest.fixture
def eventually(swarm_under_test: SwarmUnderTest) -> Waiting:
    """Waits as long as it takes, in the time of the swarm under test."""
    return swarm_under_test.eventually


@pytest.fixture(scope="module", params=kv_servers.SERVERS)
def kv_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KvServer]:
    """A Consul, or what claims to be one."""
    with kv_servers.running(request.param, tmp_path_factory.mktemp("consul")) as server:
        yield server


@pytest.fixture(scope="module", params=(*kv_servers.SERVERS, SIMULATION))
def kv_client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConsulKv]:
    """The operator's client of one; that of the simulation needs no socket."""
    if request.param == SIMULATION:
        yield kv_servers.in_memory()
        return
    with kv_servers.running(request.param, tmp_path_factory.mktemp("consul")) as server:
        client = ConsulKv(server.url)
        yield client
        client.close()


@pytest.fixture
def kv_port(kv_client: ConsulKv) -> Iterator[Kv]:
    """An implementation of KvPort and LockPort, with nothing below its root."""
    yield kv_client
    kv_client.commit([DeleteTree(prefix) for prefix in string.ascii_lowercase])
