"""`python -m tests.bench.routes`: what routes cost on a real swarm, beside Traefik's Swarm provider."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from subprocess import SubprocessError

from docker.errors import DockerException

from tests.bench.routes import cases, measured_costs, report
from tests.bench.routes.costs import Costs
from tests.bench.routes.floor import Floor
from tests.bench.routes.row import Row
from tests.cluster.harness import paths, traefik_binary


def main() -> int:
    """Returns 1 where `--check` is given and a promise is not kept, 2 where it cannot run here."""
    options = _options()
    if problems := [*paths.missing(options.engine), *traefik_binary.missing()]:
        print("; ".join(problems), file=sys.stderr)
        return 2
    began, rows, costs, unfinished = time.monotonic(), list[Row](), Costs(), list[str]()
    before = os.getloadavg()[0]
    version = options.engine
    try:
        with Floor.open(options.engine, _say) as floor:
            version = floor.lab.engine_version
            _run(floor, options, rows, costs, unfinished)
    finally:
        minutes = (time.monotonic() - began) / 60
        facts = (
            f"Docker {version}, Traefik {traefik_binary.versions()[traefik_binary.newest()]}, "
            f"1 manager and 3 workers on {os.cpu_count()} cores shared with others "
            f"(load {before:.1f}, then {os.getloadavg()[0]:.1f}), {minutes:.0f} minutes"
        )
        for line in report.lines(rows, costs, facts):
            print(line)
    for text in unfinished:
        print(f"NOT FINISHED {text}")
    missed = report.missed(rows, costs)
    for text in missed:
        print(f"MISSED {text}")
    return 1 if options.check and (unfinished or missed) else 0


def _run(
    floor: Floor,
    options: argparse.Namespace,
    rows: list[Row],
    costs: Costs,
    unfinished: list[str],
) -> None:
    for name in options.case:
        try:
            if name in measured_costs.ALL:
                measured_costs.ALL[name](floor, costs, options.routes)
                continue
            found = cases.ALL[name](floor, name)
        except (AssertionError, DockerException, OSError, RuntimeError, SubprocessError) as error:
            unfinished.append(f"{name}: {error}")
            _say(unfinished[-1])
            floor.recover()
            continue
        rows += found
        for row in found:
            _say(str(row))


def _say(text: str) -> None:
    print(f"… {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    names = [*cases.ALL, *measured_costs.ALL]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.routes", description=__doc__)
    add = parser.add_argument
    add("case", nargs="*", metavar="CASE", help=f"default: all of {'; '.join(names)}")
    add("--engine", default="26", help="engine generation: 20, 26 or 28")
    add(
        "--routes",
        type=int,
        nargs="*",
        default=list(measured_costs.ROUTES),
        metavar="N",
        help="numbers of routes whose costs are measured",
    )
    add("--check", action="store_true", help="exit 1 where a promise is not kept")
    options = parser.parse_args(arguments)
    options.case = [_the_one(parser, names, word) for word in options.case] or names
    return options


def _the_one(parser: argparse.ArgumentParser, names: Sequence[str], word: str) -> str:
    """The case that begins with these words, ignoring case."""
    found = [name for name in names if name.lower().startswith(word.lower())]
    if len(found) != 1:
        parser.error(f"{word!r} is the beginning of {len(found)} of {'; '.join(names)}")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
