"""`python -m tests.mutants [name …]`: every mutant must be killed by a law.

Exits with 1 where one survives, where a patch does not apply any more, or where a law fails without any
patch. `--jobs` run at a time (default: the number of processors).
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.patch import Patch, all_patches
from tests.mutants.trial import Result, Verdict, laws_of, try_control, try_patch


def main() -> int:
    """Exit code for the shell."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="patches to try; all where none is given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--list", action="store_true", help="only say which there are")
    options = parser.parse_args()
    patches = _chosen(options.names)
    if options.list:
        for patch in patches:
            print(f"{patch.name:34} {patch.guard}")
        return 0
    return _try_all(patches, options.jobs)


def _chosen(names: list[str]) -> list[Patch]:
    patches = {patch.name: patch for patch in all_patches()}
    unknown = sorted(set(names) - patches.keys())
    if unknown:
        sys.exit(f"no such mutant: {', '.join(unknown)} (see --list)")
    return [patch for name, patch in patches.items() if not names or name in names]


def _try_all(patches: list[Patch], jobs: int) -> int:
    with ThreadPoolExecutor(jobs) as pool:
        controls = [pool.submit(try_control, law) for law in laws_of(patches)]
        trials = [pool.submit(try_patch, patch) for patch in patches]
        verdicts = [_shown(trial.result()) for trial in trials]
        unsound = [
            control.result()
            for control in controls
            if control.result().result is not Result.SURVIVED
        ]
    for verdict in unsound:
        _shown(verdict)
    alive = [verdict.name for verdict in verdicts if verdict.result is not Result.KILLED]
    print(
        f"{len(verdicts) - len(alive)} of {len(verdicts)} mutants killed; without a patch "
        f"{len(controls) - len(unsound)} of {len(controls)} laws hold"
    )
    return 1 if unsound or alive else 0


def _shown(verdict: Verdict) -> Verdict:
    said = verdict.said if verdict.result is not Result.KILLED else f"by {verdict.said}"
    print(f"{verdict.result:9} {verdict.name:34} {verdict.took_s:5.1f} s  {said}", flush=True)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
