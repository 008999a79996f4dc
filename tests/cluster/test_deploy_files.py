"""What `deploy/` ships, checked with the programs that read it; no swarm is started."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    asked = {name for expression in all_expressions() for name in metrics_in(expression)}
    assert len(asked) > 20
    assert asked <= exported().keys()


def test_rules_and_dashboard_ask_for_labels_that_these_metrics_have() -> None:
    assert not [wrong for expression in all_expressions() for wrong in strange_labels(expression)]
    assert strange_labels(f'max by (zones) ({PREFIX}dns_publish_owed{{server="a"}})') == [
        "zones",
        "server",
    ]


def test_legends_of_the_dashboard_name_labels_of_their_series() -> None:
    targets = [target for panel in board()["panels"] for target in panel.get("targets", [])]
    shown = [(target["expr"], target["legendFormat"]) for target in targets]
    for expression, legend in shown:
        grouped = {label for group in groups_of(expression) for label in group}
        assert set(re.findall(r"{{(\w+)}}", legend)) <= grouped | {"instance"}, legend


def test_prometheus_can_read_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    promtool("check", "rules", written(tmp_path, expressions_of_board()))
    with pytest.raises(AssertionError, match="unclosed left parenthesis"):
        promtool("check", "rules", written(tmp_path, ["sum by (zone) (up"]))


def test_the_dashboard_shows_all_that_is_measured_of_names() -> None:
    """Their row comes after all else, and is not collapsed: a row that is holds its panels itself."""
    titles = [panel["title"] for panel in board()["panels"]]
    (row,) = (panel for panel in board()["panels"] if panel["type"] == "row")
    assert (row["title"], row["collapsed"]) == ("Names that follow services", False)
    of_names = board()["panels"][titles.index(row["title"]) + 1 :]
    asked = {
        name for panel in of_names for each in panel["targets"] for name in metrics_in(each["expr"])
    }
    whole = {name for name in exported() if name.startswith(f"{PREFIX}dns_")}
    histogram = {name for name in whole if name.endswith(("_sum", "_count"))}
    assert whole - histogram - asked == set(), "each metric of names is shown"


def test_no_panel_lies_over_another_one() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board()["panels"]:
        at = panel["gridPos"]
        across, down = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        cells = {(x, y) for x in across for y in down}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in board()["panels"]]
    assert len(set(ids)) == len(ids)


def written(folder: Path, expressions: list[str]) -> Path:
    """Expressions as rules, which promtool reads; Grafana puts in its own interval."""
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions)
    ]
    path = folder / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    return path


def board() -> dict[str, Any]:
    text = (DEPLOY / "prometheus/dashboard.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def expressions_of_board() -> list[str]:
    return [target["expr"] for panel in board()["panels"] for target in panel.get("targets", [])]


def all_expressions() -> list[str]:
    rules = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text(encoding="utf-8"))
    of_rules = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return [*of_rules, *expressions_of_board()]


def metrics_in(expression: str) -> list[str]:
    return re.findall(rf"{PREFIX}[a-z_]+", expression)


def groups_of(expression: str) -> list[list[str]]:
    """The labels of each `by (…)`."""
    return [group.split(", ") for group in re.findall(r"by \(([^)]*)\)", expression)]


def strange_labels(expression: str) -> list[str]:
    """Those that its metrics do not have; Prometheus adds some to all."""
    names = metrics_in(expression)
    if not names:
        return []
    of_all = {"instance", "job"}
    allowed = of_all.union(*(exported().get(name, ()) for name in names))
    wrong = [label for group in groups_of(expression) for label in group if label not in allowed]
    for name, matchers in re.findall(rf"({PREFIX}[a-z_]+)\{{([^}}]*)\}}", expression):
        asked = re.findall(r"(\w+)(?:=|!=)", matchers)
        wrong += [each for each in asked if each not in {*exported().get(name, ()), *of_all}]
    return wrong


def exported() -> dict[str, tuple[str, ...]]:
    """Return the names of all series that the operator exports, and their labels."""
    names: dict[str, tuple[str, ...]] = {}
    for metric in METRICS:
        name = PREFIX + metric.name
        if metric.type is Type.HISTOGRAM:
            names[f"{name}_bucket"] = (*metric.labels, "le")
            names |= dict.fromkeys((f"{name}_sum", f"{name}_count"), metric.labels)
        else:
            names[name] = metric.labels
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
