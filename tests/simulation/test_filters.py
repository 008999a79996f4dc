"""Which nodes may take a task, and the engine's own words where none may."""

from typing import Any

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.filters import Pipeline
from swarm_operator.simulation.engine.node_set import NodeInfo
from swarm_operator.simulation.engine.records import (
    ENGINE_PLUGINS,
    NodeRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)

GB = 1 << 30


def _task(task_id: str = "task", **fields: Any) -> TaskRecord:
    spec = {key: fields.pop(key) for key in list(fields) if key[0].isupper()}
    return TaskRecord(id=task_id, service_id="web", spec=spec, **fields)


def _info(*tasks: TaskRecord, **fields: Any) -> NodeInfo:
    info = NodeInfo(NodeRecord(id="node", hostname="node", **fields))
    for task in tasks:
        info.add(task)
    return info


def _fits(task: TaskRecord, info: NodeInfo) -> bool:
    return Pipeline(task).fits(info)


def _generic(kind: str, count: int) -> JsonObject:
    return {"DiscreteResourceSpec": {"Kind": kind, "Value": count}}


def _host_port(number: int, protocol: str = "tcp") -> JsonObject:
    port = {"PublishMode": "host", "PublishedPort": number, "Protocol": protocol}
    return {"Ports": [{**port, "TargetPort": 80}]}


def _volume(driver: str) -> JsonObject:
    mount = {"Type": "volume", "VolumeOptions": {"DriverConfig": {"Name": driver}}}
    return {"Mounts": [mount]}


@pytest.mark.parametrize(
    ("state", "availability", "fits"),
    [
        ("ready", "active", True),
        ("ready", "pause", False),
        ("ready", "drain", False),
        ("down", "active", False),
        ("unknown", "active", False),
    ],
)
def test_only_ready_and_active_nodes(state: str, availability: str, fits: bool) -> None:
    assert _fits(_task(), _info(state=state, availability=availability)) is fits


@pytest.mark.parametrize(
    ("reservations", "fits"),
    [
        ({}, True),
        ({"NanoCPUs": 2 * 10**9, "MemoryBytes": 2 * GB}, True),
        ({"NanoCPUs": 2 * 10**9 + 1}, False),
        ({"MemoryBytes": 2 * GB + 1}, False),
        ({"GenericResources": [_generic("ssd", 3)]}, True),
        ({"GenericResources": [_generic("ssd", 4)]}, False),
        ({"GenericResources": [_generic("gpu", 1)]}, False),
    ],
)
def test_reservations_against_what_is_left(reservations: JsonObject, fits: bool) -> None:
    taken = {"NanoCPUs": 2 * 10**9, "MemoryBytes": 6 * GB, "GenericResources": [_generic("ssd", 2)]}
    other = _task("other", Resources={"Reservations": taken})
    info = _info(other, generic_resources=(_generic("ssd", 5),))
    assert _fits(_task(Resources={"Reservations": reservations}), info) is fits


def test_limits_filter_nothing() -> None:
    assert _fits(_task(Resources={"Limits": {"MemoryBytes": 99 * GB}}), _info())


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ({"ContainerSpec": _volume("local")}, True),
        ({"ContainerSpec": _volume("nfs")}, False),
        ({"LogDriver": {"Name": "json-file"}}, True),
        ({"LogDriver": {"Name": "none"}}, True),
        ({"LogDriver": {"Name": "loki"}}, False),
    ],
)
def test_plugins(spec: JsonObject, fits: bool) -> None:
    assert _fits(_task(**spec), _info()) is fits


def test_a_plugin_may_be_named_with_its_tag() -> None:
    info = _info(plugins=(*ENGINE_PLUGINS, ("Log", "loki:latest")))
    assert _fits(_task(LogDriver={"Name": "loki"}), info)


def test_the_driver_of_a_network() -> None:
    networks = ({"Network": {"DriverState": {"Name": "weave"}}},)
    assert not _fits(_task(networks=networks), _info())
    assert _fits(_task(networks=({"Network": {"DriverState": {"Name": "overlay"}}},)), _info())


