"""`python -m tests.laws.schedules.soak --minutes 60`: ever new schedules, until one breaks a law."""

import argparse
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from tests.laws.schedules.run import MACHINES, run_new
from tests.laws.schedules.schedule import LawBroken

AT_ONCE: Final = 200
"""Schedules of one run: after so many the clock is looked at."""


def main() -> int:
    """Exit code: 1 where a law is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.laws.schedules.soak", description=__doc__
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--seed", type=int, default=None, help="of the first run; else by chance")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    end = time.monotonic() + 60.0 * options.minutes
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        workers = [pool.submit(work, seed + 10**6 * job, end) for job in range(options.jobs)]
        results = [worker.result() for worker in as_completed(workers)]
    print(f"{sum(results)} schedules")
    return 1 if any(count < 0 for count in results) else 0


def work(seed: int, end: float) -> int:
    """Run after run until `end`, of the monotonic clock. The number of schedules; -1 where one broke."""
    count = 0
    while time.monotonic() < end:
        machine = MACHINES[count // AT_ONCE % len(MACHINES)]
        try:
            run_new(machine, seed, AT_ONCE)
        except LawBroken as broken:
            print(f"{machine.__name__}, seed {seed}:\n{broken}", flush=True)
            return -1
        print(f"{machine.__name__:14} seed {seed}: {AT_ONCE} schedules hold", flush=True)
        seed, count = seed + 1, count + AT_ONCE
    return count


if __name__ == "__main__":
    sys.exit(main())
