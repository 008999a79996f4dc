"""`python -m tests.bench.scale`: the operator on swarms of growing size, all simulated.

No Docker, no root. Every size has a world in a process of its own, and one process for each kind of
measurement. About six minutes on a quiet machine.
"""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Final

from rich.console import Console

from tests.bench.scale import acts, report
from tests.bench.scale.report import Measured
from tests.bench.scale.sample import WorldProcess, run, world_process
from tests.bench.scale.shape import SIZES, Shape

_CHANGES: Final = 5
_LOSSES: Final = 2


def measured(
    shape: Shape, say: Callable[[str], None], *, changes: int, losses: int, profile: str = ""
) -> Measured:
    """One size."""
    result = Measured(shape)
    say(f"{shape.nodes} nodes, {shape.services} services, {shape.tasks} tasks: single passes")
    with world_process(shape) as world:
        result.take(run("passes", *world, *([profile] if profile else [])))
    say(f"{shape.tasks} tasks: {changes} changes, {losses} losses of a node")
    with world_process(shape) as world:
        result.take(acts.measure(WorldProcess(*world), shape.stacks, changes, losses))
    return result


def main() -> int:
    """Returns 1 where `--check` is given and a promise is not kept."""
    arguments = _arguments()
    console = Console(width=max(160, Console().width))

    def say(text: str) -> None:
        print(f"… {text}; load {os.getloadavg()[0]:.1f}", file=sys.stderr)

    sizes = [
        measured(
            shape,
            say,
            changes=_CHANGES,
            losses=_LOSSES,
            profile=arguments.profile if shape == SIZES[arguments.sizes - 1] else "",
        )
        for shape in SIZES[: arguments.sizes]
    ]
    report.show(sizes, console)
    missed = [bar.name for bar in report.bars(sizes) if not bar.is_met]
    if missed and arguments.check:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.scale", description=__doc__.partition("\n")[0]
    )
    add = parser.add_argument
    add("--sizes", type=int, default=len(SIZES), choices=range(1, len(SIZES) + 1), metavar="N",
        help=f"only the N smallest of the {len(SIZES)} sizes")  # fmt: skip
    add("--profile", default="", choices=("tottime", "cumulative"),
        help="profile a no-op pass of the largest size")  # fmt: skip
    add("--check", action="store_true", help="exit 1 where a promise is not kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
