"""How much is written: nothing without a change, one write for one, and soon."""

import json
import time
from pathlib import Path

import pytest

from tests.cluster.harness import eventually
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.stage import first_at

WAITS_FOR_SUBNETS = True
WORLD = 20
_IDLE_S = 7
"""Longer than the time between two looks at the tasks of a settled swarm."""


def _world(changed: str = "") -> str:
    """Twenty services that use what a service can use; one of them changed."""
    services: dict[str, JsonObject] = {
        f"s{number:02}": service(
            environment={"NUMBER": str(number)},
            networks={"back": {"aliases": [f"alias{number}"]}},
            labels={"container": "label"},
            deploy={"labels": {"service": "label"}, "endpoint_mode": "dnsrr"},
        )
        for number in range(WORLD)
    }
    services["s00"]["configs"] = [{"source": "conf", "target": "/etc/conf"}]
    services["s01"]["secrets"] = ["key"]
    services["s02"] |= {"ports": ["8302:80"], "deploy": {"replicas": 1}}
    services["s03"]["volumes"] = ["data:/data", {"type": "tmpfs", "target": "/cache"}]
    services["s04"] |= {"stop_grace_period": "90s", "cap_add": ["NET_ADMIN"], "init": True}
    services["s05"]["healthcheck"] = {"test": ["CMD", "true"], "interval": "1s"}
    services["s06"]["deploy"] = {"mode": "global"}
    services["s07"]["deploy"] |= {
        "resources": {"limits": {"cpus": "0.5", "memory": "50M"}, "reservations": {"memory": "5M"}},
        "placement": {"constraints": ["node.role==worker"], "preferences": [{"spread": "a"}]},
    }
    if changed:
        services[changed]["environment"] = {"NUMBER": "changed"}
    return document(
        services,
        networks={"back": {"driver_opts": {"com.docker.network.driver.mtu": "1400"}}},
        configs={"conf": {"file": "./conf.txt"}},
        secrets={"key": {"file": "./key.txt"}},
        volumes={"data": {}},
    )


