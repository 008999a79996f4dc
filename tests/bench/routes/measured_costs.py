"""All costs, by their names on the command line."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.bench.routes import idle_minute, latencies, sizes
from tests.bench.routes.costs import Costs
from tests.bench.routes.floor import Floor

ROUTES: Final = sizes.ROUTES


def _latencies(floor: Floor, costs: Costs, _routes: Sequence[int]) -> None:
    latencies.measure(floor, costs)


def _idle_minute(floor: Floor, costs: Costs, _routes: Sequence[int]) -> None:
    costs.idle += idle_minute.measure(floor)


def _sizes(floor: Floor, costs: Costs, routes: Sequence[int]) -> None:
    sizes.deploy(floor)
    for number in sorted(routes):
        costs.sizes.append(sizes.measure(floor, number))
    sizes.remove(floor)


ALL: Final[Mapping[str, Callable[[Floor, Costs, Sequence[int]], None]]] = {
    "costs: until a route is live": _latencies,
    "costs: an idle minute": _idle_minute,
    "costs: many routes": _sizes,
}
"""Each takes the numbers of routes that are asked for, and raises AssertionError where something does
not come to an end; what was measured until then stays."""
