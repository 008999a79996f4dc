"""A load that runs: the generator's process in a network namespace of a lab."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.harness import paths
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.scenario import eventually
from tests.load import generator
from tests.load.results import Answer, Result


class Load:
    """A load that runs until `end`."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log
        self._listed: list[str] | None = None

    def end(self, within: float = 45) -> Result:
        """Begin no more requests, wait for those under way; what there was."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(within)
        assert self._process.returncode == 0, "the load generator failed"
        return self.so_far()

    def so_far(self) -> Result:
        """Requests that have ended by now."""
        lines = self._log.read_text(encoding="utf-8").splitlines(keepends=True)
        return Result([Answer(**json.loads(line)) for line in lines if line.endswith("\n")])

    def wait_for(self, requests: int, within: float = 60) -> None:
        """Wait until so many requests have ended."""
        eventually(lambda: self.so_far().total >= requests, within, f"{requests} requests", 0.2)

    def list_addresses(self, addresses: Sequence[str]) -> None:
        """What clients of a list (`begin` with `--listed`) know from now on: ADDRESS:PORT each."""
        wanted = sorted(addresses)
        if wanted != self._listed:
            assert self._process.stdin is not None
            self._listed = wanted
            self._process.stdin.write(json.dumps(wanted) + "\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()


def begin(namespace: Path | None, log: Path, *options: str) -> Load:
    """Start the generator with these options of its own, inside a network namespace (None: ours).

    One line for each request goes to `log`.
    """
    there = [] if namespace is None else ["nsenter", f"--net={namespace}"]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*there, sys.executable, "-m", generator.__name__, *options],
            stdin=subprocess.PIPE,
            stdout=output,
            text=True,
            cwd=paths.CHECKOUT,
        )
    return Load(process, log)


@contextmanager
def on(
    lab: Lab,
    host: str,
    *,
    at: str,
    path: str = "/",
    method: str = "GET",
    rate: float = 50,
    count: int | None = None,
    timeout: float = 30,
) -> Iterator[Load]:
    """A load of `rate` requests a second for `host` from the client host, sent to ADDRESS:PORT."""
    log = lab.client.directory / f"load-{time.monotonic_ns()}.jsonl"
    load = begin(
        lab.client.namespace,
        log,
        *("--connect", at, "--host", host, "--path", path, "--method", method),
        *("--rate", str(rate), "--timeout", str(timeout), "--count", str(count or -1)),
    )
    try:
        yield load
    finally:
        load.kill()
