"""Strategies for documents and swarms, all built through the real reader and converter."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from desired_state.folder import StackFolder
from desired_state.load import load_stack
from desired_state.records import Installation
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose.convert import convert
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.ownership import INSTALLATION_LABEL, Owner
from tests.simulated_swarm import SWARM_ID, SimulatedSwarm

STACK = "shop"

INSTALLATION = Installation(schema=1, installation="inst-one", swarm=SWARM_ID, key="00ff" * 8)
OWNER = Owner.of(INSTALLATION)

Document = dict[str, Any]
Files = Mapping[str, bytes]

_IMAGES = st.sampled_from(["nginx:1.25", "nginx:1.27", "redis", "registry:5000/app:v1"])
_CONTENTS = st.sampled_from(["one", "two", "three"])
_NETWORKS = {"front": {"attachable": True}, "back": {"driver_opts": {"encrypted": ""}}}


def specs_of(document: Document, stack: str = STACK, files: Files | None = None) -> StackSpecs:
    """A document as the operator reads it out of the KV."""
    text = json.dumps(document).encode()
    return convert(load_stack(StackFolder(stack, {"compose.yaml": text, **(files or {})})))


@st.composite
def services(draw: st.DrawFn, name: str, port: int) -> Document:
    """One service of a document: what can change without asking Swarm for a new mode."""
    service: Document = {"image": draw(_IMAGES)}
    parts: dict[str, st.SearchStrategy[Any]] = {
        "environment": st.dictionaries(st.sampled_from("ABC"), _CONTENTS, min_size=1),
        "command": st.lists(st.sampled_from(["serve", "--fast"]), min_size=1, max_size=2),
        "networks": st.lists(st.sampled_from(sorted(_NETWORKS)), unique=True, min_size=1),
        "ports": st.sampled_from(
            [[f"{port}:80"], [f"{port}:80", f"{port + 1}:53/udp"],
             [{"target": 80, "published": port, "mode": "host"}]]
        ),
        "volumes": st.sampled_from(
            [["data:/data"], ["/srv:/srv:ro"], [{"type": "bind", "source": "/a", "target": "/b",
              "bind": {"propagation": "rprivate"}, "consistency": "cached"}]]
        ),
        "configs": st.sampled_from([["settings"], [{"source": "settings", "target": "/etc/s"}]]),
        "secrets": st.sampled_from([["password"], ["password", "token"]]),
        "healthcheck": st.sampled_from(
            [{"test": ["CMD", "true"], "interval": "5s"}, {"test": "true", "start_interval": "1s"}]
        ),
        "labels": st.just({"tier": "1"}),
        "x-operator": st.sampled_from([{"protect": True}, {"ignore": ["replicas"]}]),
    }  # fmt: skip
    chosen = draw(st.lists(st.sampled_from(sorted(parts)), unique=True, max_size=5))
    for key in (*chosen, *(["secrets", "configs"] if draw(st.booleans()) else [])):
        service[key] = draw(parts[key])
    deploy = draw(_deploy(is_global=name == "agent"))
    return {**service, "deploy": deploy} if deploy else service


@st.composite
def _deploy(draw: st.DrawFn, *, is_global: bool) -> Document:
    deploy: Document = {"mode": "global"} if is_global else {}
    parts: dict[str, st.SearchStrategy[Any]] = {
        "labels": st.dictionaries(st.sampled_from(["a", "b"]), _CONTENTS, min_size=1),
        "placement": st.just({"constraints": ["node.role == manager"]}),
        "restart_policy": st.sampled_from([{"condition": "on-failure"}, {"delay": "0s"}]),
        "update_config": st.sampled_from([{"order": "start-first"}, {"parallelism": 0}]),
        "resources": st.just({"limits": {"memory": "64M", "cpus": "0.5"}}),
    }
    if not is_global:
        parts["replicas"] = st.integers(0, 3)
    for key in draw(st.lists(st.sampled_from(sorted(parts)), unique=True, max_size=3)):
        deploy[key] = draw(parts[key])
    return deploy


@st.composite
def documents(draw: st.DrawFn, *, min_services: int = 1) -> Document:
    """A stack of up to four services. A service's name fixes its mode and its ports."""
    names = draw(
        st.lists(st.sampled_from(["agent", "api", "db", "web"]), unique=True, min_size=min_services)
    )
    ports = {"agent": 8100, "api": 8200, "db": 8300, "web": 8400}
    used = {name: draw(services(name, ports[name])) for name in names}
    return {
        "services": used,
        "networks": _NETWORKS,
        "volumes": {"data": {}},
        "configs": {"settings": {"content": draw(_CONTENTS)}},
        "secrets": {
            "password": {"content": draw(_CONTENTS)},
            "token": {"content": draw(_CONTENTS)},
        },
    }


@st.composite
def strangers(draw: st.DrawFn) -> SimulatedSwarm:
    """A swarm with objects of others: unlabelled, of other stacks, of another installation."""
    swarm = SimulatedSwarm()
    other = {INSTALLATION_LABEL: "inst-two"}
    theirs = {"com.docker.stack.namespace": STACK, **other}
    for number, labels in enumerate(
        draw(st.lists(st.sampled_from([{}, {"com.docker.stack.namespace": "wiki"}, theirs, other]),
                      max_size=4))
    ):  # fmt: skip
        name = f"stranger{number}"
        swarm.hand.create_network({"Name": f"{name}-net", "Driver": "overlay", "Labels": labels})
        body = {"Name": name, "Labels": labels, "Data": base64.b64encode(b"x").decode()}
        swarm.hand.create_config(body)
        swarm.hand.create_secret(body)
        swarm.hand.create_service(bare_service(name, labels))
    return swarm.settle()


def bare_service(name: str, labels: Mapping[str, str]) -> JsonObject:
    """A service as `docker service create` makes it."""
    return {
        "Name": name,
        "Labels": dict(labels),
        "TaskTemplate": {"ContainerSpec": {"Image": "busybox"}, "Placement": {}, "Resources": {}},
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {},
    }


def deployed_by_docker(
    swarm: SimulatedSwarm, specs: StackSpecs, *, digest: str = "", platforms: bool = False
) -> SimulatedSwarm:
    """The swarm after `docker stack deploy`; with a digest as `--resolve-image` asks for one."""
    hand = swarm.hand
    known = swarm.snapshot.networks_by_name
    for body in specs.networks.values():
        if body["Name"] not in known:
            hand.create_network(body)
    secrets = {body["Name"]: hand.create_secret(body) for body in specs.secrets.values()}
    configs = {body["Name"]: hand.create_config(body) for body in specs.configs.values()}
    for service in specs.services.values():
        spec = json.loads(json.dumps(service.spec))
        container = spec["TaskTemplate"]["ContainerSpec"]
        container["Image"] += digest
        for item in container.get("Configs") or []:
            item["ConfigID"] = configs[item["ConfigName"]]
        for item in container.get("Secrets") or []:
            item["SecretID"] = secrets[item["SecretName"]]
        if platforms:
            found = [{"Architecture": "amd64", "OS": "linux"}, {"OS": "linux"}]
            spec["TaskTemplate"]["Placement"]["Platforms"] = found
        hand.create_service(spec)
    return swarm.settle()
