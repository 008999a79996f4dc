"""Metrics: the table, the counting, and that nothing counts what is not declared."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import swarm_operator
from swarm_operator.observed.errors import LeaseLost
from swarm_operator.observed.kv import Fence, Put
from swarm_operator.server.metered import MeteredKv, RequestMetrics
from swarm_operator.server.metrics import (
    METRICS,
    PREFIX,
    PrometheusMetrics,
    Type,
    UndeclaredMetric,
    process_registry,
)
from tests.cli.fake_kv import FakeKv

SOURCES = Path(swarm_operator.__file__).parent
CALLS = {"count": Type.COUNTER, "gauge": Type.GAUGE, "observe": Type.HISTOGRAM}


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics(CollectorRegistry(), "1.2.3")


def exposed(metrics: PrometheusMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def value(metrics: PrometheusMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(PREFIX + name, labels)


def test_counting_setting_and_observing(metrics: PrometheusMetrics) -> None:
    labels = {"kind": "service", "verb": "update", "result": "done"}
    metrics.count("actions_total", labels)
    metrics.count("actions_total", labels, 2)
    metrics.gauge("leader", {}, 1)
    metrics.observe("reconcile_duration_seconds", {"controller": "stacks"}, 0.3)
    assert value(metrics, "actions_total", **labels) == 3
    assert value(metrics, "leader") == 1
    assert value(metrics, "reconcile_duration_seconds_sum", controller="stacks") == 0.3
    assert value(metrics, "build_info", version="1.2.3") == 1


def test_counters_with_known_labels_start_at_zero(metrics: PrometheusMetrics) -> None:
    assert value(metrics, "actions_total", kind="config", verb="remove", result="refused") == 0
    assert value(metrics, "reconcile_total", controller="stacks", result="error") == 0
    assert value(metrics, "fenced_writes_total") == 0


def test_there_are_no_created_lines(metrics: PrometheusMetrics) -> None:
    metrics.count("leader_transitions_total", {})
    assert "_created" not in exposed(metrics)


def test_series_go_with_their_object(metrics: PrometheusMetrics) -> None:
    for stack in ("wiki", "blog"):
        for kind in ("Ready", "Held"):
            labels = {"stack": stack, "type": kind, "status": "True"}
            metrics.gauge("stack_condition", labels, 1)
    metrics.forget("stack_condition", {"stack": "wiki"})
    assert "wiki" not in exposed(metrics)
    assert exposed(metrics).count('stack="blog"') == 2
    metrics.forget("stack_condition", {"stack": "never-seen"})


@pytest.mark.parametrize(
    ("name", "labels"),
    [("actions", {}), ("leader", {"node": "a"}), ("actions_total", {"kind": "service"})],
)
def test_what_is_not_declared_is_a_mistake(
    metrics: PrometheusMetrics, name: str, labels: dict[str, str]
) -> None:
    with pytest.raises(UndeclaredMetric):
        metrics.count(name, labels)


def test_forgetting_needs_labels_of_the_metric(metrics: PrometheusMetrics) -> None:
    for name, labels in (
        ("actions", {"a": "b"}),
        ("actions_held", {}),
        ("actions_held", {"x": "y"}),
    ):
        with pytest.raises(UndeclaredMetric):
            metrics.forget(name, labels)


def test_names_follow_the_conventions() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*", metric.name)
        assert metric.name.endswith("_total") == (metric.type is Type.COUNTER), metric.name
        assert metric.help.endswith("."), metric.name
        if metric.known:
            assert set(metric.known) == set(metric.labels)
        if metric.type is Type.HISTOGRAM:
            assert metric.name.endswith("_seconds")


def test_every_metric_that_the_code_counts_is_declared_with_its_labels() -> None:
    declared = {metric.name: metric for metric in METRICS}
    calls = list(metric_calls())
    assert calls, "the search finds nothing: has the way of counting changed?"
    for place, method, name, labels in calls:
        assert name in declared, f"{place}: {name} is in no table"
        if method != "forget":
            assert declared[name].type is CALLS[method], f"{place}: {name} is another type"
        if labels is not None:
            wanted = set(declared[name].labels)
            assert labels <= wanted if method == "forget" else labels == wanted, place


def metric_calls() -> Iterator[tuple[str, str, str, set[str] | None]]:
    """Place, method, metric and labels (None where they are no literal) of every call."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in {*CALLS, "forget"} or len(node.args) < 2:
                continue
            first, second = node.args[:2]
            if isinstance(first, ast.Constant) and not str(first.value).isidentifier():
                continue  # text.count("\n", …): another count
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                place = f"{path.relative_to(SOURCES)}:{node.lineno}"
                yield place, node.func.attr, first.value, _literal_keys(second)


def _literal_keys(node: ast.expr) -> set[str] | None:
    if not isinstance(node, ast.Dict):
        return None
    return {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}


def test_kv_writes_are_counted_by_their_end(metrics: PrometheusMetrics) -> None:
    kv = FakeKv()
    metered = MeteredKv(kv, metrics)
    metered.commit([Put("a", b"1")])
    with pytest.raises(LeaseLost):
        metered.commit([Put("a", b"2")], fence=Fence("lock/leader", "gone"))
    assert metered.get("a") == kv.get("a")
    assert metered.read("") == kv.read("")
    assert value(metrics, "kv_writes_total", result="done") == 1
    assert value(metrics, "kv_writes_total", result="failed") == 1
    assert value(metrics, "fenced_writes_total") == 1


def test_docker_writes_are_counted_and_reads_are_not(metrics: PrometheusMetrics) -> None:
    requests = RequestMetrics(metrics)
    for verb, code in (("GET", "200"), ("POST", "201"), ("DELETE", "204"), ("POST", "500")):
        labels = {"api": "docker", "verb": verb, "code": code}
        requests.observe("api_request_duration_seconds", labels, 0.01)
    assert value(metrics, "docker_writes_total", result="done") == 2
    assert value(metrics, "docker_writes_total", result="failed") == 1
    count = value(
        metrics, "api_request_duration_seconds_count", api="docker", verb="GET", code="200"
    )
    assert count == 1


def test_the_process_is_measured_too() -> None:
    assert b"process_resident_memory_bytes" in generate_latest(process_registry())