@pytest.mark.parametrize(
    ("platforms", "fits"),
    [
        ([], True),
        ([{"OS": "linux", "Architecture": "amd64"}], True),
        ([{"OS": "linux", "Architecture": "arm64"}], False),
        ([{"OS": "linux", "Architecture": "arm64"}, {"Architecture": "x86_64"}], True),
        ([{"OS": "windows"}], False),
        ([{}], True),
    ],
)
def test_platforms_under_either_name(platforms: list[JsonObject], fits: bool) -> None:
    assert _fits(_task(Placement={"Platforms": platforms}), _info()) is fits


@pytest.mark.parametrize(
    ("endpoint", "fits"),
    [
        (_host_port(80), False),
        (_host_port(80, "udp"), True),
        (_host_port(81), True),
        ({"Ports": [{"PublishMode": "ingress", "PublishedPort": 80, "Protocol": "tcp"}]}, True),
        (None, True),
    ],
)
def test_host_ports(endpoint: JsonObject | None, fits: bool) -> None:
    info = _info(_task("other", endpoint=_host_port(80)))
    assert _fits(_task(endpoint=endpoint), info) is fits


def test_max_replicas_count_what_is_not_told_to_stop() -> None:
    stopping = _task("old", desired_state=TaskState.SHUTDOWN)
    task = _task(Placement={"MaxReplicas": 1})
    assert _fits(task, _info(stopping))
    assert not _fits(task, _info(_task("copy")))


def test_cluster_volumes_are_nowhere() -> None:
    pipeline = Pipeline(_task(ContainerSpec={"Mounts": [{"Type": "cluster"}]}))
    assert not pipeline.fits(_info())
    assert pipeline.explanation() == "cannot fulfill requested CSI volume mounts on 1 node"


# --- explanations ---


def test_the_first_filter_that_fails_is_the_one_that_counts() -> None:
    pipeline = Pipeline(
        _task(
            Resources={"Reservations": {"NanoCPUs": 9 * 10**9}},
            Placement={"Constraints": ["node.role==manager"]},
        )
    )
    assert not pipeline.fits(_info(state="down"))
    assert not pipeline.fits(_info())
    assert not pipeline.fits(_info())
    assert pipeline.explanation() == (
        "insufficient resources on 2 nodes; 1 node not available for new tasks"
    )


def test_a_node_that_fits_ends_the_explanation() -> None:
    pipeline = Pipeline(_task(Placement={"Constraints": ["node.role==manager"]}))
    assert not pipeline.fits(_info())
    assert pipeline.fits(_info(role="manager"))
    assert pipeline.explanation() == ""


@pytest.mark.parametrize(
    ("spec", "fields", "text"),
    [
        ({}, {"state": "down"}, "node{} not available for new tasks"),
        (
            {"Resources": {"Reservations": {"MemoryBytes": 99 * GB}}},
            {},
            "insufficient resources on {} node{}",
        ),
        ({"LogDriver": {"Name": "loki"}}, {}, "missing plugin on {} node{}"),
        (
            {"Placement": {"Constraints": ["node.role==manager"]}},
            {},
            "scheduling constraints not satisfied on {} node{}",
        ),
        (
            {"Placement": {"Platforms": [{"OS": "windows"}]}},
            {},
            "unsupported platform on {} node{}",
        ),
    ],
)
def test_one_node_and_several(spec: JsonObject, fields: dict[str, Any], text: str) -> None:
    for count, plural in ((1, ""), (3, "s")):
        pipeline = Pipeline(_task(**spec))
        for _ in range(count):
            assert not pipeline.fits(_info(**fields))
        if text.startswith("node"):
            assert pipeline.explanation() == f"{count} " + text.format(plural)
        else:
            assert pipeline.explanation() == text.format(count, plural)


def test_a_status_is_no_part_of_the_decision() -> None:
    assert _fits(_task(status=TaskStatus(TaskState.PENDING, error="no suitable node")), _info())
