"""Modes in which nothing is written to the swarm: of the operator, and of one stack."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cluster.harness import eventually
from tests.cluster.scenarios import ROOT, Stage, document, service
from tests.cluster.scenarios.stage import a_stack

SOON_S = 6


def _synced(sync: object, **fields: Any) -> str:
    return document({"web": service(replicas=0, **fields)}, **{"x-operator": {"sync": sync}})


def test_an_observing_operator_writes_nothing_to_the_swarm(stage: Stage, stack: str) -> None:
    """It plans and reports; the acting one does what the plan said."""
    stage.deploy(stack, document({"web": service(replicas=0), "old": service(replicas=0)}))
    stage.operator.stop()
    before = stage.lab.services()
    observer = Stage(stage.lab, name="observer", mode="observe")
    try:
        observer.operator.start(ready=True)
        observer.wait_until_leading()
        observer.forget()
        changed = service(
            replicas=0, configs=["conf"], networks=["back"], ports=["7301:80"], hostname="named"
        )
        observer.put(
            stack,
            document(
                {"web": changed, "new": service(replicas=0)},
                configs={"conf": {"content": "shown"}},
                networks={"back": {}},
            ),
        )
        found = observer.wait_for(stack, "Held", reason="ObserveMode")
        assert f"{stack}_new" in found["message"] or "create" in found["message"]
        stage.update("--hostname", "drifted", f"{stack}_old")
        observer.kv.put(f"{ROOT}desired/removed/other", "{}")
        observer.assert_no_writes(2)
        plan = observer.operator.cli("plan", stack, check=False)
        assert plan.returncode == 2
        for name in ("web", "new", "old"):
            assert f"{stack}_{name}" in plan.stdout
        assert observer.operator.stop() == 0
        assert observer.writes() == []
        after = stage.lab.services()
        assert after.keys() == before.keys()
    finally:
        observer.close()
        stage.kv.delete(f"{ROOT}desired/removed/other")
        stage.operator.start(ready=True)
    stage.wait_until_ready(stack)
    assert sorted(stage.versions(stack)) == [f"{stack}_new", f"{stack}_web"]


def test_an_observing_operator_adopts_nothing(stage: Stage, stack: str) -> None:
    stage.operator.stop()
    create = ["service", "create", "-d", "--no-resolve-image", "--replicas", "0"]
    label = f"com.docker.stack.namespace={stack}"
    stage.lab.docker_cli(1, *create, "--label", label, "--name", f"{stack}_web", "lab/sleep:1")
    before = stage.lab.service(f"{stack}_web")
    observer = Stage(stage.lab, name="observer2", mode="observe")
    try:
        observer.operator.start(ready=True)
        observer.put(stack, document({"web": service(replicas=0)}))
        observer.wait_for(stack, "Held", reason="ObserveMode")
        observer.assert_no_writes(1)
        assert stage.lab.service(f"{stack}_web") == before
        assert observer.operator.stop() == 0
    finally:
        observer.close()
        stage.operator.start(ready=True)
    stage.wait_until_ready(stack)


def test_a_stack_that_is_only_observed(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _synced("auto"))
    before = stage.lab.services()
    stage.forget()
    stage.put(stack, _synced("observe", hostname="named"))
    stage.wait_for(stack, "Held", reason="SyncObserve", says=f"{stack}_web")
    with a_stack(stage) as other:
        stage.deploy(other, document({"web": service(replicas=0)}))
        assert stage.service_writes() == [f"POST /services/create {other}_web"]
    assert stage.lab.services()[f"{stack}_web"] == before[f"{stack}_web"]
    stage.put(stack, _synced("auto", hostname="named"))
    eventually(lambda: stage.container_spec(f"{stack}_web").get("Hostname"), SOON_S, "it goes on")
    stage.wait_until_ready(stack)


def test_a_paused_stack_says_why_and_goes_on_when_the_pause_ends(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.deploy(stack, _synced("auto"))
    until = datetime.now(UTC) + timedelta(seconds=4)
    pause = {"paused": {"until": until.isoformat(), "reason": "the fair is on"}}
    stage.forget()
    stage.put(stack, _synced(pause, hostname="named"))
    stage.wait_for(stack, "Paused", says="the fair is on")
    stage.update("--replicas", "1", web)
    stage.assert_no_writes(1.5)
    eventually(lambda: stage.container_spec(web).get("Hostname"), 12, "it goes on by itself")
    assert datetime.now(UTC) >= until
    stage.wait_until_ready(stack)
    assert stage.spec(web)["Mode"]["Replicated"]["Replicas"] == 0


def test_a_pause_without_an_end_holds_until_it_is_taken_away(stage: Stage, stack: str) -> None:
    web = f"{stack}_web"
    stage.deploy(stack, _synced("auto"))
    stage.forget()
    stage.put(stack, _synced({"paused": {"reason": "by hand"}}, hostname="named"))
    stage.wait_for(stack, "Paused", says="by hand")
    stage.assert_no_writes(1)
    stage.put(stack, _synced("auto", hostname="named"))
    eventually(lambda: stage.container_spec(web).get("Hostname"), SOON_S, "it goes on")
