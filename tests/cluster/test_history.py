"""What the operator remembers: good revisions to go back to, and what it did and why."""

import json
from pathlib import Path
from typing import Any

import pytest

from desired_state import archive
from tests.cluster.harness import eventually
from tests.cluster.scenarios import ROOT, Stage, document, service
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.stage import end_sessions

WAITS_FOR_SUBNETS = True
SOON_S = 6
_KEPT = 10


# Revisions ------------------------------------------------------------------------------------------


def _numbered(number: int) -> str:
    """Another revision each time; nothing of it is written to the swarm."""
    return document({"web": service(replicas=0)}, **{"x-number": number})


def _revisions(stage: Stage, stack: str) -> list[JsonObject]:
    value = stage.key(f"history/{stack}/index")
    found: list[JsonObject] = json.loads(value)["revisions"] if value else []
    return found


def _numbers(stage: Stage, stack: str) -> list[int]:
    return [revision["number"] for revision in _revisions(stage, stack)]


def _wait_for_revision(stage: Stage, stack: str, number: int) -> None:
    eventually(
        lambda: _numbers(stage, stack)[-1:] == [number], 20, f"revision {number} of {stack} is kept"
    )


def _kept_files(stage: Stage, stack: str, number: int) -> dict[str, bytes]:
    prefix = f"history/{stack}/{number:06d}/"
    return dict(archive.unpack([stage.key(key) or b"" for key in stage.keys_below(prefix)]))


def test_good_revisions_are_kept_once_each_and_ten_at_most(stage: Stage, stack: str) -> None:
    for number in range(1, _KEPT + 3):
        stage.put(stack, _numbered(number))
        _wait_for_revision(stage, stack, number)
    numbers = list(range(3, _KEPT + 3))
    assert _numbers(stage, stack) == numbers
    found = stage.keys_below(f"history/{stack}/")
    assert found == [*(f"history/{stack}/{n:06d}/000" for n in numbers), f"history/{stack}/index"]
    assert all(
        _kept_files(stage, stack, n) == {"compose.yaml": _numbered(n).encode()} for n in numbers
    )
    assert len({revision["revision"] for revision in _revisions(stage, stack)}) == _KEPT

    # The same once more, drift, a new operator: no revision of its own.
    before = stage.key(f"history/{stack}/index")
    stage.put(stack, _numbered(_KEPT + 2))
    stage.update("--hostname", "drifted", f"{stack}_web")
    eventually(lambda: "Hostname" not in stage.container_spec(f"{stack}_web"), SOON_S, "put back")
    stage.operator.restart(ready=True)
    stage.wait_until_leading()
    stage.wait_until_ready(stack)
    assert stage.key(f"history/{stack}/index") == before


def test_a_bad_revision_is_never_kept(stage: Stage, stack: str) -> None:
    def web(image: str) -> str:
        careful = {
            "update_config": {"failure_action": "rollback", "monitor": "1s", "parallelism": 0},
            "rollback_config": {"monitor": "1s", "parallelism": 0},
            "restart_policy": {"delay": "1s", "max_attempts": 1},
        }
        return document({"web": service(image, deploy=careful)})

    stage.put(stack, web("lab/web:1"))
    _wait_for_revision(stage, stack, 1)
    kept = stage.key(f"history/{stack}/index")
    stage.put(stack, web("lab/crash:1"))
    stage.wait_for(stack, "Degraded", reason="RolledBack", within=30)
    stage.lab.wait_until_running(f"{stack}_web", 1)
    assert stage.key(f"history/{stack}/index") == kept
    stage.put(stack, "services: {web: {imagee: lab/web:1}}")
    stage.wait_for(stack, "Invalid")
    assert stage.key(f"history/{stack}/index") == kept
    assert _kept_files(stage, stack, 1) == {"compose.yaml": web("lab/web:1").encode()}

    stage.operator.cli("rollback", stack, "--yes")
    stage.wait_until_ready(stack)
    assert stage.key(f"desired/stacks/{stack}/compose.yaml") == web("lab/web:1").encode()
    assert stage.key(f"history/{stack}/index") == kept


def test_rollback_brings_back_the_documents_of_a_revision(
    stage: Stage, stack: str, tmp_path: Path
) -> None:
    web = f"{stack}_web"

    def version(number: int) -> dict[str, str]:
        used = service(f"lab/web:{number}", replicas=0, configs=["conf"], secrets=["key"])
        return {
            "compose.yaml": document(
                {"web": used},
                configs={"conf": {"file": "./conf.txt"}},
                secrets={"key": {"file": "./key.txt"}},
            ),
            "conf.txt": f"conf of {number}",
            "key.txt": "the key",
        }

    for number in (1, 2):
        stage.push(stack, version(number), tmp_path)
        _wait_for_revision(stage, stack, number)
    assert all("key.txt" not in _kept_files(stage, stack, number) for number in (1, 2))
    stage.operator.cli("rollback", stack, "--yes", "--wait")
    assert _in_kv(stage, stack) == version(1)
    assert stage.container_spec(web)["Image"].startswith("lab/web:1")
    (used,) = stage.container_spec(web)["Configs"]
    engine: Any = stage.lab.manager.docker
    assert engine.inspect_config(used["ConfigID"])["Spec"]["Name"] == f"{stack}_conf"

    stage.operator.cli("rollback", stack, "--to", "2", "--yes", "--wait")
    assert _in_kv(stage, stack) == version(2)
    assert stage.container_spec(web)["Image"].startswith("lab/web:2")


