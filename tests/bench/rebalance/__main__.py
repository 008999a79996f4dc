"""`python -m tests.bench.rebalance`: tasks come home on a real swarm, by the operator and by the loop."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import partial

from tests.bench.rebalance import report, scenarios
from tests.bench.rebalance.arms import LOOPS, by_loop, by_operator
from tests.bench.rebalance.floor import HEARTBEAT_S, HOLD_OFF, Floor
from tests.bench.rebalance.row import Row
from tests.cluster.harness import paths


def main() -> int:
    """Returns 1 where `--check` is given and a bar is missed, 2 where it cannot run here."""
    options = _options()
    if problems := paths.missing(options.engine):
        print("; ".join(problems), file=sys.stderr)
        return 2
    began, rows, unfinished = time.monotonic(), list[Row](), list[str]()
    before = os.getloadavg()[0]
    version = options.engine
    try:
        with Floor.open(
            options.engine, heartbeat_s=options.heartbeat, hold_off=options.hold_off, say=_say
        ) as floor:
            version = floor.lab.engine_version
            _run(floor, options, rows, unfinished)
    finally:
        minutes = (time.monotonic() - began) / 60
        facts = (
            f"Docker {version}, 1 manager and 4 workers on {os.cpu_count()} cores shared with "
            f"others (load {before:.1f}, then {os.getloadavg()[0]:.1f}), {minutes:.0f} minutes"
        )
        for line in report.lines(rows, facts):
            print(line)
    for text in unfinished:
        print(f"NOT FINISHED {text.splitlines()[0]}")
    return 1 if options.check and (unfinished or report.missed(rows)) else 0


def _run(floor: Floor, options: argparse.Namespace, rows: list[Row], unfinished: list[str]) -> None:
    for name in options.scenario:
        scenario = scenarios.BY_NAME[name]
        # The loop first: meanwhile a swarm that was just made gets old enough for moves.
        arms = LOOPS if name in options.control else ()
        hands = [partial(by_loop, floor, scenario, arm) for arm in arms]
        hands.append(partial(by_operator, floor, scenario))
        for hand in hands:
            try:
                rows.append(hand())
                _say(str(rows[-1]))
            except AssertionError as error:
                unfinished.append(f"{name}: {error}")
                _say(unfinished[-1])


def _say(text: str) -> None:
    print(f"… {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    names = list(scenarios.BY_NAME)
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rebalance", description=__doc__)
    add = parser.add_argument
    add("scenario", nargs="*", metavar="SCENARIO", help=f"default: all of {', '.join(names)}")
    add("--control", nargs="*", default=["power-loss"], help="scenarios with the loop beside them")
    add("--engine", default="26", help="engine generation: 20, 26 or 28")
    add("--heartbeat", type=float, default=HEARTBEAT_S, help="of the swarm, in seconds")
    add("--hold-off", default=HOLD_OFF, help="of the policy")
    add("--check", action="store_true", help="exit 1 where a bar is missed")
    options = parser.parse_args(arguments)
    unknown = {*options.scenario, *options.control} - set(names)
    if unknown:
        parser.error(
            f"no scenario named {', '.join(sorted(unknown))}; there are {', '.join(names)}"
        )
    options.scenario = scenarios.in_order(options.scenario)
    return options


if __name__ == "__main__":
    sys.exit(main())
