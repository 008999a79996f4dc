"""How a cost grows with the size of the swarm: the exponent of a power law through the measurements."""

import math
from collections.abc import Sequence


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of the straight line of least squares through log(cost) over log(size).

    1 is a cost that doubles with the size. Raises ValueError for fewer than two sizes, or for what
    has no logarithm.
    """
    if len(sizes) < 2:
        raise ValueError("two sizes make a line")
    x, y = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - mean_x) ** 2 for each in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
