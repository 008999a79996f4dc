"""Images of a real registry: digests that the command line resolved are kept, credentials go where
they are needed, and nowhere else."""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.cluster.harness import Lab, eventually, paths
from tests.cluster.harness.faults import Request
from tests.cluster.registry import DOCKERD_OPTIONS, NAME, PASSWORDS, Registry
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.documents import JsonObject

WAITS_FOR_SUBNETS = True
_HEADER = "x-registry-auth"
_RESTARTS_SHOW_AFTER_S = 3


@pytest.fixture(scope="module")
def registry(engine: str) -> Iterator[Registry]:
    if not paths.tool(NAME).exists():
        needs.skip_for(f"missing: {NAME} (run {paths.INSTALLER})")
    with Lab.start(3, 1, engine, dockerd_options=DOCKERD_OPTIONS) as lab:
        lab.consul.start()
        with Registry(lab) as made:
            made.publish("1")
            made.publish("2")
            made.publish("3")
            yield made


@pytest.fixture(scope="module")
def credentials(registry: Registry) -> Path:
    """The operator's `config.json`."""
    return registry.lab.client.directory / "operator-config.json"


@pytest.fixture(scope="module")
def shared_stage(registry: Registry, credentials: Path) -> Iterator[Stage]:
    registry.log_in("first", credentials)
    environment = {"SWARM_OPERATOR_REGISTRY_CONFIG": str(credentials)}
    with Stage.of(registry.lab, environment=environment) as made:
        yield made


@pytest.fixture
def stage(shared_stage: Stage, registry: Registry, credentials: Path) -> Stage:
    registry.log_in("first", credentials)
    return shared_stage


@pytest.fixture
def deploy(registry: Registry, stack: str, tmp_path: Path) -> Callable[[str], None]:
    """Deploy a document with the real command line, digests resolved, and wait until it runs."""

    def act(text: str) -> None:
        file = tmp_path / "docker-compose.yaml"
        file.write_text(text, encoding="utf-8")
        command = ("stack", "deploy", "--resolve-image", "always", "--with-registry-auth")
        registry.docker("first", *command, "-c", file, stack)
        registry.lab.wait_until_running(f"{stack}_web", 3, within=60)

    return act


def _document(image: str, constraint: str = "") -> str:
    """One task on each node: workers pull what the manager has."""
    placement: JsonObject = {"max_replicas_per_node": 1}
    if constraint:
        placement["constraints"] = [constraint]
    return document({"web": service(image, replicas=3, deploy={"placement": placement})})


def _template(stage: Stage, stack: str) -> dict[str, Any]:
    found: dict[str, Any] = stage.spec(f"{stack}_web")["TaskTemplate"]
    return found


def _image(stage: Stage, stack: str) -> str:
    return str(_template(stage, stack)["ContainerSpec"]["Image"])


def _updates(stage: Stage, stack: str) -> list[Request]:
    identity = stage.lab.service(f"{stack}_web")["ID"]
    return stage.docker.writes(f"/services/{identity}/update")


def _user(request: Request) -> str | None:
    """Whose credentials were sent with a request; None without any."""
    header = request.headers.get(_HEADER)
    return json.loads(base64.urlsafe_b64decode(header))["username"] if header else None


def test_a_deployed_stack_keeps_digest_and_platforms(
    stage: Stage,
    stack: str,
    registry: Registry,
    deploy: Callable[[str], None],
    tmp_path: Path,
) -> None:
    text = _document(registry.image("1"))
    deploy(text)
    before, containers = _template(stage, stack), stage.containers(f"{stack}_web")
    digest = re.escape(registry.image("1")) + "@sha256:[0-9a-f]{64}"
    assert re.fullmatch(digest, before["ContainerSpec"]["Image"]), "the command line resolved it"
    assert before["Placement"]["Platforms"]
    stage.forget()
    stage.push(stack, text, tmp_path)
    stage.wait_until_ready(stack)
    assert stage.writes() == [f"POST /services/{stack}_web/update"]
    assert [_user(request) for request in _updates(stage, stack)] == [None]
    time.sleep(_RESTARTS_SHOW_AFTER_S)
    assert stage.containers(f"{stack}_web") == containers
    assert _template(stage, stack) == before, "but for service labels nothing was written"
    assert len(_updates(stage, stack)) == 1


