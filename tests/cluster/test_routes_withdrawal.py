"""Tasks are taken out of what is published before they stop, and nothing is promised that was not seen.

The daemon here is the real one; its withdrawals are asked for by the test, in the mover's place.
"""

import sys
from collections.abc import Iterator

import pytest

from tests.cluster import in_containers, operator_with_withdrawals
from tests.cluster.harness import Lab, eventually
from tests.cluster.harness.node import Node
from tests.cluster.operator_with_withdrawals import Withdrawals
from tests.cluster.scenarios import document, route_stage, service
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik
from tests.load.results import Result
from tests.load.running import Load

DRAIN_S = 5.7
LONG = "/?ms=5000"
REPLICAS = 6
BAD_KEY = "http/routers/theirs/nonsense"


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    """A manager with Traefik, and three workers with the tasks."""
    with Lab.start(4, 1, engine) as made:
        route_stage.prepare(made)
        made.load_images()
        yield made


@pytest.fixture(scope="module")
def withdrawals(lab: Lab) -> Withdrawals:
    return Withdrawals(lab.client.directory / "withdrawals")


@pytest.fixture(scope="module")
def stage(lab: Lab, withdrawals: Withdrawals) -> Iterator[RouteStage]:
    environment = {
        "SWARM_OPERATOR_TRAEFIK_DRAIN": f"{DRAIN_S}s",
        operator_with_withdrawals.FOLDER: str(lab.client.directory / "withdrawals"),
    }
    command = [sys.executable, operator_with_withdrawals.__file__, "run"]
    assert withdrawals
    traefik = Traefik(lab).start()
    with RouteStage.of(lab, traefik, environment=environment, command=command) as made:
        made.deploy("app", on_the_edge({"web": _workers("app", REPLICAS)}))
        made.wait_for_route("app", "http/app")
        made.deploy("other", document({"db": service()}))
        yield made


def _workers(name: str, replicas: int, **more_labels: str) -> dict[str, object]:
    web = routed_service(name, replicas=replicas, more_labels=more_labels)
    web["deploy"]["placement"] = {"constraints": ["node.role == worker"]}
    return web


def _tasks_on(lab: Lab, node: Node, name: str = "app_web") -> dict[str, str]:
    """The addresses on the edge network of a service's running tasks on a node, by task."""
    ids = {each["ID"]: each["Description"]["Hostname"] for each in lab.manager.docker.nodes()}
    return {
        task["ID"]: task["NetworksAttachments"][0]["Addresses"][0].split("/")[0]
        for task in lab.running_tasks(name)
        if ids[task["NodeID"]] == node.hostname
    }


def _drain(stage: RouteStage, node: Node, sent: Load) -> Result:
    """Drain a node under load, and wait until its tasks run elsewhere."""
    stage.lab.docker_cli(1, "node", "update", "--availability=drain", node.hostname)
    eventually(lambda: node.hostname not in stage.lab.hosts_of("app_web"), 30, "its tasks are gone")
    stage.lab.wait_until_running("app_web", REPLICAS, within=60)
    sent.wait_for(sent.so_far().total + 150)
    return sent.end()


def test_a_node_that_is_drained_after_its_tasks_were_withdrawn_fails_nobody(
    stage: RouteStage, withdrawals: Withdrawals
) -> None:
    """Requests of 5 s, longer than the 3.1 s for which Swarm lets a task serve on."""
    lab = stage.lab
    withdrawn, direct = lab.node(3), lab.node(4)
    tasks = _tasks_on(lab, withdrawn)
    assert tasks
    with stage.load("app.lab", path=LONG, method="POST", rate=25, timeout=15) as sent:
        sent.wait_for(100)
        withdrawals.ask(*tasks)
        eventually(
            lambda: not any(ip in str(stage.servers("app")) for ip in tasks.values()),
            10,
            "they are out of what is written",
        )
        said = withdrawals.wait_for(tasks)
        mine = _drain(stage, withdrawn, sent)
    lab.docker_cli(1, "node", "update", "--availability=active", withdrawn.hostname)
    with stage.load("app.lab", path=LONG, method="POST", rate=25, timeout=15) as sent:
        sent.wait_for(100)
        theirs = _drain(stage, direct, sent)
    lab.docker_cli(1, "node", "update", "--availability=active", direct.hostname)
    print(f"node drained under POST of 5 s: withdrawn {mine} ({said}); direct {theirs}")
    assert {answer for answer, _ in said.values()} == {"CONFIRMED"}
    assert all(DRAIN_S <= took < DRAIN_S + 4 for _, took in said.values())
    assert mine.total >= 272
    assert mine.failed == 0, mine
    assert theirs.failed > 0, "the load sees what is cut off"


