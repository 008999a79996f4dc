"""A home whose operators are watched, for tests of whole worlds."""

from collections.abc import Iterator

import pytest

from tests.rebalance.home import Home
from tests.rebalance.shop import OneAtATime


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home(monitors=[OneAtATime])
    yield made
    assert not made.broken, "\n".join(map(str, made.broken))
