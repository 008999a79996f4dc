"""Swarm's traps: writes that look harmless and are not. The operator waits, holds or asks."""

from pathlib import Path
from typing import Any

from tests.cluster.harness import eventually
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.documents import JsonObject

WAITS_FOR_SUBNETS = True
SOON_S = 6
_TEMPLATES = ("/services/create", "/services/*/update")


# A scale-down takes a slot whose task is not running before a healthy one ---------------------------


def _slow(replicas: int) -> str:
    environment = {"START_AFTER": "3"}
    slow = service("lab/slow:1", replicas=replicas, environment=environment)
    return document({"web": slow})


def test_a_scale_down_waits_for_a_task_on_its_way(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.deploy(stack, _slow(2))
    healthy = stage.containers(web)[web]
    assert len(healthy) == 2
    stage.put(stack, _slow(3))
    eventually(lambda: len(_on_their_way(stage, web)) == 1, SOON_S, "a third is on its way")
    stage.forget()
    stage.put(stack, _slow(2))
    held = stage.wait_for_condition(stack, "Held", reason="UpdateUnderWay", says=web)
    assert "on their way" in held["message"]
    assert len(_on_their_way(stage, web)) == 1, "it was held while the task starts"
    while _on_their_way(stage, web):
        assert stage.containers(web)[web] >= healthy
        if stage.service_writes():  # the task may have begun to run between these two looks
            assert not _on_their_way(stage, web)
    assert stage.wait_for_writes(1) == [f"POST /services/{web}/update"]
    stage.wait_until_ready(stack)
    left = stage.lab.wait_until_running(web, 2)
    assert {task["Status"]["ContainerStatus"]["ContainerID"] for task in left} & healthy
    stage.assert_no_writes_but_one(f"POST /services/{web}/update")


def test_a_scale_up_and_to_nothing_wait_for_nobody(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.put(stack, _slow(1))
    eventually(lambda: _on_their_way(stage, web), SOON_S, "it is on its way")
    stage.forget()
    stage.put(stack, _slow(2))
    stage.wait_for_writes(1, within=3)
    stage.put(stack, _slow(0))
    stage.wait_for_writes(2, within=3)
    stage.wait_until_ready(stack)


def _on_their_way(stage: Stage, name: str) -> list[JsonObject]:
    waiting = {"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"}
    return [
        task
        for task in stage.lab.tasks(name)
        if task["DesiredState"] == "running" and task["Status"]["State"] in waiting
    ]


# Any write resumes a paused update ------------------------------------------------------------------


def _pausing(image: str, replicas: int = 2, **deploy: Any) -> str:
    # One task after another: the healthy one that is left is what a resumed update would take.
    one_by_one = {"failure_action": "pause", "monitor": "1s", "parallelism": 1, "delay": "4s"}
    settings = {
        "update_config": one_by_one,
        "restart_policy": {"delay": "1s", "max_attempts": 1},
        **deploy,
    }
    return document({"web": service(image, replicas=replicas, deploy=settings)})


def test_a_paused_update_is_resumed_by_nothing_but_a_new_image(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.deploy(stack, _pausing("lab/web:1"))
    stage.put(stack, _pausing("lab/crash:1"))
    stage.wait_for(stack, "Degraded", reason="UpdatePaused", within=30)
    healthy = stage.containers(web)[web]
    assert len(healthy) == 1
    stage.forget()

    stage.put(stack, _pausing("lab/crash:1", labels={"note": "new"}))
    held = stage.wait_for_condition(stack, "Held", reason="UpdateUnderWay", says=web)
    assert "paused" in held["message"]
    labelled = stage.status(stack)["revision"]
    stage.put(stack, _pausing("lab/crash:1", replicas=3))
    eventually(lambda: stage.status(stack)["revision"] != labelled, SOON_S, "it is read")
    stage.wait_for_condition(stack, "Held", reason="UpdateUnderWay", says=web)
    stage.assert_no_writes(2)
    assert stage.containers(web)[web] == healthy
    assert stage.status(stack)["reason"] == "UpdatePaused"

    at_once = {"monitor": "1s", "parallelism": 0}
    stage.put(stack, _pausing("lab/web:2", replicas=3, update_config=at_once))
    assert stage.wait_for_writes(1) == [f"POST /services/{web}/update"]
    stage.lab.wait_until_running(web, 3)


# Any write to a job runs it again -------------------------------------------------------------------


def _job(image: str = "lab/sleep:1", **deploy: Any) -> str:
    settings = {
        "mode": "replicated-job",
        "replicas": 1,
        "restart_policy": {"condition": "none"},
        **deploy,
    }
    job = {"image": image, "entrypoint": ["true"], "deploy": settings}
    return document({"job": job, "side": service(replicas=0)})


def _runs(stage: Stage, name: str) -> int:
    """How often a job has run, by its tasks: none of them is forgotten so soon."""
    return len(stage.lab.tasks(name))


def test_a_job_runs_again_only_when_somebody_wants_it(stage: Stage, stack: str) -> None:
    job = f"{stack}_job"
    stage.deploy(stack, _job())
    assert stage.status(stack)["services"][job]["state"] == "Completed"
    assert _runs(stage, job) == 1

    # Unchanged in other words, and seen by a new operator: not written.
    stage.forget()
    stage.put(stack, _job() + "\n")
    stage.operator.restart(ready=True)
    stage.wait_until_leading()
    stage.wait_until_ready(stack)
    stage.assert_no_writes(1)

    # A label alone waits for a person; another service of the stack does not.
    labelled = _job(labels={"note": "new"}).replace(
        '"replicas": 0', '"replicas": 0, "labels": {"a": "b"}'
    )
    stage.put(stack, labelled)
    held = stage.wait_for(stack, "Held", reason="NeedsApproval", says=job)
    assert "runs it again" in held["message"]
    stage.assert_no_writes_but_one(f"POST /services/{stack}_side/update", during=1)
    assert _runs(stage, job) == 1
    plan = stage.operator.cli("plan", stack, check=False).stdout
    assert "approve" in plan
    stage.forget()
    stage.operator.cli("approve", stack, "--wait")
    stage.wait_for_writes(1)
    stage.wait_until_ready(stack)
    assert stage.spec(job)["Labels"]["note"] == "new"
    eventually(lambda: _runs(stage, job) == 2, SOON_S, "it ran once more")
    stage.assert_no_writes_but_one(f"POST /services/{job}/update", during=1)

    # Something else to run is a wish to run it.
    stage.forget()
    stage.put(stack, _job("lab/web:1", labels={"note": "new"}))
    stage.wait_for_writes(2)
    stage.wait_until_ready(stack)
    eventually(lambda: _runs(stage, job) == 3, SOON_S, "the new one ran")


def test_a_job_is_adopted_without_a_write(stage: Stage, stack: str, tmp_path: Path) -> None:
    job = f"{stack}_job"
    file = tmp_path / "docker-compose.yaml"
    file.write_text('version: "3.8"\n' + _yaml_of(_job()), encoding="utf-8")
    stage.lab.docker_cli(1, "stack", "deploy", "--resolve-image", "never", "-c", file, stack)
    eventually(lambda: _completed(stage, job), 15, "it ran")
    before = stage.lab.service(job)
    stage.forget()
    stage.put(stack, _job())
    stage.wait_until_ready(stack)
    stage.assert_no_writes_but_one(f"POST /services/{stack}_side/update", during=1.5)
    assert stage.lab.service(job) == before
    assert _runs(stage, job) == 1
    stage.lab.docker_cli(1, "service", "rm", job)  # never written, it is not ours to remove


def _yaml_of(json_text: str) -> str:
    """JSON is YAML, in flow style; a first line in block style wants it without its braces."""
    return json_text.strip().removeprefix("{").removesuffix("}").strip()


def _completed(stage: Stage, name: str) -> bool:
    return any(task["Status"]["State"] == "complete" for task in stage.lab.tasks(name))


# A service without `Placement` makes the manager panic ----------------------------------------------


def test_a_service_that_has_no_placement_is_adopted_and_gets_one(stage: Stage, stack: str) -> None:
    """Another tool created it by the API; what we send always has a `Placement`."""
    web = f"{stack}_web"
    engine: Any = stage.lab.node(1).docker
    labels = {"com.docker.stack.namespace": stack, "com.docker.stack.image": "lab/sleep:1"}
    template = {
        "ContainerSpec": {
            "Image": "lab/sleep:1",
            "Labels": {"com.docker.stack.namespace": stack},
        },
    }
    mode = {"Replicated": {"Replicas": 2}}
    engine.create_service(template, name=web, labels=labels, mode=mode)
    stage.lab.wait_until_running(web, 2)
    assert "Placement" not in stage.spec(web)["TaskTemplate"]
    stage.forget()

    wished = {"image": "lab/sleep:1", "deploy": {"replicas": 2}}
    stage.put(stack, document({"web": wished}))
    eventually(lambda: "io.swarm-operator.installation" in stage.spec(web)["Labels"], SOON_S)
    stage.wait_until_ready(stack)
    running = stage.containers(web)
    wished["deploy"] = {"replicas": 2, "labels": {"note": "new"}}
    stage.put(stack, document({"web": wished}))
    eventually(lambda: "note" in stage.spec(web)["Labels"], SOON_S)
    assert stage.containers(web) == running, "a label restarts nothing"
    # Back to none is what panics: the document never says one, and it is there all the same.
    wished["image"] = "lab/web:1"
    stage.put(stack, document({"web": wished}))
    stage.wait_for_writes(3)
    bodies: list[Any] = [
        request.json() for path in _TEMPLATES for request in stage.docker.writes(path)
    ]
    assert len(bodies) >= 3
    assert all("Placement" in body["TaskTemplate"] for body in bodies)
    assert stage.lab.node(1).docker.ping()
