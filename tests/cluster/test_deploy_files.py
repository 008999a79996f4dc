"""What `deploy/` ships, checked with the programs that read it; no swarm is started."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from swarm_operator.server.metrics import METRICS, PREFIX, Type
from tests.cluster.harness import paths
from tests.cluster.images import operator_image

DEPLOY = paths.CHECKOUT / "deploy"


@pytest.fixture(autouse=True)
def _tools(engine: str) -> None:
    """Skip (in CI: fail) where the harness's programs are not installed."""


def docker(*arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = paths.docker_command()
    assert command is not None
    environment = {k: v for k, v in os.environ.items() if k != "DOCKER_GID"} | variables
    return subprocess.run(
        [command, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [paths.tool("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_docker_accepts_the_stack() -> None:
    stack: list[str | Path] = ["-c", DEPLOY / "stack.yml"]
    encrypted: list[str | Path] = ["-c", DEPLOY / "stack.encrypted.yml"]
    for files in (stack, [*stack, *encrypted]):
        done = docker("stack", "config", *files, DOCKER_GID="999")
        assert done.returncode == 0, done.stderr
    assert f"image: {operator_image.NAME}\n" in done.stdout, "the stack is of this version"
    assert 'encrypted: "true"' in done.stdout


def test_the_group_of_the_socket_has_to_be_given() -> None:
    done = docker("stack", "config", "-c", DEPLOY / "stack.yml")
    assert done.returncode != 0
    assert "DOCKER_GID" in done.stderr


def test_docker_accepts_the_stack_of_prometheus() -> None:
    done = docker("stack", "config", "-c", DEPLOY / "prometheus/compose.yaml")
    assert done.returncode == 0, done.stderr


def test_docker_accepts_the_stack_of_the_database() -> None:
    done = docker("stack", "config", "-c", DEPLOY / "galera/compose.yaml")
    assert done.returncode == 0, done.stderr
    assert "wsrep-cluster-address" in done.stdout


def test_rules_say_what_they_should() -> None:
    promtool("check", "rules", DEPLOY / "prometheus/rules.yml")
    promtool("test", "rules", DEPLOY / "prometheus/rules_test.yml")


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    rules = (DEPLOY / "prometheus/rules.yml").read_text(encoding="utf-8")
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    text = (DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(
        text.replace("/etc/prometheus/rules.yml", str(tmp_path / "rules.yml")), encoding="utf-8"
    )
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    rules = (DEPLOY / "prometheus/rules.yml").read_text(encoding="utf-8")
    board = json.loads((DEPLOY / "prometheus/dashboard.json").read_text(encoding="utf-8"))
    asked = set(re.findall(rf"{PREFIX}[a-z_]+", rules + " ".join(expressions(board))))
    assert asked
    assert asked <= exported()


def expressions(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def exported() -> set[str]:
    """Return the names of all series that the operator exports."""
    names = set()
    for metric in METRICS:
        name = PREFIX + metric.name
        histogram = {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
        names |= histogram if metric.type is Type.HISTOGRAM else {name}
    return names


def test_bootstrap_is_plain_shell() -> None:
    done = subprocess.run(
        ["busybox", "sh", "-n", DEPLOY / "consul/bootstrap.sh"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_example_publishes_a_port_that_another_one_has() -> None:
    """They are pushed together, and a port of the ingress network is the swarm's, not a node's."""
    ports: list[str] = []
    for compose in sorted((DEPLOY / "examples").glob("*/compose.yaml")):
        folder = compose.parent
        variables = dict(
            line.split("=", 1)
            for line in (folder / ".env").read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        )
        done = docker("stack", "config", "-c", compose, **variables)
        assert done.returncode == 0, done.stderr
        ports += re.findall(r"published: (\d+)", done.stdout)
    assert len(ports) >= 4
    assert len(ports) == len(set(ports)), ports
