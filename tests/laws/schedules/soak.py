"""`python -m tests.laws.schedules.soak --minutes 60`: ever new schedules, until one breaks a law."""

import argparse
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from threading import Event
from typing import Final

from tests.laws.schedules.run import MACHINES, run_new
from tests.laws.schedules.schedule import LawBroken

AT_ONCE: Final = 100
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
    with context.Manager() as manager:
        broken = manager.Event()
        with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
            seeds = [seed + 10**6 * job for job in range(options.jobs)]
            workers = [pool.submit(work, each, end, broken) for each in seeds]
            count = sum(worker.result() for worker in as_completed(workers))
        print(f"{count} schedules hold")
        return 1 if broken.is_set() else 0


def work(seed: int, end: float, broken: Event) -> int:
    """Run after run until `end`, of the monotonic clock, or until any worker's law is broken. The
    number of schedules that hold."""
    count = 0
    while time.monotonic() < end and not broken.is_set():
        machine = MACHINES[count // AT_ONCE % len(MACHINES)]
        try:
            run_new(machine, seed, AT_ONCE)
        except LawBroken as said:
            print(f"{machine.__name__}, seed {seed}:\n{said}", flush=True)
            broken.set()
            return count
        print(f"{machine.__name__:14} seed {seed}: {AT_ONCE} schedules hold", flush=True)
        seed, count = seed + 1, count + AT_ONCE
    return count


if __name__ == "__main__":
    sys.exit(main())
