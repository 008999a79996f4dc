"""The program of a lab's guardian process (see guardian.py): wait for the owner's end, clean up."""

import signal
import sys

from tests.cluster.harness import guardian, record, teardown


def main(name: str) -> None:
    """Wait for the owner's word or end, then take the lab down."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    lab = record.load(name)
    if sys.stdin.buffer.read() == guardian.KEEP:
        lab.keep()
    else:
        teardown.teardown(lab)


if __name__ == "__main__":
    main(sys.argv[1])
