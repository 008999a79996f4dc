"""No request looks at everything: what one costs does not grow with what there is."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from tests.simulation.control_world import World, port


def calls_of(work: Callable[[], None]) -> int:
    """How many functions the work called: a cost that no busy machine changes."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def _services(world: World, numbers: range) -> None:
    for number in numbers:
        world.service(
            f"service{number}",
            networks=(f"network{number % 20}",),
            ports=(port(80, 10_000 + number, "host"),),
        )


def test_the_thousandth_service_costs_what_the_first_does() -> None:
    world = World()
    for number in range(20):
        world.network(f"network{number}")
    _services(world, range(50))
    first = calls_of(lambda: _services(world, range(50, 150)))
    _services(world, range(150, 1_500))
    last = calls_of(lambda: _services(world, range(1_500, 1_600)))
    assert last < 1.2 * first, f"100 services: {first} calls at first, {last} at last"


def test_the_thousandth_network_costs_what_the_first_does() -> None:
    world = World()

    def networks(numbers: range) -> None:
        for number in numbers:
            world.network(f"network{number}")

    networks(range(50))
    first = calls_of(lambda: networks(range(50, 150)))
    networks(range(150, 900))
    last = calls_of(lambda: networks(range(900, 1_000)))
    assert last < 1.2 * first, f"100 networks: {first} calls at first, {last} at last"
