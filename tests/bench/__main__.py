"""`python -m tests.bench`: the benchmark on the terminal; `make bench`, `make bench-check`."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench import report
from tests.bench.bench import Options, run
from tests.cluster.harness import paths


def main() -> int:
    """Returns 1 where `--check` is given and a promise is not kept, 2 where it cannot run here."""
    arguments = _arguments()
    if problems := paths.missing(arguments.engine):
        print("; ".join(problems), file=sys.stderr)
        return 2
    console = Console(width=max(110, Console().width))
    options = Options(
        services=arguments.services,
        pushes=arguments.pushes,
        idle_s=arguments.idle,
        engine=arguments.engine,
        profile=arguments.profile,
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        results = run(options, Path(directory), lambda text: print(f"… {text}", file=sys.stderr))
    report.show(results, console)
    missed = [bar.name for bar in report.bars(results) if not bar.is_met]
    if missed and arguments.check:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    add = parser.add_argument
    add("--services", type=int, default=100, metavar="N", help="services of the stack")
    add("--pushes", type=int, default=30, metavar="N", help="pushes per client")
    add(
        "--idle", type=float, default=300, metavar="SECONDS", help="how long to idle; 0: not at all"
    )
    add("--engine", default="26", help="engine generation: 20, 26 or 28")
    add(
        "--profile",
        default="",
        metavar="SORT",
        help="profile the unchanged pass: cumulative, tottime",
    )
    add("--check", action="store_true", help="exit 1 where a promise is not kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
