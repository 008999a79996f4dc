"""Fixtures of the tests on a real swarm.

`SWARM_OPERATOR_TEST_ENGINES=20,26` says on which engine generations they run (default: 26). Where
this machine cannot run them they are skipped, saying what is missing; with `CI=true` they fail.
"""

import contextlib
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harness import Lab, paths, teardown

ENGINES = os.environ.get("SWARM_OPERATOR_TEST_ENGINES", "26").split(",")
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
    made = getattr(item, "funcargs", {}).get("swarm")
    if report.when == "call" and report.failed and isinstance(made, Lab):
        with contextlib.suppress(Exception):
            report.sections.append(("The swarm", made.describe()))
    return report


@pytest.fixture(scope="session", params=ENGINES, ids=lambda generation: f"engine-{generation}")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine generation to test on; skips where this machine has no root of it."""
    generation: str = request.param
    if problems := paths.missing(generation):
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("; ".join(problems))
    teardown.collect_garbage()
    return generation


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
