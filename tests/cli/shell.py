"""The command line as processes, with a real Consul and a real manager behind it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.harness import Lab


@dataclass
class Shell:
    """Calls `swarm-operator` as a process, with the variables that a person would set."""

    lab: Lab
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SWARM_OPERATOR_", "CONSUL_", "DOCKER_"))
        }
        return {
            **kept,
            "DOCKER_HOST": f"unix://{self.lab.manager.socket}",
            "CONSUL_HTTP_ADDR": self.lab.consul.url,
            "CONSUL_HTTP_TOKEN": self.lab.consul.token or "",
            "SWARM_OPERATOR_LISTEN": "127.0.0.1:0",
        }

    def __call__(self, *arguments: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "swarm_operator", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code != 1 else done.stderr

    @contextmanager
    def running(self, *flags: str | Path) -> Iterator[None]:
        """With the daemon beside it, which is killed in the end."""
        daemon = self.daemon(*flags)
        try:
            yield
        finally:
            daemon.kill()
            daemon.wait()

    def daemon(self, *flags: str | Path) -> "subprocess.Popen[str]":
        with self.log.open("a") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "swarm_operator", *map(str, flags), "run"],
                stderr=stream,
                text=True,
                env=self.environment,
            )


def eventually(holds: Callable[[], bool], what: str, within_s: float = 60) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not in {within_s} s: {what}"
        time.sleep(0.1)


def state(shell: Shell, stack: str) -> str:
    document = json.loads(shell("status", "-o", "json"))
    return next((each["state"] for each in document["stacks"] if each["stack"] == stack), "")


def running(shell: Shell, stack: str) -> int:
    services = json.loads(shell("status", stack, "-o", "json"))["services"]
    return sum(int(service["running"]) for service in services.values())


def services(shell: Shell) -> list[str]:
    docker: Any = shell.lab.manager.docker
    return [service["ID"] for service in docker.services()]


def tasks(shell: Shell) -> list[str]:
    docker: Any = shell.lab.manager.docker
    tasks = docker.tasks(filters={"desired-state": "running"})
    return sorted(task["ID"] for task in tasks)
