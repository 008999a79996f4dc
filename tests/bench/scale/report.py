"""The table of a run, the fitted exponents, and the promises beside what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.bench.report import Bar
from tests.bench.scale.growth import exponent
from tests.bench.scale.sample import Sample
from tests.bench.scale.shape import SIZES, Shape

NO_OP: Final = "no-op pass"
CHANGE: Final = "one change"
LOSS: Final = "loss of a node"
PASSES: Final = (NO_OP, "idle look", "look at one service", "no look")

MOST_GROWTH: Final = 1.1
NO_OP_WALL_S: Final = 1.0
CHANGE_WALL_S: Final = 0.25
_FROM_TASKS: Final = 2000
"""Below this the fixed part of every request is most of the cost: fitted apart from there on."""


@dataclass(slots=True)
class Measured:
    """One size."""

    shape: Shape
    acts: dict[str, list[Sample]] = field(default_factory=dict)
    memory_mb: float = 0.0
    peak_mb: float = 0.0

    def take(self, result: dict[str, Any]) -> None:
        """What a measuring process printed."""
        self.memory_mb = result.pop("memory_mb", self.memory_mb)
        self.peak_mb = result.pop("peak_mb", self.peak_mb)
        for act, samples in result.items():
            if isinstance(samples, list):
                self.acts[act] = [Sample(**sample) for sample in samples]

    def typical(self, act: str, cost: Callable[[Sample], float]) -> float:
        """The median."""
        return median(map(cost, self.acts[act]))


@dataclass(frozen=True, slots=True)
class Growth:
    """The exponents of one cost: over all sizes, and over the larger ones."""

    name: str
    overall: float
    large: float | None


def wall(sample: Sample) -> float:
    return sample.wall_s


def cpu(sample: Sample) -> float:
    return sample.cpu_s


def sent(sample: Sample) -> float:
    return sample.sent


_COSTS: Final[Sequence[tuple[str, Callable[[Measured], float]]]] = (
    ("no-op pass: wall", lambda m: m.typical(NO_OP, wall)),
    ("no-op pass: CPU", lambda m: m.typical(NO_OP, cpu)),
    ("no-op pass: bytes", lambda m: m.typical(NO_OP, sent)),
    ("one change: wall until it is written", lambda m: m.typical(CHANGE, wall)),
    ("one change: CPU until all is over", lambda m: m.typical(CHANGE, cpu)),
    ("loss of a node: CPU until all is over", lambda m: m.typical(LOSS, cpu)),
    ("first pass: CPU", lambda m: m.typical("first", cpu)),
    ("memory", lambda m: m.memory_mb),
)


def growths(sizes: Sequence[Measured]) -> list[Growth]:
    """Of every cost in the number of tasks; none where fewer than two sizes were measured."""
    if len(sizes) < 2:
        return []
    return [_growth(name, cost, sizes) for name, cost in _COSTS]


def _growth(name: str, cost: Callable[[Measured], float], sizes: Sequence[Measured]) -> Growth:
    def fitted(some: Sequence[Measured]) -> float:
        return exponent([each.shape.tasks for each in some], [cost(each) for each in some])

    large = [each for each in sizes if each.shape.tasks >= _FROM_TASKS]
    return Growth(name, fitted(sizes), fitted(large) if len(large) > 2 else None)


def bars(sizes: Sequence[Measured]) -> list[Bar]:
    """All promises about what was measured; those about times at the largest size, if it was."""
    found: list[Bar] = []
    for each in sizes:
        tasks = each.shape.tasks
        passes = [sample for act in PASSES for sample in each.acts[act]]
        writes = [sample.writes for act in (*PASSES, LOSS) for sample in each.acts[act]]
        changes = each.acts[CHANGE]
        found += [
            _count(f"{tasks} tasks: writes without a change", max(writes), 0),
            _count(f"{tasks} tasks: calls of a pass", max(s.calls for s in passes), 7),
            _count(
                f"{tasks} tasks: reads before the write of a change",
                median(sample.more["reads before the write"] for sample in changes),
                0,
            ),
        ]
    for growth in growths(sizes):
        found.append(Bar(f"exponent, {growth.name}", growth.overall, MOST_GROWTH))
        if growth.large is not None:
            name = f"exponent from {_FROM_TASKS} tasks on, {growth.name}"
            found.append(Bar(name, growth.large, MOST_GROWTH))
    largest = sizes[-1]
    if largest.shape == SIZES[-1]:
        no_op, change = largest.typical(NO_OP, wall), largest.typical(CHANGE, wall)
        found += [
            Bar("no-op pass at the largest", no_op * 1000, NO_OP_WALL_S * 1000, "ms"),
            Bar("one change at the largest", change * 1000, CHANGE_WALL_S * 1000, "ms"),
        ]
    return found


def _count(name: str, measured: float, limit: float) -> Bar:
    return Bar(name, measured, limit, is_count=True)


def show(sizes: Sequence[Measured], console: Console) -> None:
    """Print everything."""
    console.print(_times(sizes))
    console.print(_traffic(sizes))
    if len(sizes) > 1:
        console.print(_exponents(sizes))
    table = Table("promise", "measured", "at most", "", title="Promises")
    for bar in bars(sizes):
        table.add_row(bar.name, f"{bar.measured:.4g} {bar.unit}", f"{bar.limit:g} {bar.unit}",
                      "held" if bar.is_met else "MISSED")  # fmt: skip
    console.print(table)


def _times(sizes: Sequence[Measured]) -> Table:
    acts = ("first", *PASSES, CHANGE, LOSS)
    table = Table(title="Milliseconds: wall (median) / CPU (median); memory in MB")
    for name in ("nodes", "services", "tasks", *acts, "memory", "peak"):
        table.add_column(name, justify="right")
    for each in sizes:
        times = (f"{_ms(each.typical(act, wall))} / {_ms(each.typical(act, cpu))}" for act in acts)
        shape = each.shape
        table.add_row(
            *map(str, (shape.nodes, shape.services, shape.tasks)),
            *times,
            f"{each.memory_mb:.0f}",
            f"{each.peak_mb:.0f}",
        )
    table.caption = (
        "one change: wall from the push to the engine's answer, CPU until its tasks are replaced and "
        "its status is written; loss of a node: until every stack is ready again, by the engine's time"
    )
    return table


def _traffic(sizes: Sequence[Measured]) -> Table:
    acts = (*PASSES, CHANGE, LOSS)
    table = Table(title="The Engine API: calls (median) / kB of answers (median)")
    for name in ("tasks", *acts):
        table.add_column(name, justify="right")
    for each in sizes:
        traffic = (
            f"{each.typical(act, lambda s: s.calls):.0f} / {each.typical(act, sent) / 1000:,.0f}"
            for act in acts
        )
        table.add_row(str(each.shape.tasks), *traffic)
    return table


def _exponents(sizes: Sequence[Measured]) -> Table:
    table = Table("cost", "all sizes", f"from {_FROM_TASKS} tasks on", title="Growth: exponents")
    for growth in growths(sizes):
        large = "" if growth.large is None else f"{growth.large:.2f}"
        table.add_row(growth.name, f"{growth.overall:.2f}", large)
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g}" if seconds < 1 else f"{seconds * 1000:.0f}"
