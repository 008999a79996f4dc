"""The API's JSON has the members of a real engine's, of the same types, and no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.images import Behaviour
from tests.simulation.api_desk import Desk, name_of

CAPTURED: JsonObject = json.loads(
    (Path(__file__).parent / "captured" / "engine-28.json").read_text()
)
"""Answers of a real engine 28.5.2 to the reads below, after the creations of `busy_desk`."""

JOB_IMAGE = "lab/job:1"
TARGET = {"UID": "0", "GID": "0", "Mode": 292}


@pytest.fixture(scope="module")
def busy_desk() -> Desk:
    """What was asked of the real engine: five services and what they use; then 8 s passed."""
    desk = Desk()
    desk.post("/networks/create", {"Name": "cap_net", "Driver": "overlay", "Labels": {"a": "b"}})
    config = desk.post(
        "/configs/create", {"Name": "cap_conf", "Labels": {"a": "b"}, "Data": "aGk="}
    )["ID"]
    secret = desk.post("/secrets/create", {"Name": "cap_sec", "Data": "aGk="})["ID"]
    desk.post("/services/create", web(config, secret))
    simple = {"ContainerSpec": {"Image": "lab/web:1"}, "Placement": {}}
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 8089, "PublishMode": "host"}]}
    desk.post(
        "/services/create",
        {
            "Name": "cap_host",
            "TaskTemplate": simple,
            "Mode": {"Global": {}},
            "EndpointSpec": ports,
        },
    )
    # Real containers end because of their command; here that is a matter of the image alone.
    job = {"Image": JOB_IMAGE, "Command": ["true"]}
    desk.engine.images.scripted[JOB_IMAGE] = Behaviour(exit_after_s=0.1)
    desk.post(
        "/services/create",
        {
            "Name": "cap_job",
            "TaskTemplate": {
                "ContainerSpec": job,
                "Placement": {},
                "RestartPolicy": {"Condition": "none"},
            },
            "Mode": {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}},
        },
    )
    for name, image in (("cap_bare", "lab/web:1"), ("cap_bad", "lab/nothing:9")):
        template = {"ContainerSpec": {"Image": image}}
        desk.post("/services/create", {"Name": name, "TaskTemplate": template})
    desk.engine.advance(8)
    return desk


def web(config: str, secret: str) -> JsonObject:
    container = {
        "Image": "lab/web:1",
        "Env": ["A=b"],
        "Configs": [
            {"ConfigID": config, "ConfigName": "cap_conf", "File": {"Name": "/x", **TARGET}}
        ],
        "Secrets": [{"SecretID": secret, "SecretName": "cap_sec", "File": {"Name": "y", **TARGET}}],
    }
    placement = {
        "Constraints": ["node.platform.os==linux"],
        "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.z"}}],
        "MaxReplicas": 3,
    }
    return {
        "Name": "cap_web",
        "Labels": {"team": "a"},
        "TaskTemplate": {
            "ContainerSpec": container,
            "Placement": placement,
            "Networks": [{"Target": "cap_net", "Aliases": ["w"]}],
            "Resources": {
                "Limits": {"MemoryBytes": 64000000},
                "Reservations": {"NanoCPUs": 1000000},
            },
            "RestartPolicy": {"Condition": "any", "Delay": 1000000000},
        },
        "Mode": {"Replicated": {"Replicas": 2}},
        "UpdateConfig": {"Parallelism": 1, "Delay": 0},
        "EndpointSpec": {
            "Ports": [
                {
                    "TargetPort": 80,
                    "PublishedPort": 8088,
                    "Protocol": "tcp",
                    "PublishMode": "ingress",
                }
            ]
        },
    }


def shape(value: Any, path: str = "") -> set[str]:
    """All paths in a value, with the types at their ends."""
    if isinstance(value, dict):
        inside = {leaf for key, each in value.items() for leaf in shape(each, f"{path}.{key}")}
        return {f"{path}{{}}"} | inside
    if isinstance(value, list):
        return {f"{path}[]"} | {leaf for each in value for leaf in shape(each, f"{path}[]")}
    return {f"{path}: {type(value).__name__}"}


def by_name(objects: list[JsonObject]) -> dict[str, JsonObject]:
    return {name_of(each): each for each in objects}


@pytest.mark.parametrize("name", ["cap_web", "cap_host", "cap_job", "cap_bare", "cap_bad"])
def test_services(busy_desk: Desk, name: str) -> None:
    real = by_name(CAPTURED["services"])[name]
    ours = by_name(busy_desk.get("/services", status="true"))[name]
    if name == "cap_job":
        assert ours["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == JOB_IMAGE
        ours = json.loads(json.dumps(ours).replace(JOB_IMAGE, "lab/web:1"))
    assert shape(ours) == shape(real)
    assert ours["ServiceStatus"] == real["ServiceStatus"]
    # What the engine made of the spec; ids of other objects are theirs.
    assert without_ids(ours["Spec"]) == without_ids(real["Spec"])
    assert without_ids(ours["Endpoint"].get("Spec")) == without_ids(real["Endpoint"].get("Spec"))


def test_a_service_with_defaults(busy_desk: Desk) -> None:
    ours = busy_desk.get("/services/cap_bare", insertDefaults="true")
    real = CAPTURED["service_with_defaults"]
    assert ours["Spec"] == real["Spec"]
    assert shape(ours) == shape(real)


@pytest.mark.parametrize("name", ["cap_web", "cap_host", "cap_job", "cap_bare", "cap_bad"])
def test_tasks(busy_desk: Desk, name: str) -> None:
    real_id = by_name(CAPTURED["services"])[name]["ID"]
    our_id = by_name(busy_desk.get("/services"))[name]["ID"]
    real = [task for task in CAPTURED["tasks"] if task["ServiceID"] == real_id]
    ours = [task for task in busy_desk.get("/tasks") if task["ServiceID"] == our_id]
    states = sorted({(task["DesiredState"], task["Status"]["State"]) for task in real})
    assert sorted({(task["DesiredState"], task["Status"]["State"]) for task in ours}) == states
    assert all_shapes(ours) == all_shapes(real)


def test_nodes(busy_desk: Desk) -> None:
    real, ours = by_name(CAPTURED["nodes"]), by_name(busy_desk.get("/nodes"))
    assert {name: shape(node) for name, node in ours.items()} == {
        name: shape(node) for name, node in real.items()
    }
    assert ours["node1"]["Spec"] == real["node1"]["Spec"]


def test_networks(busy_desk: Desk) -> None:
    real, ours = by_name(CAPTURED["networks"]), by_name(busy_desk.get("/networks"))
    assert ours.keys() == real.keys()
    for name in real:
        assert shape(without(ours[name], "Options")) == shape(without(real[name], "Options")), name
    assert ours["cap_net"]["IPAM"] == real["cap_net"]["IPAM"]
    assert ours["cap_net"]["Options"] == real["cap_net"]["Options"]


def test_configs_and_secrets(busy_desk: Desk) -> None:
    for kind in ("configs", "secrets"):
        (ours,), (real,) = busy_desk.get(f"/{kind}"), CAPTURED[kind]
        assert shape(ours) == shape(real)
        assert ours["Spec"] == real["Spec"]


def test_the_swarm(busy_desk: Desk) -> None:
    assert shape(busy_desk.get("/swarm")) == shape(CAPTURED["swarm"])
    assert busy_desk.get("/swarm")["Spec"] == CAPTURED["swarm"]["Spec"]


def test_info_says_of_the_swarm_what_a_real_one_says(busy_desk: Desk) -> None:
    ours, real = busy_desk.get("/info"), CAPTURED["info"]
    assert shape(ours["Swarm"]) == shape(real["Swarm"])
    assert ours.keys() - real.keys() == set()
    left_out = {"KernelMemoryTCP", "FirewallBackend", "Containerd"}
    assert real.keys() - ours.keys() == left_out


def test_events(busy_desk: Desk) -> None:
    stream = busy_desk.ask("GET", "/events", since="0").stream
    assert stream is not None
    ours = stream.take()
    mentioned = {(event["Type"], event["Action"]) for event in ours}
    assert mentioned >= {
        ("network", "create"),
        ("network", "update"),
        ("config", "create"),
        ("secret", "create"),
        ("service", "create"),
        ("service", "update"),
        ("node", "create"),
        ("node", "update"),
    }
    creation = next(event for event in ours if event["Type"] == "service")
    real = next(event for event in CAPTURED["events"] if event["Type"] == "service")
    assert shape(creation) == shape(real)


def all_shapes(objects: list[JsonObject]) -> set[str]:
    return {leaf for each in objects for leaf in shape(each)}


def without(value: JsonObject, *keys: str) -> JsonObject:
    return {key: each for key, each in value.items() if key not in keys}


def without_ids(value: Any) -> Any:
    """Ids of other objects are each swarm's own."""
    if isinstance(value, dict):
        ids = ("ConfigID", "SecretID", "Target")
        return {key: without_ids(each) for key, each in value.items() if key not in ids}
    return [without_ids(each) for each in value] if isinstance(value, list) else value