def _in_kv(stage: Stage, stack: str) -> dict[str, str]:
    prefix = f"desired/stacks/{stack}/"
    return {
        key.removeprefix(prefix): (stage.key(key) or b"").decode()
        for key in stage.keys_below(prefix)
        if not key.removeprefix(prefix).startswith(".")
    }


# Events ---------------------------------------------------------------------------------------------


def _events(stage: Stage, stack: str) -> list[JsonObject]:
    text = stage.operator.cli("events", stack, "-o", "json").stdout
    found: Any = json.loads(text)
    events: list[JsonObject] = found["events"] if isinstance(found, dict) else found
    return events


def _cause(stage: Stage, stack: str) -> str:
    """Of what follows from the document as it lies in the KV."""
    key = f"desired/stacks/{stack}/compose.yaml"
    return f"{key} at index {stage.kv.get(ROOT + key)[1]['ModifyIndex']}"


def test_every_action_is_an_event_with_its_cause(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    acted = stage.operator.metric("swarm_operator_actions_total")
    stage.forget()
    stage.deploy(stack, document({"web": service(replicas=0)}))
    created = _cause(stage, stack)
    stage.put(stack, document({"web": service("lab/web:1", replicas=0)}))
    stage.wait_for_writes(2)
    updated = _cause(stage, stack)
    stage.update("--hostname", "drifted", web)
    stage.wait_for_writes(3)
    eventually(lambda: len(_events(stage, stack)) == 4, SOON_S, "one event for each write")

    network, create, update, drift = _events(stage, stack)
    assert (network["verb"], network["kind"], network["cause"]) == ("create", "network", created)
    assert (create["verb"], create["name"], create["cause"]) == ("create", web, created)
    assert (update["verb"], update["name"], update["cause"]) == ("update", web, updated)
    assert any("lab/web:1" in change for change in update["changes"])
    assert update["effect"] == "restarts tasks"
    assert drift["cause"].startswith(f"service {web} was changed on the swarm, version ")
    assert drift["reason"] == "changed by another hand"
    assert any("drifted" in change for change in drift["changes"])
    for event in (network, create, update, drift):
        assert event["result"] == "done"
        assert 0 <= event["took_s"] < SOON_S
        (line,) = stage.operator.lines_with(event="acted", number=event["number"])
        assert line["cause"] == event["cause"]
    assert len(stage.writes()) == 4
    assert stage.operator.metric("swarm_operator_actions_total") == acted + 4


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_new_operator_numbers_events_on(stage: Stage, stack: str, end: str) -> None:
    stage.deploy(stack, document({"web": service(replicas=0)}))
    eventually(lambda: len(_events(stage, stack)) == 2, SOON_S)
    before = _events(stage, stack)
    if end == "kill":
        stage.operator.kill()
        end_sessions(stage.lab)
    else:
        stage.operator.stop()
    stage.operator.start(ready=True)
    stage.wait_until_leading()
    stage.forget()
    stage.put(stack, document({"web": service("lab/web:1", replicas=0)}))
    stage.wait_for_writes(1)
    eventually(lambda: len(_events(stage, stack)) == 3, SOON_S)
    after = _events(stage, stack)
    assert after[:2] == before
    # The stack before us may be collected meanwhile: that is an event too.
    assert after[2]["number"] > before[1]["number"]
    everything = [
        json.loads(stage.key(key) or b"")["number"] for key in stage.keys_below("status/events/")
    ]
    assert sorted(everything) == list(range(1, len(everything) + 1))


# Redeploy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["never sent", "done, its answer lost"])
def test_redeploy_restarts_each_task_once_whatever_dies(
    stage: Stage, stack: str, fate: str
) -> None:
    """The operator is killed with the order on its way; the next one finishes what is left."""
    names = [f"{stack}_{name}" for name in ("one", "two")]
    stage.deploy(stack, document({"one": service(replicas=2), "two": service(replicas=2)}))
    tasks = {name: {task["ID"] for task in stage.lab.tasks(name)} for name in names}
    assert all(len(each) == 2 for each in tasks.values())
    stage.forget()
    update = "/services/*/update"
    lose = stage.docker.drop if fate == "never sent" else stage.docker.lose_answer
    lose(times=None, method="POST", path=update)
    stage.operator.cli("redeploy", stack)
    eventually(lambda: stage.docker.writes(update), SOON_S, "the first order is on its way")
    stage.operator.kill()
    stage.docker.clear_faults()
    end_sessions(stage.lab)
    stage.operator.start(ready=True)
    stage.wait_until_leading()
    request = f"desired/requests/redeploy/{stack}"
    eventually(lambda: stage.key(request) is None, 15, "it is done, and said so")
    for name in names:
        stage.lab.wait_until_running(name, 2, within=60)
        assert stage.spec(name)["TaskTemplate"]["ForceUpdate"] == 1
        new = {task["ID"] for task in stage.lab.tasks(name)} - tasks[name]
        assert len(new) == 2, "each task was replaced once"
