"""Stacks that `docker stack deploy` made are taken over: no restart, no write but to our labels."""

import json
from pathlib import Path
from typing import Any

from tests.cluster.harness import eventually
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.documents import JsonObject

_OURS = "io.swarm-operator."
SOON_S = 6


def _files() -> dict[str, str]:
    """What a stack can have: its document and the files that it names."""
    web = {
        "image": "lab/web:1",
        "environment": {"B": "2", "A": "1", "EMPTY": None},
        "env_file": ["web.env"],
        "command": ["until-term", "httpd", "-f", "-p", "8080", "-h", "/www"],
        "ports": ["7200:8080", {"target": 80, "published": 7201, "mode": "host"}],
        "networks": {"front": {"aliases": ["www"]}, "back": None},
        "configs": [{"source": "conf", "target": "/etc/conf", "mode": 0o440, "uid": "33"}],
        "secrets": ["key", {"source": "key", "target": "other"}],
        "volumes": ["data:/data", {"type": "tmpfs", "target": "/t", "tmpfs": {"size": 1048576}}],
        "labels": {"container": "yes"},
        "healthcheck": {"test": "true", "interval": "2s", "retries": 3},
        "stop_grace_period": "3s",
        "extra_hosts": ["somewhere:10.1.1.1"],
        "dns": ["10.1.1.2"],
        "logging": {"driver": "json-file", "options": {"max-size": "1m"}},
        "ulimits": {"nofile": {"soft": 1000, "hard": 2000}},
        "sysctls": {"net.core.somaxconn": "1024"},
        "cap_drop": ["NET_RAW"],
        "init": True,
        "read_only": False,
        "deploy": {
            "replicas": 2,
            "labels": {"traefik.enable": "true"},
            "resources": {"limits": {"cpus": "0.5", "memory": "40M"}},
            "placement": {"constraints": ["node.role != nothing"], "max_replicas_per_node": 2},
            "update_config": {"parallelism": 1, "delay": "1s", "order": "start-first"},
            "rollback_config": {"parallelism": 1},
            "restart_policy": {"condition": "any", "delay": "1s", "window": "5s"},
        },
    }
    services: dict[str, JsonObject] = {
        "web": web,
        "agent": {"image": "lab/sleep:1", "deploy": {"mode": "global"}, "networks": ["back"]},
        "plain": {"image": "lab/sleep:1"},
    }
    return {
        "compose.yaml": json.dumps(
            {
                "version": "3.8",
                "services": services,
                "networks": {
                    "front": {},
                    "back": {"attachable": True, "labels": {"a": "b"}, "internal": True},
                },
                "configs": {"conf": {"file": "./conf.txt"}},
                "secrets": {"key": {"file": "./key.txt"}},
                "volumes": {"data": {"labels": {"kept": "yes"}}},
            }
        ),
        "conf.txt": "shown\n",
        "key.txt": "hidden\n",
        "web.env": "FROM_FILE=yes\nB=file\n",
    }


def _stack_deploy(stage: Stage, stack: str, files: dict[str, str], directory: Path) -> None:
    folder = directory / stack
    folder.mkdir()
    for path, content in files.items():
        (folder / path).write_text(content, encoding="utf-8")
    stage.lab.docker_cli(
        1, "stack", "deploy", "--resolve-image", "never", "-c", folder / "compose.yaml", stack
    )


def _without_our_labels(spec: JsonObject) -> JsonObject:
    labels = {k: v for k, v in spec["Labels"].items() if not k.startswith(_OURS)}
    return {**spec, "Labels": labels}


def test_a_deployed_stack_is_adopted_with_no_restart(
    stage: Stage, stack: str, tmp_path: Path
) -> None:
    files = _files()
    _stack_deploy(stage, stack, files, tmp_path)
    names = [f"{stack}_{name}" for name in ("agent", "plain", "web")]
    for name in names:
        stage.lab.wait_until_running(name)
    before, containers = stage.lab.services(), stage.containers(*names)
    tasks = {task["ID"] for name in names for task in stage.lab.tasks(name)}
    objects = stage.network_names(), stage.object_names("configs"), stage.object_names("secrets")
    stage.forget()

    stage.push(stack, files, tmp_path)
    stage.wait_until_ready(stack)
    stage.assert_no_writes_but_these([f"POST /services/{name}/update" for name in names], 2)
    after = stage.lab.services()
    for name in names:
        assert _without_our_labels(after[name]["Spec"]) == before[name]["Spec"]
        assert any(label.startswith(_OURS) for label in after[name]["Spec"]["Labels"])
        assert "Placement" in after[name]["Spec"]["TaskTemplate"]
    assert stage.containers(*names) == containers
    assert {task["ID"] for name in names for task in stage.lab.tasks(name)} == tasks
    assert objects == (
        stage.network_names(),
        stage.object_names("configs"),
        stage.object_names("secrets"),
    )

    # What people are used to goes on working.
    assert stack in stage.lab.docker_cli(1, "stack", "ls").stdout
    for view in ("ps", "services"):
        assert f"{stack}_web" in stage.lab.docker_cli(1, "stack", view, stack).stdout

    # The old command once more, and ours after it: neither restarts anything.
    stage.lab.docker_cli(
        1, "stack", "deploy", "--resolve-image", "never",
        "-c", tmp_path / stack / "compose.yaml", stack,
    )  # fmt: skip
    eventually(
        lambda: all(
            any(label.startswith(_OURS) for label in stage.spec(name)["Labels"]) for name in names
        ),
        SOON_S,
        "our labels are put back",
    )
    assert stage.containers(*names) == containers

    # A secret that changes now is seen, although its content was only assumed.
    stage.forget()
    stage.push(stack, {**files, "key.txt": "changed\n"}, tmp_path)
    stage.wait_for_writes(1)
    assert stage.writes() == ["POST /secrets/create", f"POST /services/{stack}_web/update"]
    assert stage.containers(f"{stack}_agent", f"{stack}_plain") == {
        name: containers[name] for name in names if not name.endswith("_web")
    }


