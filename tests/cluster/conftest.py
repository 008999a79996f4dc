"""Fixtures of the tests on a real swarm; on which engines, and what they need, is in `tests/needs.py`."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.cluster.harness import Lab
from tests.cluster.scenarios.stage import Stage, a_stack

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below this directory as `cluster`."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the swarm as it is, where a test on it has failed."""
    report = yield
    if report.when == "call" and report.failed:
        for made in _labs(getattr(item, "funcargs", {})):
            with contextlib.suppress(Exception):
                report.sections.append(("The swarm", made.describe()))
    return report


def _labs(fixtures: dict[str, Any]) -> list[Lab]:
    """What a test works on, whichever fixture it has it from."""
    given = (
        fixtures.get("swarm"),
        fixtures.get("lab"),
        getattr(fixtures.get("stage"), "lab", None),
    )
    found = {id(each): each for each in given if isinstance(each, Lab)}
    return list(found.values())


@pytest.fixture(scope="session", params=needs.ENGINES, ids=needs.ENGINE_IDS)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine generation to test on; skips where this machine has no root of it."""
    return needs.engine(request.param)


@pytest.fixture
def lab(engine: str) -> Iterator[Callable[..., Lab]]:
    """Return a function that starts a lab (arguments of `Lab.start`) for this test alone."""
    started: list[Lab] = []

    def start(nodes: int = 3, managers: int = 1, **options: Any) -> Lab:
        made = Lab.start(nodes, managers, engine, **options)
        started.append(made)
        return made

    yield start
    for each in started:
        each.down()


@pytest.fixture(scope="module")
def shared_swarm(engine: str) -> Iterator[Lab]:
    """The lab behind `swarm`, for fixtures that prepare it once for a module."""
    with Lab.start(3, 1, engine) as made:
        made.load_images()
        made.consul.start()
        yield made


@pytest.fixture
def swarm(shared_swarm: Lab) -> Iterator[Lab]:
    """A swarm of three nodes, one a manager, with Consul and the standard images; nothing on it.

    The tests of a module share it: it is made as good as new after each of them.
    """
    yield shared_swarm
    shared_swarm.reset()


@pytest.fixture(scope="module")
def stage(shared_swarm: Lab) -> Iterator[Stage]:
    """The operator at work on the shared swarm."""
    with Stage.of(shared_swarm) as made:
        yield made


@pytest.fixture
def stack(stage: Stage, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name for one test's stack; where the module has `WAITS_FOR_SUBNETS`, the next test waits.

    Nodes give up a network's subnet last: the next stack's may get the same one.
    """
    with a_stack(stage, wait=getattr(request.module, "WAITS_FOR_SUBNETS", False)) as name:
        yield name
