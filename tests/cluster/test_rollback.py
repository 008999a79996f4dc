"""A spec that was rolled back, by Swarm or by a person, is a condition and not a fight."""

from typing import Any

from tests.cluster.harness import eventually
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.documents import JsonObject

SOON_S = 6
_QUIET_S = 10


def _web(image: str, action: str, **fields: Any) -> JsonObject:
    deploy = {
        "update_config": {"failure_action": action, "monitor": "1s", "parallelism": 0},
        "rollback_config": {"monitor": "1s", "parallelism": 0},
        "restart_policy": {"delay": "1s", "max_attempts": 1},
    }
    return service(image, **fields, deploy=deploy)


def _rolled_back(stage: Stage, stack: str, action: str = "rollback") -> None:
    """A stack whose last change crashed and was rolled back, seen as that."""
    stage.deploy(stack, document({"web": _web("lab/web:1", action), "side": service(replicas=0)}))
    stage.forget()
    stage.put(stack, document({"web": _web("lab/crash:1", action), "side": service(replicas=0)}))
    stage.wait_for(stack, "Degraded", reason="RolledBack", within=30)
    web = f"{stack}_web"
    eventually(lambda: _update_state(stage, web) == "rollback_completed", 15, "Swarm ends it")


def test_a_crashing_update_is_rolled_back_and_not_sent_again(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    _rolled_back(stage, stack)
    assert _image(stage, web) == "lab/web:1"
    found = stage.status(stack)
    assert found["services"][web]["state"] == "RolledBack"
    assert "rolled back" in found["message"]
    assert stage.writes() == [f"POST /services/{web}/update"]
    stage.forget()
    stage.assert_no_writes(_QUIET_S)
    stage.lab.wait_until_running(web, 1)

    # Another service of the stack is edited: the rejected spec stays where it is.
    crash = _web("lab/crash:1", "rollback")
    stage.put(stack, document({"web": crash, "side": service(replicas=0, hostname="named")}))
    stage.wait_for_writes(1)
    stage.assert_no_writes_but_one(f"POST /services/{stack}_side/update", during=2)
    assert stage.status(stack)["reason"] == "RolledBack"

    # A new operator knows it too.
    stage.operator.stop()
    stage.forget()
    stage.operator.start(ready=True)
    stage.wait_until_leading()
    stage.assert_no_writes(2)
    assert stage.status(stack)["reason"] == "RolledBack"

    # A document that goes back ends it: all is as wished.
    good = document({"web": _web("lab/web:1", "rollback"), "side": service(replicas=0)})
    stage.put(stack, good.replace('"replicas": 0', '"replicas": 0, "labels": {"a": "b"}'))
    eventually(lambda: "RolledBack" not in stage.status(stack)["reason"], SOON_S, "as wished")
    assert all(f"{stack}_side" in write for write in stage.service_writes())


def test_retry_and_a_changed_document_are_sent(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    _rolled_back(stage, stack)
    stage.forget()
    stage.operator.cli("retry", stack, "--wait")
    stage.wait_for_writes(1)
    assert stage.service_writes() == [f"POST /services/{web}/update"]
    eventually(lambda: _update_state(stage, web) == "rollback_completed", 30, "again")
    stage.wait_for(stack, "Degraded", reason="RolledBack", within=15)
    stage.assert_no_writes_but_one(f"POST /services/{web}/update", during=3)
    stage.put(stack, document({"web": _web("lab/web:2", "rollback"), "side": service(replicas=0)}))
    eventually(lambda: _image(stage, web) == "lab/web:2", SOON_S, "it is another spec")
    stage.lab.wait_until_running(web, 1)


def test_a_persons_rollback_is_kept(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.deploy(stack, document({"web": service("lab/web:1", replicas=0)}))
    stage.put(stack, document({"web": service("lab/web:2", replicas=0)}))
    eventually(lambda: _image(stage, web) == "lab/web:2", SOON_S, "the new version")
    stage.wait_until_ready(stack)
    stage.forget()
    stage.lab.docker_cli(1, "service", "rollback", "--detach", web)
    stage.wait_for(stack, "Degraded", reason="RolledBack", says="retry")
    stage.assert_no_writes(4)
    assert _image(stage, web) == "lab/web:1"
    stage.operator.cli("retry", f"{stack}/web", "--wait")
    eventually(lambda: _image(stage, web) == "lab/web:2", SOON_S, "retry asks for it")
    stage.wait_until_ready(stack)


def test_a_rollback_while_nobody_led_is_kept(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.deploy(stack, document({"web": service("lab/web:1", replicas=0)}))
    stage.put(stack, document({"web": service("lab/web:2", replicas=0)}))
    eventually(lambda: _image(stage, web) == "lab/web:2", SOON_S, "the new version")
    stage.wait_until_ready(stack)
    stage.operator.stop()
    stage.lab.docker_cli(1, "service", "rollback", "--detach", web)
    stage.forget()
    stage.operator.start(ready=True)
    stage.wait_for(stack, "Degraded", reason="RolledBack")
    stage.assert_no_writes(2)
    assert _image(stage, web) == "lab/web:1"


def test_a_paused_update_is_said_and_not_resumed(stage: Stage, stack: str) -> None:
    """Any write would resume it: only a changed document is worth one."""
    web = f"{stack}_web"
    stage.deploy(stack, document({"web": _web("lab/web:1", "pause"), "side": service(replicas=0)}))
    stage.forget()
    crash = document({"web": _web("lab/crash:1", "pause"), "side": service(replicas=0)})
    stage.put(stack, crash)
    stage.wait_for(stack, "Degraded", reason="UpdatePaused", says="non-zero exit (1)", within=30)
    assert stage.status(stack)["services"][web]["state"] == "UpdatePaused"
    stage.assert_no_writes_but_one(f"POST /services/{web}/update", during=5)
    # A changed document is a person's answer: it goes.
    stage.put(stack, document({"web": _web("lab/web:2", "pause"), "side": service(replicas=0)}))
    eventually(lambda: _image(stage, web) == "lab/web:2", SOON_S, "it is sent")
    stage.lab.wait_until_running(web, 1)


def _image(stage: Stage, name: str) -> str:
    return str(stage.container_spec(name)["Image"]).partition("@")[0]


def _update_state(stage: Stage, name: str) -> str:
    return str(stage.lab.service(name).get("UpdateStatus", {}).get("State", ""))
