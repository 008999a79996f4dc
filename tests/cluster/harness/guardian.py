"""A process for each lab that takes it down when its owner ends, however that happens.

The owner holds the other end of the guardian's standard input. Its end, by `SIGKILL` too, closes
that; then everything goes. So there is one way to take a lab down, and each test walks it.
"""

import subprocess
import sys

from tests.cluster.harness import paths, record

KEEP = b"keep\n"


class Guardian:
    """The owner's handle on the guardian process of its lab."""

    def __init__(self, lab: record.LabRecord, lock: int) -> None:
        """Start it; it takes over the held lock of the lab's directory from the caller."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.guard", lab.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the owner, not what cleans up behind it
            cwd=paths.CHECKOUT,
            pass_fds=[lock],
        )

    def take_down(self, within: float = 60) -> None:
        """Have the lab taken down and wait for it. Raises RuntimeError saying what went wrong."""
        self._finish(b"", within)

    def keep(self) -> None:
        """Let the lab live on without an owner."""
        self._finish(KEEP, within=10)

    def _finish(self, message: bytes, within: float) -> None:
        output, _ = self.process.communicate(message, timeout=within)
        if self.process.returncode != 0:
            raise RuntimeError(f"the lab was not taken down: {output.decode(errors='replace')}")
