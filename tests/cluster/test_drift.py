"""What another hand changes: put back once, at once; changed again, said and left."""

import time
from collections.abc import Iterator

import pytest

from tests.cluster.harness import eventually
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.stage import a_stack

SOON_S = 6


def _document(**fields: object) -> str:
    web = service(
        "lab/web:1",
        replicas=0,
        environment={"GREETING": "hello"},
        deploy={"labels": {"shown": "yes"}},
        **fields,
    )
    return document({"web": web, "side": service(replicas=0)})


def _disturb(stage: Stage, name: str, *arguments: str) -> float:
    """Change a service by another hand, and wait until it is put back; returns after how long."""
    before = stage.spec(name)
    stage.update(*arguments, name)
    changed_at = time.monotonic()
    eventually(lambda: stage.spec(name) == before, SOON_S, f"{arguments} should be put back")
    return time.monotonic() - changed_at


@pytest.mark.parametrize(
    "arguments",
    [
        ("--env-add", "GREETING=bye"),
        ("--env-add", "MORE=1"),
        ("--image", "lab/web:2"),
        ("--label-add", "shown=no"),
        pytest.param(("--label-rm", "shown"), marks=pytest.mark.slow),
        ("--container-label-add", "more=1"),
        ("--replicas", "2"),
        ("--publish-add", "7101:80"),
        ("--limit-memory", "64M"),
        pytest.param(("--constraint-add", "node.role==worker"), marks=pytest.mark.slow),
        pytest.param(("--args", "sleep 5"), marks=pytest.mark.slow),
        ("--update-parallelism", "7"),
        ("--endpoint-mode", "dnsrr"),
        pytest.param(("--restart-condition", "none"), marks=pytest.mark.slow),
        pytest.param(("--mount-add", "type=tmpfs,target=/more"), marks=pytest.mark.slow),
        pytest.param(("--stop-grace-period", "77s"), marks=pytest.mark.slow),
        pytest.param(("--hostname", "other"), marks=pytest.mark.slow),
        pytest.param(("--user", "nobody"), marks=pytest.mark.slow),
    ],
    ids=lambda arguments: arguments[0].strip("-"),
)
def test_a_changed_field_is_put_back_once(
    stage: Stage, drifting: str, arguments: tuple[str, str]
) -> None:
    web, side = f"{drifting}_web", f"{drifting}_side"
    _retry(stage, drifting)
    neighbour = stage.versions()[side]
    stage.forget()
    took = _disturb(stage, web, *arguments)
    print(f"{arguments[0]} put back after {took * 1000:.0f} ms")
    stage.assert_no_writes_but_one(f"POST /services/{web}/update")
    assert stage.versions()[side] == neighbour
    stage.wait_until_ready(drifting)


@pytest.fixture(scope="module")
def drifting(stage: Stage) -> Iterator[str]:
    """A settled stack without tasks: what is put back is the spec."""
    with a_stack(stage) as stack:
        stage.deploy(stack, _document())
        yield stack


def _retry(stage: Stage, stack: str) -> None:
    stage.ask("retry", stack)
    eventually(lambda: not stage.keys_below(f"desired/requests/retry/{stack}"), 5, "it is taken")


def test_the_same_field_changed_again_is_contested_and_left(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _document())
    web = f"{stack}_web"
    stage.forget()
    _disturb(stage, web, "--env-add", "GREETING=bye")
    stage.update("--env-add", "GREETING=again", web)
    stage.wait_for(stack, "Held", reason="Contested", says="Env")
    stage.assert_no_writes_but_one(f"POST /services/{web}/update", during=2)
    assert "GREETING=again" in stage.container_spec(web)["Env"]
    # The document changes: it counts again.
    stage.put(stack, _document(hostname="named"))
    eventually(lambda: "GREETING=hello" in stage.container_spec(web)["Env"], SOON_S, "it counts")
    stage.wait_until_ready(stack)


def test_a_contested_field_is_put_back_when_retry_asks(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _document())
    web = f"{stack}_web"
    _disturb(stage, web, "--replicas", "1")
    stage.update("--replicas", "1", web)
    stage.wait_for(stack, "Held", reason="Contested", says="Replicas")
    stage.operator.cli("retry", f"{stack}/web", "--wait")
    eventually(lambda: stage.spec(web)["Mode"]["Replicated"]["Replicas"] == 0, SOON_S)
    stage.wait_until_ready(stack)


def test_another_field_of_the_same_service_is_no_tug_of_war(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _document())
    web = f"{stack}_web"
    _disturb(stage, web, "--env-add", "GREETING=bye")
    _disturb(stage, web, "--hostname", "other")
    stage.wait_until_ready(stack)


def test_reported_drift_is_left(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _document(**{"x-operator": {"drift": "report"}}))
    web = f"{stack}_web"
    stage.forget()
    stage.update("--env-add", "GREETING=bye", web)
    stage.wait_for(stack, "Held", reason="DriftReported", says="Env")
    stage.assert_no_writes(1)
    # A change of the document is no drift: it is sent, and takes the other's with it.
    stage.put(stack, _document(hostname="named", **{"x-operator": {"drift": "report"}}))
    eventually(lambda: stage.container_spec(web).get("Hostname") == "named", SOON_S)
    assert "GREETING=hello" in stage.container_spec(web)["Env"]


def test_an_ignored_field_is_another_hands(stage: Stage, stack: str) -> None:
    options = {"x-operator": {"ignore": ["replicas"]}}
    stage.deploy(stack, _document(**options))
    web = f"{stack}_web"
    stage.forget()
    stage.update("--replicas", "2", web)
    stage.assert_no_writes(2)
    stage.put(stack, _document(hostname="named", **options))
    stage.wait_for_writes(1)
    assert stage.spec(web)["Mode"]["Replicated"]["Replicas"] == 2, "it is kept by other writes too"
    stage.wait_until_ready(stack)


def test_force_update_is_no_drift(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _document())
    web = f"{stack}_web"
    stage.forget()
    stage.update("--force", web)
    stage.assert_no_writes(2)
    stage.put(stack, _document(hostname="named"))
    stage.wait_for_writes(1)
    assert stage.spec(web)["TaskTemplate"]["ForceUpdate"] == 1, "kept: it restarts nothing again"


def test_a_removed_service_is_made_again(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _document())
    web = f"{stack}_web"
    stage.forget()
    stage.lab.docker_cli(1, "service", "rm", web)
    eventually(lambda: web in stage.versions(), SOON_S, "it should be back")
    assert stage.writes() == [f"POST /services/create {web}"]


def test_drift_while_nobody_led_is_put_back_at_the_start(stage: Stage, stack: str) -> None:
    stage.deploy(stack, _document())
    web = f"{stack}_web"
    before = stage.spec(web)
    stage.operator.stop()
    stage.update("--env-add", "GREETING=bye", web)
    stage.forget()
    stage.operator.start(ready=True)
    eventually(lambda: stage.spec(web) == before, SOON_S, "it should be put back")
    stage.assert_no_writes_but_one(f"POST /services/{web}/update")
