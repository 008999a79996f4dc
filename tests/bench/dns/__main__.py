"""`python -m tests.bench.dns`: twenty moves, and the looping script of the field report beside it."""

import argparse
import os
import sys
import time

from tests.bench.dns import moves, report
from tests.cluster import dns_lab
from tests.cluster.harness import Lab, paths
from tests.cluster.scenarios import dns_stage
from tests.cluster.scenarios.dns_stage import DnsStage


def main() -> int:
    """Returns 1 where `--check` is given and a promise is not kept, 2 where it cannot run here."""
    options = _options()
    if problems := [*paths.missing(options.engine), *dns_lab.missing()]:
        print("; ".join(problems), file=sys.stderr)
        return 2
    before = os.getloadavg()[0]
    with Lab.start(3, 1, options.engine) as lab:
        dns_stage.prepare(lab)
        with dns_lab.dns_lab(lab) as dns, DnsStage.of(lab, dns) as stage:
            moves.prepare(stage)
            found = moves.many(stage, options.moves, _say)
            ours, script = moves.beside_the_script(stage, dns, options.beside, _say)
        facts = (
            f"Docker {lab.engine_version}, bind9, 1 manager and 2 workers on {os.cpu_count()} cores "
            f"shared with others (load {before:.1f}, then {os.getloadavg()[0]:.1f})"
        )
    for line in report.lines(found, ours, script, facts):
        print(line)
    missed = report.missed(found, ours, script)
    for text in missed:
        print(f"MISSED {text}")
    return 1 if options.check and missed else 0


def _say(text: str) -> None:
    print(f"… {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dns", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where a promise is missed")
    parser.add_argument("--engine", default="26", help="generation (default: %(default)s)")
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--beside", type=int, default=3, help="moves beside the script")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
