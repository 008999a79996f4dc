"""What the status says of services that do well, badly, slowly or not at all, and why."""

from collections.abc import Callable
from typing import Any

from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.documents import JsonObject

WAITS_FOR_SUBNETS = True
SOON_S = 6


def _slow(starts_after: int, deadline: str) -> str:
    slow = service("lab/slow:1", environment={"START_AFTER": str(starts_after)})
    return document({"web": {**slow, "x-operator": {"progress_deadline": deadline}}})


def _of(stage: Stage, stack: str, name: str) -> JsonObject:
    found: JsonObject = stage.status(stack)["services"][f"{stack}_{name}"]
    return found


def test_a_slow_start_is_converging_until_it_runs(stage: Stage, stack: str) -> None:
    """Ready is what serves; nothing is said to be wrong on the way there."""
    web = f"{stack}_web"
    stage.put(stack, _slow(4, "60s"))
    stage.wait_for(stack, "Reconciling", reason="Converging", says=web)
    states = set()
    while (found := stage.status(stack))["state"] != "Ready":
        states.add((found["state"], found["services"][web]["state"]))
        stage.operator.wait_until_ready()
    assert states <= {("Reconciling", "Converging")}, states
    assert stage.lab.running_tasks(web)
    assert _of(stage, stack, "web") == {"state": "Ready", "message": "", "running": 1, "wanted": 1}


