"""`x-operator.dns` where services are looked at together."""

import json
from typing import Any

import pytest

from desired_state import DocumentRefused, StackFolder
from swarm_operator.plan.compose.convert import specs_of

DNS: Any = {"zone": "example.org", "name": "git"}


def stack(**services: Any) -> StackFolder:
    document = {
        "services": {
            name: {"image": "app:1", "deploy": deploy, "x-operator": {"dns": binding}}
            for name, (deploy, binding) in services.items()
        }
    }
    return StackFolder("code", {"compose.yaml": json.dumps(document).encode()})


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ({"a": ({"replicas": 2}, DNS)}, "one address is for a service with one task, and this one has 2"),
        ({"a": ({"mode": "global"}, DNS)}, "runs on every node (mode global)"),
        ({"a": ({}, DNS), "b": ({}, DNS)}, "git.example.org is wanted by service a already"),
        ({"a": ({}, DNS), "b": ({}, {**DNS, "type": "CNAME"})}, "is wanted by service a already"),
        ({"a": ({}, [DNS, {**DNS, "families": ["AAAA"]}])}, "git.example.org has an entry already"),
        ({"a": ({}, {**DNS, "name": "@", "type": "CNAME"})}, "CNAME cannot stand at the zone's own"),
        ({"a": ({}, {**DNS, "name": "git.example.org"})}, "has the zone in it"),
        ({"a": ({}, {**DNS, "name": "example.org"})}, "write @"),
        ({"a": ({}, {**DNS, "probe": "tcp:22"})}, "is not acted on by this version"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(services: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        specs_of(stack(**services))
    assert said in "\n".join(str(problem) for problem in refused.value.problems)


@pytest.mark.parametrize(
    "services",
    [
        {"a": (None, DNS)},
        {"a": ({"replicas": 0}, DNS)},
        {"a": ({"replicas": 3}, {**DNS, "cardinality": "many"})},
        {"a": ({"mode": "global"}, {**DNS, "follow": "ready-nodes"})},
        {"a": ({}, [DNS, {**DNS, "name": "www"}]), "b": ({}, {**DNS, "zone": "other.net"})},
    ],
)
def test_what_can_work_is_taken(services: dict[str, Any]) -> None:
    _, specs = specs_of(stack(**services))
    assert specs.services["code_a"].options.dns
