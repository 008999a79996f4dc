"""From a changed document to a changed swarm, and what is said where that cannot be."""

import time
from typing import Any

from tests.cluster.harness import eventually
from tests.cluster.scenarios import Stage, document, service
from tests.cluster.scenarios.stage import a_stack

SOON_S = 6
"""What was missing is there: the stack goes on within seconds."""


def test_scaling_restarts_nothing(stage: Stage, stack: str) -> None:
    def replicas(count: int) -> str:
        return document({"web": service("lab/web:1", replicas=count), "side": service()})

    web, side = f"{stack}_web", f"{stack}_side"
    stage.deploy(stack, replicas(2))
    two, neighbour = stage.containers(web)[web], stage.versions()[side]
    for count in (6, 3):
        stage.forget()
        stage.put(stack, replicas(count))
        stage.lab.wait_until_running(web, count)
        stage.wait_until_ready(stack)
        assert stage.writes() == [f"POST /services/{web}/update"]
        if count == 6:
            six = stage.containers(web)[web]
            assert two < six, "those that ran go on"
    three = stage.containers(web)[web]
    assert three < six, "those that stay go on"
    assert stage.versions()[side] == neighbour


def test_a_published_port_changes(stage: Stage, stack: str) -> None:
    def published(port: int) -> str:
        return document({"web": service("lab/web:1", ports=[f"{port}:80"]), "side": service()})

    web, side = f"{stack}_web", f"{stack}_side"
    stage.deploy(stack, published(5000))
    neighbour = stage.versions()[side]
    stage.forget()
    stage.put(stack, published(6000))
    eventually(lambda: _ports(stage, web) == [6000], SOON_S, "the new port")
    stage.wait_until_ready(stack)
    assert stage.writes() == [f"POST /services/{web}/update"]
    assert stage.versions()[side] == neighbour


def test_a_published_port_is_handed_over(stage: Stage, stack: str) -> None:
    """Who gives it up is written first, against the order of the names."""
    old = {"a": service("lab/web:1"), "b": service("lab/web:1", ports=["7001:80"])}
    new = {"a": service("lab/web:1", ports=["7001:80"]), "b": service("lab/web:1")}
    stage.deploy(stack, document(old))
    stage.forget()
    stage.put(stack, document(new))
    eventually(lambda: _ports(stage, f"{stack}_a") == [7001], SOON_S, "a should have the port")
    assert stage.service_writes() == [
        f"POST /services/{stack}_b/update",
        f"POST /services/{stack}_a/update",
    ]
    assert [request.status for request in stage.docker.writes()] == [200, 200]
    assert _ports(stage, f"{stack}_b") == []


def test_a_port_that_somebody_else_has_is_said_and_taken_once_it_is_free(
    stage: Stage, stack: str
) -> None:
    create = ["service", "create", "-d", "--no-resolve-image", "--name", "holder"]
    stage.lab.docker_cli(1, *create, "--publish", "7002:80", "lab/sleep:1")
    wanting = {"web": service("lab/web:1", ports=["7002:80"]), "side": service()}
    stage.put(stack, document(wanting))
    stage.wait_for(stack, "Failed", says="7002")
    stage.lab.wait_until_running(f"{stack}_side", 1)
    stage.lab.docker_cli(1, "service", "rm", "holder")
    stage.wait_until_ready(stack)


def test_a_network_is_attached_and_collected(stage: Stage, stack: str) -> None:
    one = {"web": service("lab/web:1"), "side": service()}
    stage.deploy(stack, document(one))
    neighbour = stage.versions()[f"{stack}_side"]
    stage.forget()
    two = {"web": service("lab/web:1", networks=["default", "more"]), "side": service()}
    stage.put(stack, document(two, networks={"more": {}}))
    stage.wait_for_writes(1)
    assert stage.writes() == ["POST /networks/create", f"POST /services/{stack}_web/update"]
    stage.wait_until_ready(stack)
    targets = stage.spec(f"{stack}_web")["TaskTemplate"]["Networks"]
    assert len(targets) == 2
    stage.deploy(stack, document(one))
    eventually(
        lambda: len(stage.spec(f"{stack}_web")["TaskTemplate"]["Networks"]) == 1, SOON_S, "detached"
    )
    assert f"{stack}_more" in stage.network_names(), "PreviousSpec names it"
    one["web"] = service("lab/web:1", hostname="named")
    stage.put(stack, document(one))
    eventually(lambda: f"{stack}_more" not in stage.network_names(), 15, "it should be collected")
    assert stage.versions()[f"{stack}_side"] == neighbour


def test_what_is_external_and_missing_is_waited_for(stage: Stage, stack: str) -> None:
    kinds = ("network", "config", "secret")
    external = {
        f"{kind}s": {"it": {"external": True, "name": f"elsewhere-{kind}"}} for kind in kinds
    }
    web = service("lab/web:1", networks=["it"], configs=["it"], secrets=["it"])
    stage.forget()
    stage.put(stack, document({"web": web}, **external))
    for kind in kinds:
        reason = f"External{kind.capitalize()}Missing"
        stage.wait_for_condition(stack, "Blocked", reason=reason, says=f"elsewhere-{kind}")
    stage.lab.docker_cli(1, "network", "create", "-d", "overlay", "elsewhere-network")
    stage.lab.docker_cli(1, "config", "create", "elsewhere-config", "-", input="x")
    stage.wait_for(stack, "Blocked", reason="ExternalSecretMissing", says="elsewhere-secret")
    assert stage.writes() == []
    stage.lab.docker_cli(1, "secret", "create", "elsewhere-secret", "-", input="x")
    there_at = time.monotonic()
    stage.wait_for_writes(1, within=SOON_S)
    print(f"from the last one there to the service: {time.monotonic() - there_at:.2f} s")
    assert stage.writes() == [f"POST /services/create {stack}_web"]
    stage.wait_until_ready(stack)
    stage.remove(stack)
    eventually(lambda: not stage.versions(stack), SOON_S, "the stack should go")
    for kind in kinds:  # ours would be collected in the same pass
        stage.lab.docker_cli(1, kind, "inspect", f"elsewhere-{kind}")