def test_what_never_converges_is_told_from_what_is_slow(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.put(stack, _slow(1000, "5s"))
    stage.wait_for(stack, "Reconciling", reason="Converging")
    since = stage.status(stack)["since"]
    found = stage.wait_for(stack, "Degraded", reason="ProgressDeadlineExceeded", within=12)
    assert f"{web}: no progress for 5 s (" in found["message"]
    assert found["since"] > since
    stage.forget()
    stage.put(stack, _slow(0, "5s"))
    stage.wait_for_writes(1)
    stage.wait_until_ready(stack, within=20)
    assert [c["type"] for c in stage.status(stack)["conditions"]] == ["Ready"]


def test_each_failing_service_is_named_with_its_own_error(stage: Stage, stack: str) -> None:
    """And those beside it run; mended, all is well again."""
    sick = {"test": ["CMD", "false"], "interval": "1s", "retries": 1, "start_period": "0s"}
    nowhere = {"placement": {"constraints": ["node.labels.zone==nowhere"]}}
    good = {"good": service("lab/web:1")}
    bad = {
        "crash": service(command=["sh", "-c", "exit 42"]),
        "gone": service(healthcheck=sick),
        "sick": service("lab/stubborn:1", healthcheck=sick, stop_grace_period="1s"),
        "unknown": service("lab/unknown:1"),
        "unplaced": service(deploy=nowhere),
    }
    errors = {
        "crash": "(42)",
        "gone": "ended (exit code 0)",  # it obeys SIGTERM: then Swarm says no more
        "sick": "unhealthy",
        "unknown": "No such image: lab/unknown:1",
        "unplaced": "no suitable node",
    }
    stage.put(stack, document({**good, **bad}))

    def each_is_named() -> bool:
        found = stage.status(stack)
        assert (found.get("state"), found.get("reason")) == ("Degraded", "TaskErrors"), found
        for name, error in errors.items():
            assert f"{stack}_{name}: " in found["message"]
            said = _of(stage, stack, name)
            assert said["state"] == "Degraded"
            assert error in said["message"], said
            assert error in found["message"], found
            assert (said["running"], said["wanted"]) == (0, 1)
        assert _of(stage, stack, "good")["state"] == "Ready"
        return True

    eventually(each_is_named, 25, "all are named")
    (healthy,) = stage.containers(f"{stack}_good").values()
    stage.put(stack, document({**good, **{name: service() for name in bad}}))
    eventually(lambda: "lab/sleep:1" in stage.container_spec(f"{stack}_unknown")["Image"], SOON_S)
    # A failure of a moment ago is not forgotten before it is seen that it does not come again, and a
    # service that was just written is not ready yet.
    said = eventually(lambda: _all_run(stage, stack), 20, "all run")
    assert {each["state"] for each in said.values()} <= {"Ready", "Degraded", "Converging"}
    assert said[f"{stack}_good"]["state"] == "Ready"
    assert stage.containers(f"{stack}_good") == {f"{stack}_good": healthy}


def _all_run(stage: Stage, stack: str) -> dict[str, JsonObject] | None:
    found: dict[str, JsonObject] = stage.status(stack)["services"]
    return found if all(each["running"] == each["wanted"] for each in found.values()) else None


def _job(*command: str, **fields: Any) -> JsonObject:
    deploy = {"mode": "replicated-job", "replicas": 2, "restart_policy": {"condition": "none"}}
    return {"image": "lab/sleep:1", "entrypoint": list(command), "deploy": deploy, **fields}


def test_a_job_is_done_or_says_why_not(stage: Stage, stack: str) -> None:
    stage.put(stack, document({"job": _job("sleep", "2"), "web": service()}))
    stage.wait_for(stack, "Reconciling", reason="Converging", says=f"{stack}_job")
    stage.wait_until_ready(stack)
    said = _of(stage, stack, "job")
    assert (said["state"], said["message"]) == ("Completed", "2 of 2 completed")

    stage.put(stack, document({"job": _job("sh", "-c", "exit 43"), "web": service()}))
    stage.wait_for(stack, "Degraded", reason="TaskErrors", says="(43)")
    stage.put(stack, document({"job": _job("true"), "web": service()}))
    eventually(lambda: _of(stage, stack, "job")["state"] == "Completed", 15, "mended")
    stage.wait_until_ready(stack)


def test_a_global_service_is_counted_on_all_nodes(stage: Stage, stack: str) -> None:
    agent = {"image": "lab/sleep:1", "deploy": {"mode": "global"}}
    stage.deploy(stack, document({"agent": agent}))
    said = _of(stage, stack, "agent")
    assert (said["state"], said["running"], said["wanted"]) == ("Ready", 3, 3)


def test_tasks_of_a_dead_node_are_not_counted(lab: Callable[..., Lab]) -> None:
    """Swarm goes on listing them as running: that is what the node said last."""
    swarm = lab(3, 1, heartbeat_s=1)
    swarm.load_images()
    swarm.consul.start()
    spread = {"placement": {"max_replicas_per_node": 1}}
    pinned = {"placement": {"constraints": ["node.hostname==node3"]}}
    services = {
        "agent": {"image": "lab/sleep:1", "deploy": {"mode": "global"}},
        "pinned": service(deploy=pinned),
        "spread": service(replicas=3, deploy=spread),
        "web": service(replicas=2),
    }
    with Stage.of(swarm) as stage:
        stage.deploy("demo", document(services))
        assert _counts(stage) == {
            "agent": (3, 3),
            "pinned": (1, 1),
            "spread": (3, 3),
            "web": (2, 2),
        }
        stage.forget()
        swarm.node(3).power_off()
        swarm.wait_until_node_is(swarm.node(3), "down")
        found = stage.wait_for("demo", "Degraded", reason="TaskErrors", says="no suitable node")
        assert "demo_pinned: no suitable node" in found["message"]
        assert "demo_spread: no suitable node" in found["message"]

        def counted() -> bool:
            counts = {"agent": (2, 2), "pinned": (0, 1), "spread": (2, 3), "web": (2, 2)}
            assert _counts(stage) == counts, stage.status("demo")
            return True

        eventually(counted, 15, "what died is not counted, what moved is")
        swarm.node(3).power_on()
        swarm.wait_until_ready()
        stage.wait_until_ready("demo", within=40)
        assert _counts(stage) == {
            "agent": (3, 3),
            "pinned": (1, 1),
            "spread": (3, 3),
            "web": (2, 2),
        }
        assert stage.writes() == [], "Swarm did all of it"


def _counts(stage: Stage) -> dict[str, tuple[int, int]]:
    return {
        name.removeprefix("demo_"): (said["running"], said["wanted"])
        for name, said in stage.status("demo")["services"].items()
    }