def test_a_refused_service_is_withdrawn_as_carefully(
    stage: RouteStage, withdrawals: Withdrawals
) -> None:
    """It goes on with what it published when it was good."""
    wrong = {"traefik.http.routers.kept.nosuch": "1"}
    stage.deploy("kept", on_the_edge({"web": _workers("kept", 3)}))
    stage.wait_for_route("kept", "http/kept")
    stage.deploy("kept", on_the_edge({"web": _workers("kept", 3, **wrong)}))
    stage.wait_for_route("kept", "http/kept", "rejected")
    running = stage.lab.running_tasks("kept_web")
    task, address = next(
        (each["ID"], each["NetworksAttachments"][0]["Addresses"][0].split("/")[0])
        for each in running
    )
    assert address in _servers_in_traefik(stage, "kept")
    withdrawals.ask(task)
    said = withdrawals.wait_for([task])
    assert address not in _servers_in_traefik(stage, "kept")
    assert said[task][0] == "CONFIRMED"
    assert said[task][1] >= DRAIN_S
    withdrawals.publish_again(task)
    eventually(lambda: address in _servers_in_traefik(stage, "kept"), 10, "it is published again")
    stage.remove("kept")


def _servers_in_traefik(stage: RouteStage, name: str) -> str:
    """What Traefik itself has."""
    return str(stage.traefik.api(f"http/services/{name}@consul")["loadBalancer"])


def test_a_services_only_task_is_withdrawn_when_none_comes_beside_it(
    stage: RouteStage, withdrawals: Withdrawals
) -> None:
    stage.deploy("single", on_the_edge({"web": _workers("single", 1)}))
    stage.wait_for_route("single", "http/single")
    (task,) = (each["ID"] for each in stage.lab.running_tasks("single_web"))
    withdrawals.ask(task)
    said = withdrawals.wait_for([task])
    assert said[task][0] == "CONFIRMED"
    assert said[task][1] >= 5 + DRAIN_S
    assert stage.traefik.get("single.lab")[0] == 200, "never the last one"
    withdrawals.publish_again(task)
    stage.remove("single")


@pytest.mark.parametrize("trouble", ["frozen", "silent", "another hand's stamp"])
def test_what_no_traefik_can_confirm_is_given_up_and_what_has_no_route_waits_for_none(
    stage: RouteStage, withdrawals: Withdrawals, trouble: str
) -> None:
    lab = stage.lab
    routed = next(each["ID"] for each in lab.running_tasks("app_web"))
    (unrouted,) = (each["ID"] for each in lab.running_tasks("other_db"))
    withdrawals.ask(unrouted)
    well = withdrawals.wait_for([unrouted])[unrouted]
    withdrawals.publish_again(unrouted)
    (stamp,) = (key for key in stage.traefik_keys() if key.endswith("-Generation"))
    node, container = next(in_containers.containers(lab, stage.traefik.name))
    if trouble == "frozen":
        stage.put_traefik({BAD_KEY: "1"})
        stage.wait_for_traefik("Frozen", says=BAD_KEY)
    elif trouble == "silent":
        lab.docker_cli(node, "pause", container)
    else:
        stage.put_traefik({stamp: "by hand"})
        found = stage.wait_for_traefik("Conflict")
        assert {each["state"] for each in found["instances"].values()} == {"unknown"}, found
        stage.wait_for_route("app", "http/app", "unknown")
    try:
        withdrawals.ask(routed, unrouted)
        said = withdrawals.wait_for([routed, unrouted])
    finally:
        stage.kv.delete(f"traefik/{BAD_KEY}")
        if trouble == "silent":
            lab.docker_cli(node, "unpause", container)
        elif trouble != "frozen":
            stage.kv.delete(f"traefik/{stamp}")
        withdrawals.publish_again(routed, unrouted)
    print(f"{trouble}: routed {said[routed]}; without routes {said[unrouted]}, before {well}")
    assert well[0] == said[unrouted][0] == "CONFIRMED"
    assert max(well[1], said[unrouted][1]) < 1.5
    assert said[routed][0] == "TIMED_OUT"
    assert 30 <= said[routed][1] < 32
    stage.wait_for_route("app", "http/app", within=40)
    withdrawals.ask(routed)
    assert withdrawals.wait_for([routed])[routed][0] == "CONFIRMED", "and well again"
    withdrawals.publish_again(routed)
