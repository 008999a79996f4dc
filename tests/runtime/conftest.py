"""Routes in virtual time: a world, and an operator in it that has one route."""

import pytest

from tests.runtime.route_acts import live
from tests.runtime.routes_lab import Process, RoutesLab


@pytest.fixture
def lab() -> RoutesLab:
    return RoutesLab()


@pytest.fixture
def operator(lab: RoutesLab) -> Process:
    """An operator with one route that is live."""
    process = lab.start()
    lab.service("shop_web", replicas=3)
    live(lab)
    lab.run(5)
    return process