def test_another_change_keeps_the_digest_too(
    stage: Stage,
    stack: str,
    registry: Registry,
    deploy: Callable[[str], None],
    tmp_path: Path,
) -> None:
    text = _document(registry.image("1"))
    deploy(text)
    image = _image(stage, stack)
    stage.push(stack, text, tmp_path)
    stage.wait_until_ready(stack)
    stage.forget()
    changed = json.loads(text)
    changed["services"]["web"]["environment"] = {"A": "1"}
    stage.push(stack, json.dumps(changed), tmp_path)
    stage.wait_for_writes(1)
    stage.wait_until_ready(stack, within=60)
    assert _image(stage, stack) == image
    assert [_user(request) for request in _updates(stage, stack)] == [None]


def test_a_changed_tag_drops_the_digest_and_is_pulled_by_workers(
    stage: Stage,
    stack: str,
    registry: Registry,
    deploy: Callable[[str], None],
    tmp_path: Path,
) -> None:
    deploy(_document(registry.image("1")))
    stage.push(stack, _document(registry.image("1")), tmp_path)
    stage.wait_until_ready(stack)
    containers = stage.containers(f"{stack}_web")
    stage.forget()
    stage.push(stack, _document(registry.image("2")), tmp_path)
    stage.wait_for_writes(1)
    template = _template(stage, stack)
    assert template["ContainerSpec"]["Image"] == registry.image("2")
    assert not template["Placement"].get("Platforms")
    assert [_user(request) for request in _updates(stage, stack)] == ["first"]
    _wait_until_all_nodes_run(stage, stack, registry.image("2"))
    assert not stage.containers(f"{stack}_web")[f"{stack}_web"] & containers[f"{stack}_web"]


def test_workers_pull_a_new_service_with_the_operators_credentials(
    stage: Stage, stack: str, registry: Registry, tmp_path: Path
) -> None:
    image = registry.image("3")
    without = ("service", "create", "--detach", "--no-resolve-image", "--name", "control")
    stage.lab.docker_cli(1, *without, "--restart-condition", "none", image, timeout=30)
    eventually(lambda: _errors(stage, "control"), 20, "nobody without credentials may pull")
    stage.lab.docker_cli(1, "service", "rm", "control", timeout=30)
    stage.forget()
    stage.push(stack, _document(image), tmp_path)
    _wait_until_all_nodes_run(stage, stack, image)
    created = stage.docker.writes("/services/create")
    assert [_user(request) for request in created] == ["first"]


def test_renewed_credentials_beside_a_change_of_placement_restart_nothing(
    stage: Stage, stack: str, registry: Registry, credentials: Path, tmp_path: Path
) -> None:
    stage.push(stack, _document(registry.image("1")), tmp_path)
    stage.wait_until_ready(stack, within=60)
    containers = stage.containers(f"{stack}_web")
    registry.log_in("second", credentials)
    stage.forget()
    stage.push(stack, _document(registry.image("1"), "node.platform.os==linux"), tmp_path)
    stage.wait_for_writes(1)
    assert [_user(request) for request in _updates(stage, stack)] == [None]
    stage.wait_until_ready(stack)
    time.sleep(_RESTARTS_SHOW_AFTER_S)
    assert stage.containers(f"{stack}_web") == containers
    stage.forget()
    text = _document(registry.image("2"), "node.platform.os==linux")
    stage.push(stack, text, tmp_path)
    stage.wait_for_writes(1)
    assert [_user(request) for request in _updates(stage, stack)] == ["second"], "read anew"
    _wait_until_all_nodes_run(stage, stack, registry.image("2"))


def test_no_credentials_are_said(stage: Stage) -> None:
    """Runs last: the log has seen all of the above."""
    said = stage.operator.log.read_text(encoding="utf-8")
    assert '"acted"' in said
    for user, password in PASSWORDS.items():
        assert password not in said
        assert base64.b64encode(f"{user}:{password}".encode()).decode() not in said
    for value in (stage.key(key) or b"" for key in stage.keys_below("status/")):
        assert all(password.encode() not in value for password in PASSWORDS.values())


def _errors(stage: Stage, name: str) -> list[str]:
    tasks = stage.lab.tasks(name)
    return [task["Status"]["Err"] for task in tasks if task["Status"].get("Err")]


def _wait_until_all_nodes_run(stage: Stage, stack: str, image: str) -> None:
    def do_they() -> bool:
        running = stage.lab.running_tasks(f"{stack}_web")
        assert {task["Spec"]["ContainerSpec"]["Image"] for task in running} == {image}
        return set(stage.lab.hosts_of(f"{stack}_web")) == {"node1", "node2", "node3"}

    eventually(do_they, 60, f"all nodes should run {image}")
