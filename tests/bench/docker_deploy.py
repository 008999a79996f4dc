"""The real `docker stack deploy`, timed and counted."""

import contextlib
import os
import resource
import subprocess
import time
from pathlib import Path

from tests.bench.cost import Cost, Counts
from tests.cluster.harness import Lab, eventually, paths

CLIENT = "docker stack deploy"
_TIMEOUT_S = 120


class DockerDeploy:
    """Deploys one stack to a lab, straight to the engine's own socket."""

    def __init__(self, lab: Lab, directory: Path, stack: str = "bycli") -> None:
        self.lab = lab
        self.stack = stack
        self._file = directory / "docker-compose.yaml"

    def deploy(self, case: str, document: str) -> Cost:
        """Time one deployment (without a proxy in its way)."""
        self._file.write_text(document, encoding="utf-8")
        before, started = _children_cpu_s(), time.perf_counter()
        self._run(self.lab.manager.socket)
        wall_s = time.perf_counter() - started
        return Cost(case, CLIENT, wall_s, _children_cpu_s() - before)

    def count(self, document: str) -> Counts:
        """Count the requests of one deployment."""
        self._file.write_text(document, encoding="utf-8")
        with self.lab.docker_proxy() as proxy:
            self._run(proxy.socket)
            return Counts.of(proxy)

    def remove(self) -> None:
        """Take the stack away, and wait until it is gone."""
        self.lab.docker_cli(self.lab.manager, "stack", "rm", self.stack, timeout=_TIMEOUT_S)

        def is_gone() -> bool:
            left = [name for name in self.lab.services() if name.startswith(f"{self.stack}_")]
            network = f"{self.stack}_back"
            names = [item["Name"] for item in self.lab.manager.docker.networks(names=[network])]
            if names:  # its tasks may still have been on it
                with contextlib.suppress(subprocess.CalledProcessError):
                    self.lab.docker_cli(self.lab.manager, "network", "rm", network, timeout=30)
            return not left and not names

        eventually(is_gone, 60, f"stack {self.stack} should be gone")

    def _run(self, socket: Path) -> None:
        subprocess.run(
            [
                str(paths.docker_command()),
                f"--host=unix://{socket}",
                *("stack", "deploy", "--detach", "--resolve-image=never"),
                *("-c", str(self._file), self.stack),
            ],
            check=True,
            capture_output=True,
            timeout=_TIMEOUT_S,
            env={"PATH": os.environ["PATH"], "HOME": str(self._file.parent)},
        )


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
