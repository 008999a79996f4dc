"""Calls the command line as a new user would: as processes, in a bare environment."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

COMMAND = (sys.executable, "-m", "swarm_operator")


def bare_environment(folder: Path, **more: str) -> dict[str, str]:
    """No Docker on the PATH, no variable of ours; temporary files go below `folder`."""
    kept = {name: value for name, value in os.environ.items() if name in {"LANG", "PYTHONPATH"}}
    return {
        **kept,
        "PATH": "/nonexistent",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


@contextmanager
def short_folder() -> Iterator[Path]:
    """Short enough for a socket; it has to be empty at the end, but for what the test names."""
    with TemporaryDirectory(prefix="so-demo-") as folder:
        yield Path(folder)


class Demo:
    """`demo run` as a process, and the other verbs beside it."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.environment = bare_environment(folder, **variables)
        self.output = folder.parent / f"{folder.name}.txt"
        self._file = self.output.open("w")
        self.process = subprocess.Popen(
            [*COMMAND, "demo", "run", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            # Tests that run under nohup pass on that SIGHUP is to be ignored, and a demo heeds that.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
        )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, what: str, within_s: float = 40) -> None:
        """Until the output has it."""
        self.until(lambda: what in self.text, within_s)

    def until(self, check: Callable[[], object], within_s: float = 40) -> None:
        end = time.monotonic() + within_s
        while not check():
            assert self.process.poll() is None, f"it ended: {self.text}"
            assert time.monotonic() < end, f"not within {within_s} s: {self.text}"
            time.sleep(0.1)

    def call(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Another verb, from another terminal."""
        return call(*arguments, environment={**self.environment, **variables})

    def json(self, *arguments: str) -> Any:
        return json.loads(self.call(*arguments, "-o", "json").stdout)

    def end(self, signal_number: int) -> tuple[int, float]:
        """Exit code, and how many seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal_number)
        code = self.process.wait(timeout=20)
        return code, time.monotonic() - started

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._file.close()
        self.output.unlink(missing_ok=True)


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator[Demo]:
    """A demo in a folder of its own."""
    with short_folder() as folder:
        demo = Demo(folder, *arguments, **variables)
        try:
            yield demo
        finally:
            demo.close()


def call(
    *arguments: str, environment: Mapping[str, str], within_s: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