@pytest.fixture(scope="module")
def world(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A stack of twenty services, pushed and settled; its name and the directory of its folder."""
    directory = tmp_path_factory.mktemp("pushed")
    files = {"compose.yaml": _world(), "conf.txt": "one", "key.txt": "hidden"}
    stage.push("world", files, directory)
    stage.wait_until_ready("world", within=60)
    return "world", directory


def test_a_push_reaches_the_engine_at_once(stage: Stage, stack: str, tmp_path: Path) -> None:
    stage.forget()
    stage.push(stack, document({"web": service("lab/web:1")}), tmp_path)
    stage.wait_for_writes(1)
    pushed_at = first_at(stage.consul.writes(), "PUT", "/v1/txn")
    created_at = first_at(stage.docker.writes(), "POST", "/services/create")
    print(f"from push to POST /services/create: {(created_at - pushed_at) * 1000:.0f} ms")
    assert 0 < created_at - pushed_at < 5
    assert stage.writes() == [
        "POST /networks/create",
        f"POST /services/create {stack}_web",
    ]
    stage.lab.wait_until_running(f"{stack}_web", 1)
    print(f"from push to running: {time.monotonic() - pushed_at:.2f} s")
    stage.wait_until_ready(stack)


def test_an_edit_by_hand_reaches_the_engine_soon(stage: Stage, stack: str) -> None:
    files = {
        "conf.txt": "one",
        "compose.yaml": document(
            {"web": service("lab/web:1", configs=["conf"])}, configs={"conf": {"file": "conf.txt"}}
        ),
    }
    stage.forget()
    put_at = time.monotonic()
    stage.put(stack, files)
    stage.wait_for_writes(1)
    created_at = first_at(stage.docker.writes(), "POST", "/services/create")
    print(f"from put to POST /services/create: {(created_at - put_at) * 1000:.0f} ms")
    assert created_at - put_at < 5
    assert stage.writes() == [
        "POST /networks/create",
        "POST /configs/create",
        f"POST /services/create {stack}_web",
    ]


def test_keys_edited_one_after_another_are_one_write(stage: Stage, stack: str) -> None:
    """A document that arrives before the file that it names is not refused meanwhile."""
    document_key = document(
        {"web": service("lab/web:1", configs=["conf"])}, configs={"conf": {"file": "conf.txt"}}
    )
    stage.forget()
    stage.put(stack, {"compose.yaml": document_key})
    time.sleep(0.1)
    stage.put(stack, {"conf.txt": "one"})
    stage.wait_until_ready(stack)
    assert len(stage.service_writes()) == 1
    refused = stage.operator.lines_with(event="reconciled", stack=stack, state="Invalid")
    assert refused == []


def test_a_folder_that_is_being_pushed_waits(stage: Stage, stack: str) -> None:
    marker = f"swarm-operator/desired/stacks/{stack}/.pushing"
    stage.kv.put(marker, json.dumps({"who": "a test"}))
    stage.forget()
    stage.put(stack, document({"web": service()}))
    stage.assert_no_writes(1.5)
    stage.kv.delete(marker)
    stage.wait_for_writes(1)


def test_an_unchanged_world_gets_no_write(stage: Stage, world: tuple[str, Path]) -> None:
    stack, _ = world
    before, containers = stage.lab.services(), stage.containers(*stage.versions(stack))
    time.sleep(1)  # the settled status may still be on its way
    stage.forget()
    # What wakes the operator and changes nothing: an event, and a key that is not of a stack.
    stage.lab.docker_cli(1, "config", "create", "foreign", "-", input="x")
    stage.kv.put("swarm-operator/desired/stacks/", "")
    stage.assert_no_writes(_IDLE_S)
    stage.lab.docker_cli(1, "config", "rm", "foreign")
    assert stage.docker.requests, "it looked"
    assert stage.kv_writes() == []
    assert stage.consul.renewals(), "it was alive"
    assert stage.lab.services() == before, "PreviousSpec, versions and all"
    assert stage.containers(*stage.versions(stack)) == containers


def test_the_same_document_in_other_words_is_no_write(
    stage: Stage, world: tuple[str, Path]
) -> None:
    stack, directory = world
    stage.forget()
    assert "unchanged" in stage.push(stack, {}, directory)
    assert stage.kv_writes() == []
    revision = stage.status(stack)["revision"]
    stage.put(stack, f"# a comment\n{_world()}\n")
    eventually(lambda: stage.status(stack)["revision"] != revision, 10, "it should be read")
    stage.assert_no_writes(1)
    stage.put(stack, _world())
    eventually(lambda: stage.status(stack)["revision"] == revision, 10, "it should be read")
    assert stage.writes() == []


def test_one_changed_service_of_twenty_is_one_write(stage: Stage, world: tuple[str, Path]) -> None:
    stack, directory = world
    before = stage.lab.services()
    changed = f"{stack}_s11"
    others = {name: found for name, found in before.items() if name != changed}
    stage.forget()
    stage.push(stack, {"compose.yaml": _world(changed="s11")}, directory)
    stage.wait_for_writes(1)
    eventually(lambda: "NUMBER=changed" in stage.container_spec(changed)["Env"], 5, "the new value")
    stage.wait_until_ready(stack)
    assert stage.writes() == [f"POST /services/{changed}/update"]
    after = stage.lab.services()
    assert {name: found for name, found in after.items() if name != changed} == others
    assert after[changed]["PreviousSpec"] == before[changed]["Spec"]


def _is_told(stage: Stage) -> bool:
    """Whether nothing but sessions was written for longer than two looks are apart."""
    stage.forget()
    time.sleep(6)
    return not [w for w in stage.kv_writes() if "/.check" not in w and "/session/" not in w]


def test_a_new_operator_writes_nothing_but_its_lease(stage: Stage, world: tuple[str, Path]) -> None:
    stack, _ = world
    stage.wait_until_ready(stack)
    # Swarm moves a service's version itself when its update is over, and the status follows at a look.
    eventually(lambda: not stage.updating(stack), 15, "no update should be under way")
    eventually(lambda: _is_told(stage), 60, "everything should be written down")
    before = stage.lab.services()
    assert stage.operator.stop() == 0
    stage.forget()
    stage.operator.start(ready=True)
    stage.wait_until_leading()
    stage.assert_no_writes(3)
    assert stage.lab.services() == before
    others = [w for w in stage.kv_writes() if "/.check" not in w and "/session/" not in w]
    assert all("/lock/leader" in write for write in others), others
    assert others, "the lease is written"
