"""Bodies as an engine stores them: what real engines do is in test_control_answers.py; laws are here."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from swarm_operator.simulation.engine import bodies, normalise
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.shapes import Struct
from tests.simulation import corpus_specs

NEWEST = (1, 51)
_STORED = json.loads((Path(__file__).with_name("recorded") / "specs.json").read_text())
READ_BACK = {
    f"{document} {name}": spec
    for document, services in _STORED.items()
    for name, spec in services.items()
    if isinstance(spec, dict)
}
SENT = {
    f"{document} {name}": spec
    for document, requests in corpus_specs.sent().items()
    for name, spec in requests["services"].items()
    if f"{document} {name}" in READ_BACK
}


@pytest.mark.parametrize("name", READ_BACK)
def test_what_was_read_is_stored_as_it_is(name: str) -> None:
    assert normalise.service_spec(READ_BACK[name], NEWEST) == READ_BACK[name]


@pytest.mark.parametrize("name", SENT)
def test_the_body_stays_as_it_came(name: str) -> None:
    before = copy.deepcopy(SENT[name])
    normalise.service_spec(SENT[name], (1, 41))
    assert SENT[name] == before


@pytest.mark.parametrize("name", SENT)
def test_the_case_of_members_does_not_count(name: str) -> None:
    for spelled in (str.lower, str.upper):
        body = _respelled(bodies.SERVICE, SENT[name], spelled)
        assert normalise.service_spec(body, NEWEST) == normalise.service_spec(SENT[name], NEWEST)


def _respelled(shape: Any, value: Any, spelled: Any) -> Any:
    """Members of structs alone: keys of maps are the user's own."""
    if isinstance(value, list):
        return [_respelled(getattr(shape, "item", None), item, spelled) for item in value]
    if not isinstance(value, dict) or not isinstance(shape, Struct):
        return value
    return {
        spelled(key): _respelled(
            shape.by_name[key].shape if key in shape.by_name else None, item, spelled
        )
        for key, item in value.items()
    }


def test_the_networks_of_old_clients_are_read_below_1_44() -> None:
    body = {"Name": "web", "TaskTemplate": {"ContainerSpec": {}}, "Networks": [{"Target": "net"}]}
    old = normalise.service_spec(body, (1, 43), lambda name: f"id of {name}")
    assert old["TaskTemplate"]["Networks"] == [{"Target": "id of net"}]
    assert "Networks" not in normalise.service_spec(body, (1, 44))["TaskTemplate"]


def test_jobs_are_unknown_below_1_41() -> None:
    body = {"Name": "j", "TaskTemplate": {"ContainerSpec": {}}, "Mode": {"GlobalJob": {}}}
    assert normalise.service_spec(body, (1, 40))["Mode"] == {"Replicated": {"Replicas": 1}}
    assert normalise.service_spec(body, (1, 41))["Mode"] == {"GlobalJob": {}}


def test_zeros_that_were_given_stay_where_go_points_to_them() -> None:
    container = {"Init": False, "StopGracePeriod": 0, "TTY": False, "Hostname": "", "Env": []}
    body = {"Name": "web", "TaskTemplate": {"ContainerSpec": container}}
    stored = normalise.service_spec(body, NEWEST)["TaskTemplate"]["ContainerSpec"]
    assert stored == {"Init": False, "StopGracePeriod": 0, "Isolation": "default"}


def test_a_wrong_type_is_told_with_its_place() -> None:
    body = {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Mounts": [{"ReadOnly": "no"}]}}}
    place = "Mount.TaskTemplate.ContainerSpec.Mounts.ReadOnly of type bool"
    with pytest.raises(ApiError, match=place) as refused:
        normalise.service_spec(body, NEWEST)
    assert refused.value.status == 400


def stored(**members: Any) -> Any:
    task = {"ContainerSpec": {"Image": "lab/web:1", **members.pop("container", {})}}
    body = {"Name": "web", "TaskTemplate": {**task, **members.pop("task", {})}, **members}
    return normalise.service_spec(body, NEWEST)


def test_null_in_a_list_or_map_is_a_zero_value() -> None:
    spec = stored(Labels={"a": None}, container={"Env": [None], "Mounts": [None]})
    assert spec["Labels"] == {"a": ""}
    container = spec["TaskTemplate"]["ContainerSpec"]
    assert (container["Env"], container["Mounts"]) == ([""], [{"Type": "bind"}])
    ports = stored(EndpointSpec={"Ports": [None]})["EndpointSpec"]["Ports"]
    assert ports == [{"Protocol": "tcp", "PublishMode": "ingress"}]


def test_half_a_surrogate_pair_does_not_stay() -> None:
    """No answer with one could be sent: every list of services would fail for ever."""
    spec = stored(Labels={"a\ud800": "\udfffb", "pair": "\U0001f40b"})
    assert spec["Labels"] == {"a\ufffd": "\ufffdb", "pair": "\U0001f40b"}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"task": {"Resources": {"Limits": {"NanoCPUs": 2**63}}}},
            f"number {2**63} into Go struct field Limit.TaskTemplate.Resources.Limits.NanoCPUs "
            "of type int64",
        ),
        (
            {"task": {"RestartPolicy": {"MaxAttempts": 2**64}}},
            f"number {2**64} into Go struct field "
            "RestartPolicy.TaskTemplate.RestartPolicy.MaxAttempts of type uint64",
        ),
        (
            {"EndpointSpec": {"Ports": [{"TargetPort": 2**32}]}},
            f"number {2**32} into Go struct field PortConfig.EndpointSpec.Ports.TargetPort "
            "of type uint32",
        ),
        (
            {"UpdateConfig": {"MaxFailureRatio": 1e39}},
            "number 1e+39 into Go struct field UpdateConfig.UpdateConfig.MaxFailureRatio "
            "of type float32",
        ),
    ],
)
def test_numbers_beyond_their_type_are_refused(members: Any, said: str) -> None:
    with pytest.raises(ApiError, match="cannot unmarshal") as refused:
        stored(**members)
    assert refused.value.message == f"invalid JSON: json: cannot unmarshal {said}"


def test_the_largest_numbers_of_their_type_are_taken() -> None:
    spec = stored(task={"RestartPolicy": {"MaxAttempts": 2**64 - 1}})
    assert spec["TaskTemplate"]["RestartPolicy"]["MaxAttempts"] == 2**64 - 1
