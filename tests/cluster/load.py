"""Load on a route, from the client host, with every request accounted for."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import load_generator
from tests.cluster.harness.lab import Lab
from tests.cluster.harness.scenario import eventually

_PROGRAM = Path(load_generator.__file__)


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it began (monotonic), how long it took, what was said, and by whom."""

    at: float
    took: float
    said: int | str
    by: str

    @property
    def is_good(self) -> bool:
        return isinstance(self.said, int) and 200 <= self.said < 300


@dataclass(frozen=True, slots=True)
class Result:
    """All requests of a load, or of a part of it."""

    answers: Sequence[Answer]

    @property
    def total(self) -> int:
        return len(self.answers)

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.is_good]

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def hung(self) -> int:
        """Requests that nobody answered until they were given up."""
        return sum(answer.said == "TimeoutError" for answer in self.answers)

    @property
    def longest(self) -> float:
        """Seconds that the slowest request took, good or failed."""
        return max((answer.took for answer in self.answers), default=0)

    @property
    def outage(self) -> float:
        """Seconds from the first failed request to the last one."""
        moments = [answer.at for answer in self.failures]
        return max(moments) - min(moments) if moments else 0

    @property
    def by(self) -> Counter[str]:
        """How many good answers each server gave, as `HOSTNAME VERSION`."""
        return Counter(answer.by for answer in self.answers if answer.is_good)

    @property
    def versions(self) -> set[str]:
        """The versions that answered."""
        return {by.rsplit(" ", 1)[-1] for by in self.by}

    def since(self, moment: float) -> "Result":
        """Only what began after this moment (time.monotonic)."""
        return Result([answer for answer in self.answers if answer.at >= moment])

    def __str__(self) -> str:
        said = Counter(str(answer.said) for answer in self.failures)
        return (
            f"{self.failed} of {self.total} failed, longest {self.longest:.2f} s, "
            f"{self.hung} hung, {dict(said)}"
        )


class Load:
    """A load that runs until `end`."""

    def __init__(self, process: "subprocess.Popen[str]", file: Path) -> None:
        self._process = process
        self._file = file

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
        lines = self._file.read_text(encoding="utf-8").splitlines(keepends=True)
        return Result([Answer(**json.loads(line)) for line in lines if line.endswith("\n")])

    def wait_for(self, requests: int, within: float = 60) -> None:
        """Wait until so many requests have ended."""
        eventually(lambda: self.so_far().total >= requests, within, f"{requests} requests", 0.2)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


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
    """A load of `rate` requests a second for `host`, sent to `at` (ADDRESS:PORT)."""
    file = lab.client.directory / f"load-{time.monotonic_ns()}.jsonl"
    arguments = [
        *("--connect", at, "--host", host, "--path", path, "--method", method),
        *("--rate", str(rate), "--timeout", str(timeout), "--count", str(count or -1)),
    ]
    with file.open("w", encoding="utf-8") as output:
        process = lab.client.popen(
            [sys.executable, "-I", _PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            text=True,
        )
    load = Load(process, file)
    try:
        yield load
    finally:
        load.kill()
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