def test_a_changed_network_definition_is_said_and_nothing_is_sent(stage: Stage, stack: str) -> None:
    def attached(internal: bool) -> str:
        web = service("lab/web:1", networks=["back"])
        return document({"web": web}, networks={"back": {"internal": internal}})

    stage.deploy(stack, attached(internal=False))
    stage.forget()
    stage.put(stack, attached(internal=True))
    stage.wait_for_condition(stack, "NetworkChanged", says="Internal")
    stage.assert_no_writes(1)
    stage.put(stack, attached(internal=False))
    eventually(lambda: "NetworkChanged" not in str(stage.status(stack)), 5, "it is as it was")
    assert stage.writes() == []


def test_a_document_with_an_error_touches_nothing_and_stops_nobody_else(
    stage: Stage, stack: str
) -> None:
    web = f"{stack}_web"
    stage.deploy(stack, document({"web": service("lab/web:1")}))
    containers, version = stage.containers(web), stage.versions()[web]
    stage.forget()
    stage.put(stack, "services:\n  web:\n    image: lab/web:2\n    imagee: x\n")
    found = stage.wait_for(stack, "Invalid", reason="DocumentRefused", says="imagee")
    assert "4:5" in found["message"] or "line 4, column 5" in found["message"], found["message"]
    with a_stack(stage) as other:
        stage.deploy(other, document({"web": service()}))
    assert stage.versions()[web] == version
    assert stage.containers(web) == containers
    stage.put(stack, document({"web": service("lab/web:2")}))
    eventually(lambda: stage.containers(web) != containers, 15, "the mended document counts")
    stage.wait_until_ready(stack)


def test_a_document_that_is_no_yaml_is_said_with_its_line(stage: Stage, stack: str) -> None:
    stage.put(stack, "services:\n  web:\n    image: [lab/web:1\n")
    found = stage.wait_for(stack, "Invalid")
    assert "compose.yaml" in found["message"]
    assert ":4" in found["message"] or "line 4" in found["message"], found["message"]


def test_an_unknown_image_is_named_by_the_engines_own_words(stage: Stage, stack: str) -> None:
    stage.deploy(stack, document({"web": service("lab/web:1")}))
    stage.put(stack, document({"web": service("lab/nowhere:1")}))
    stage.wait_for(stack, "Degraded", says="No such image", within=30)
    assert "lab/nowhere:1" in stage.status(stack)["message"]
    stage.put(stack, document({"web": service("lab/web:2")}))
    stage.lab.wait_until_running(f"{stack}_web", 1)


def test_a_task_that_fits_nowhere_says_why(stage: Stage, stack: str) -> None:
    placement = {"placement": {"constraints": ["node.labels.zone==nowhere"]}}
    stage.put(stack, document({"web": service(deploy=placement)}))
    stage.wait_for(stack, "Degraded", says="no suitable node")


def test_a_crash_loop_says_the_exit_code(stage: Stage, stack: str) -> None:
    stage.put(stack, document({"web": service("lab/crash:1")}))
    stage.wait_for(stack, "Degraded", says="1")
    found = eventually(
        lambda: "non-zero exit (1)" in stage.status(stack)["message"] and stage.status(stack), 10
    )
    assert found["services"][f"{stack}_web"]["state"] == "Degraded"


def test_a_service_gone_from_the_document_goes_and_the_others_stay(
    stage: Stage, stack: str
) -> None:
    three = {name: service() for name in ("a", "b", "c")}
    stage.deploy(stack, document(three))
    before = stage.versions(stack)
    stage.forget()
    stage.put(stack, document({"a": service(), "b": service()}))
    eventually(lambda: f"{stack}_c" not in stage.versions(), SOON_S, "c should go")
    assert len(stage.service_writes()) == 1
    assert stage.versions(stack) == {k: v for k, v in before.items() if not k.endswith("_c")}


def test_a_foreign_service_of_the_same_name_is_reported_not_seized(
    stage: Stage, stack: str
) -> None:
    name = f"{stack}_web"
    create = ["service", "create", "-d", "--no-resolve-image", "--name", name]
    stage.lab.docker_cli(1, *create, "lab/sleep:1")
    before = stage.lab.service(name)["Spec"]
    stage.forget()
    stage.put(stack, document({"web": service("lab/web:1")}))
    stage.wait_for(stack, "Blocked", reason="ForeignService", says=name)
    assert stage.writes() == []
    assert stage.lab.service(name)["Spec"] == before
    stage.lab.docker_cli(1, "service", "rm", name)
    stage.wait_until_ready(stack)


def _ports(stage: Stage, name: str) -> list[int]:
    found: list[dict[str, Any]] = stage.spec(name).get("EndpointSpec", {}).get("Ports") or []
    return [port["PublishedPort"] for port in found]
