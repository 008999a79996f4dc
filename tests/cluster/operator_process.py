"""The operator as a process on a lab's client host: start, stop, kill, watch what it says."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.harness import network
from tests.cluster.harness.lab import Lab

LogLine = dict[str, Any]
"""One line of the operator's log; a line that is not JSON is under the key "text"."""

_CLI_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What one of the operator's HTTP endpoints said."""

    status: int
    body: str


class OperatorProcess:
    """`swarm-operator run` on the client host, and the other verbs beside it.

    `docker_host` and `consul_addr` are by default the first node's own socket and the lab's
    Consul: give a proxy's instead to count or disturb. `environment` has the last word. `command`
    starts another daemon in its place.
    As a context manager it starts, and kills what is left at the end.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        name: str = "operator",
        docker_host: str | Path | None = None,
        consul_addr: str = "127.0.0.1:8500",
        mode: str = "act",
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
    ) -> None:
        self.lab = lab
        self._command = list(command) or [sys.executable, "-m", "swarm_operator", "run"]
        self.name = name
        self.port = _free_port(lab)
        self.log = lab.client.directory / f"{name}.log"
        engine = docker_host or lab.nodes[0].socket
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": os.environ.get("HOME", "/"),
            "DOCKER_HOST": f"unix://{engine}" if str(engine).startswith("/") else str(engine),
            "CONSUL_HTTP_ADDR": consul_addr,
            "SWARM_OPERATOR_LISTEN": f"127.0.0.1:{self.port}",
            "SWARM_OPERATOR_LOG_FORMAT": "json",
            "SWARM_OPERATOR_MODE": mode,
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if not self.is_running:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Raises RuntimeError if it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} does not run; its log:\n{self.tail()}")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, within: float = 20, ready: bool = False) -> Self:
        """Start it and wait until /livez (`ready`: /readyz) says yes.

        Raises TimeoutError or RuntimeError with the end of its log.
        """
        if self.is_running:
            raise RuntimeError(f"{self.name} runs already")
        with self.log.open("ab") as output:
            self._process = self.lab.client.popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd="/",
            )
        self.wait_for("/readyz" if ready else "/livez", within=within)
        return self

    def wait_until_ready(self, *, within: float = 20) -> Self:
        """Wait until /readyz says yes. Raises TimeoutError with what it said instead."""
        self.wait_for("/readyz", within=within)
        return self

    def stop(self, *, within: float = 10) -> int:
        """End it as `docker stop` does (SIGTERM); returns its exit code.

        Raises TimeoutError, after killing it, if it takes longer.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        self._process.terminate()
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(
                f"{self.name} did not end within {within} s; its log:\n{self.tail()}"
            ) from None

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash does; nothing happens if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stop its time (SIGSTOP) until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def restart(self, *, within: float = 20, ready: bool = False) -> Self:
        """Stop it cleanly and start it again on the same port."""
        self.stop()
        return self.start(within=within, ready=ready)

    # The command line ---------------------------------------------------------------------------

    def cli(
        self,
        *arguments: str | Path,
        check: bool = True,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
        within: float = _CLI_TIMEOUT_S,
    ) -> "subprocess.CompletedProcess[str]":
        """Run `swarm-operator ARGUMENTS…` on the client host, with the daemon's settings.

        Raises AssertionError with its output where it fails and `check` is set.
        """
        done = self.lab.client.run(
            [sys.executable, "-m", "swarm_operator", *map(str, arguments)],
            check=False,
            input=stdin,
            env={**self.environment, **(environment or {})},
            cwd="/",
            timeout=within,
        )
        if check and done.returncode != 0:
            command = " ".join(map(str, arguments))
            raise AssertionError(
                f"swarm-operator {command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def status(self, stack: str) -> dict[str, Any]:
        """Return the stack's status from the KV, as `status STACK -o json` prints it."""
        found: dict[str, Any] = json.loads(self.cli("status", stack, "-o", "json").stdout)
        return found

    # What it says -------------------------------------------------------------------------------

    def lines(self) -> Iterator[LogLine]:
        """Yield the log's complete lines so far, over all its lives."""
        with contextlib.suppress(FileNotFoundError):
            text = self.log.read_text(encoding="utf-8", errors="replace")
            for line in text.splitlines(keepends=True):
                if line.endswith("\n"):
                    yield _parsed(line)

    def lines_with(self, **fields: object) -> list[LogLine]:
        """Return the log's lines that have all these fields, such as `event="reconciled"`."""
        return [line for line in self.lines() if fields.items() <= _hashable(line).items()]

    def tail(self, characters: int = 4000) -> str:
        """Return the end of its log."""
        with contextlib.suppress(FileNotFoundError):
            return self.log.read_text(encoding="utf-8", errors="replace")[-characters:]
        return ""

    def get(self, path: str, *, timeout: float = 5) -> Answer:
        """Ask one of its HTTP endpoints. Raises OSError where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        link = network.socket_in(self.lab.client.namespace)
        try:
            link.settimeout(timeout)
            link.connect(("127.0.0.1", self.port))
            connection.sock = link
            connection.request("GET", path)
            response = connection.getresponse()
            return Answer(response.status, response.read().decode())
        except http.client.HTTPException as error:
            raise ConnectionError(f"{path}: {error!r}") from error
        finally:
            link.close()

    def wait_for(self, path: str, *, within: float = 20, status: int = 200) -> Answer:
        """Wait until an endpoint answers with this status.

        Raises TimeoutError with what it said last, RuntimeError if the process has ended.
        """
        deadline = time.monotonic() + within
        last = "no answer"
        while time.monotonic() < deadline:
            _ = self.pid
            with contextlib.suppress(OSError):
                answer = self.get(path)
                if answer.status == status:
                    return answer
                last = f"{answer.status} {answer.body}"
            time.sleep(0.05)
        raise TimeoutError(f"{path} not {status} in {within} s: {last}\n{self.tail()}")

    def metrics(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Return all its samples: value by sorted labels by sample name."""
        samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(self.get("/metrics").body):
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                samples.setdefault(sample.name, {})[labels] = sample.value
        return samples

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of this name that have these labels; 0 if there is none."""
        wanted = labels.items()
        return sum(
            value
            for found, value in self.metrics().get(name, {}).items()
            if wanted <= dict(found).items()
        )


def _parsed(line: str) -> LogLine:
    with contextlib.suppress(json.JSONDecodeError):
        value = json.loads(line)
        if isinstance(value, dict):
            return value
    return {"text": line.rstrip("\n")}


def _hashable(line: LogLine) -> dict[str, Any]:
    return {key: value for key, value in line.items() if not isinstance(value, list | dict)}


def _free_port(lab: Lab) -> int:
    with network.socket_in(lab.client.namespace) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