def test_docker_stack_rm_works_on_an_adopted_stack(
    stage: Stage, stack: str, tmp_path: Path
) -> None:
    files = {"compose.yaml": document({"web": service(), "side": service()})}
    _stack_deploy(stage, stack, files, tmp_path)
    stage.push(stack, files, tmp_path)
    stage.wait_until_ready(stack)
    stage.operator.stop()
    stage.lab.docker_cli(1, "stack", "rm", stack)
    assert stage.versions(stack) == {}
    stage.operator.start(ready=True)
    eventually(lambda: len(stage.versions(stack)) == 2, 20, "the document says that it is wished")


def test_objects_of_the_command_line_are_not_collected(
    stage: Stage, stack: str, tmp_path: Path
) -> None:
    """Only what carries our own label is: an adopted network, config or secret has none."""
    files = {
        "compose.yaml": document(
            {"web": service(configs=["conf"], networks=["back"])},
            configs={"conf": {"file": "./conf.txt"}},
            networks={"back": {}},
        ),
        "conf.txt": "shown",
    }
    _stack_deploy(stage, stack, files, tmp_path)
    stage.push(stack, files, tmp_path)
    stage.wait_until_ready(stack)
    stage.push(stack, {"compose.yaml": document({"web": service()})}, tmp_path)
    stage.wait_until_ready(stack)
    stage.remove(stack)
    eventually(lambda: not stage.versions(stack), SOON_S, "the service is ours by adoption")
    eventually(lambda: stage.key(f"desired/removed/{stack}") is None, 15, "done")
    assert f"{stack}_conf" in stage.object_names("configs")
    assert f"{stack}_back" in stage.network_names()
    stage.lab.docker_cli(1, "config", "rm", f"{stack}_conf")
    eventually(
        lambda: (
            stage.lab.docker_cli(1, "network", "rm", f"{stack}_back", check=False).returncode == 0
        )
    )


def test_a_digest_that_the_registry_gave_is_kept(stage: Stage, stack: str, tmp_path: Path) -> None:
    """The command line resolves an image to its digest; the document's image is still the same."""
    name = f"{stack}_web"
    files = {"compose.yaml": document({"web": service("lab/web:1", replicas=0)})}
    _stack_deploy(stage, stack, files, tmp_path)
    engine: Any = stage.lab.manager.docker
    live = stage.lab.service(name)
    resolved = f"lab/web:1@sha256:{'ab' * 32}"
    spec = live["Spec"]
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = resolved
    platforms = [{"Architecture": "amd64", "OS": "linux"}]
    spec["TaskTemplate"]["Placement"] = {"Platforms": platforms}
    url = engine._url("/services/{0}/update", live["ID"])
    answer = engine._post_json(url, data=spec, params={"version": live["Version"]["Index"]})
    assert answer.status_code == 200, answer.text
    stage.forget()
    stage.push(stack, files, tmp_path)
    stage.wait_until_ready(stack)
    assert stage.writes() == [f"POST /services/{name}/update"]
    task = stage.spec(name)["TaskTemplate"]
    assert task["ContainerSpec"]["Image"] == resolved
    assert task["Placement"]["Platforms"] == platforms
    stage.push(
        stack, {"compose.yaml": document({"web": service("lab/web:2", replicas=0)})}, tmp_path
    )
    eventually(
        lambda: stage.container_spec(name)["Image"].startswith("lab/web:2"), SOON_S, "it changes"
    )


def test_a_stack_of_another_installation_is_not_seized(
    stage: Stage, stack: str, tmp_path: Path
) -> None:
    name = f"{stack}_web"
    files = {"compose.yaml": document({"web": service(replicas=0)})}
    _stack_deploy(stage, stack, files, tmp_path)
    stage.update("--label-add", f"{_OURS}installation=another", name)
    before = stage.lab.service(name)
    stage.forget()
    stage.push(stack, files, tmp_path)
    stage.wait_for(stack, "Blocked", reason="ForeignService", says="another")
    stage.assert_no_writes(1)
    assert stage.lab.service(name) == before
    stage.lab.docker_cli(1, "service", "rm", name)
