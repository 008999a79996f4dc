"""Look into the containers of a service's running tasks, on whatever node they are."""

from collections.abc import Iterator

from tests.cluster.harness.lab import Lab
from tests.cluster.harness.node import Node

_SERVICE_LABEL = "com.docker.swarm.service.name"


def containers(lab: Lab, service: str) -> Iterator[tuple[Node, str]]:
    """Yield node and container id of the service's running containers."""
    for node in lab.nodes:
        for found in node.docker.containers(filters={"label": f"{_SERVICE_LABEL}={service}"}):
            yield node, found["Id"]


def run(lab: Lab, service: str, *command: str) -> str:
    """Run a command in one container of the service; returns its output.

    Raises AssertionError with what it said if it fails, or if there is no container.
    """
    node, container = next(containers(lab, service), (None, ""))
    assert node is not None, f"{service} has no running container"
    done = lab.docker_cli(node, "exec", container, *command, check=False)
    assert done.returncode == 0, f"{service}: {' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def page(lab: Lab, service: str, port: int, path: str = "/") -> str:
    """GET a page from inside one of the service's containers (no traffic through the mesh)."""
    return run(lab, service, "wget", "-q", "-O", "-", f"http://127.0.0.1:{port}{path}").strip()
