"""What a new holder of the lease takes over: last good states, and who was first."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import ROOT, route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

SETTLED_S = 5
"""After a take-over everything has been read, decided and written by then."""


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(2, 1, engine) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab) -> Iterator[RouteStage]:
    with RouteStage.of(lab, Traefik(lab).start()) as made:
        made.deploy("steady", on_the_edge({"web": routed_service("steady")}))
        made.wait_for_route("steady", "http/steady")
        yield made


def restart(stage: RouteStage, how: str) -> None:
    """End the operator, and wait until another one has decided."""
    getattr(stage.operator, how)()
    stage.operator.start(ready=True)
    stage.wait_until_leading(within=40)
    time.sleep(SETTLED_S)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_refused_service_serves_on_over_a_restart_though_nobody_knows_its_good_spec(
    stage: RouteStage, how: str
) -> None:
    """Docker keeps one former spec alone, and after a second update that is a bad one too."""
    good = routed_service("kept", replicas=3)
    bad = routed_service(
        "kept", replicas=3, more_labels={"traefik.http.routers.kept.rule": "Hots(`x`)"}
    )
    stage.deploy("kept", on_the_edge({"web": good}))
    stage.wait_for_route("kept", "http/kept")
    with stage.load("kept.lab", rate=50) as sent:
        stage.deploy("kept", on_the_edge({"web": bad}))
        stage.wait_for_refusal("kept", "Hots")
        bad["deploy"]["labels"]["second"] = "update"
        stage.deploy("kept", on_the_edge({"web": bad}))
        eventually(lambda: "second" in stage.spec("kept_web")["Labels"], 10, "it is updated")
        assert "Hots" in str(stage.lab.service("kept_web")["PreviousSpec"]), "it knows no good one"
        before = stage.traefik_values("http/services/kept/")
        restart(stage, how)
        assert stage.traefik_values("http/services/kept/") == before
        assert stage.traefik.get("kept.lab")[0] == 200
        stage.wait_for_route("kept", "http/kept", "rejected")
        sent.wait_for(sent.so_far().total + 50)
        seen = sent.end()
    print(f"refused service over a {how}: {seen}")
    assert seen.failed == 0, seen
    stage.deploy("kept", on_the_edge({"web": good}))
    stage.wait_for_route("kept", "http/kept")
    stage.remove("kept")
    stage.traefik.wait_for("kept.lab", 404, within=20)


def test_its_tasks_of_today_are_served_after_the_restart_too(stage: RouteStage) -> None:
    bad = routed_service(
        "rolled", replicas=2, more_labels={"traefik.http.routers.rolled.rule": "Hots(`x`)"}
    )
    stage.deploy("rolled", on_the_edge({"web": routed_service("rolled", replicas=2)}))
    stage.wait_for_route("rolled", "http/rolled")
    for number in ("1", "2"):
        bad["deploy"]["labels"]["update"] = number
        stage.deploy("rolled", on_the_edge({"web": bad}))
        stage.wait_for_refusal("rolled", "Hots")
    restart(stage, "stop")
    with stage.load("rolled.lab", path="/?ms=300", method="POST", rate=30, timeout=12) as sent:
        sent.wait_for(30)
        stage.put("rolled", on_the_edge({"web": {**bad, "image": "lab/http:2"}}))
        stage.wait_for_update("rolled_web")
        sent.wait_for(sent.so_far().total + 150)
        seen = sent.end()
    print(f"refused service rolled over after a restart: {seen}")
    assert seen.versions == {"1", "2"}, seen
    assert seen.failed == 0, seen
    stage.remove("rolled")


def test_a_document_that_was_broken_is_served_on_over_a_restart(stage: RouteStage) -> None:
    route = {"name": "legacy", "host": "legacy.lab", "entrypoint": "web"}
    good = {**route, "servers": ["http://tasks.steady_web:80"]}
    key = f"{ROOT}desired/routes/legacy"
    stage.kv.put(key, json.dumps({"routes": [good]}))
    stage.traefik.wait_for("legacy.lab")
    stage.kv.put(key, json.dumps({"routes": [{**good, "hosst": "legacy.lab"}]}))
    stage.wait_for_refusal(stage.NO_STACK, "hosst")
    restart(stage, "stop")
    assert stage.traefik.get("legacy.lab")[0] == 200
    stage.wait_for_refusal(stage.NO_STACK, "hosst")
    stage.kv.delete(key)
    stage.traefik.wait_for("legacy.lab", 404, within=20)


def test_the_first_to_use_a_middlewares_name_keeps_it_over_a_restart(stage: RouteStage) -> None:
    """Not the older service: the one whose route is live."""

    def protected(name: str) -> str:
        chain = {
            f"traefik.http.routers.{name}.middlewares": "auth",
            "traefik.http.middlewares.auth.addprefix.prefix": f"/{name}",
        }
        return on_the_edge({"web": routed_service(name, replicas=1, more_labels=chain)})

    plain = routed_service("early", replicas=1)
    plain["deploy"]["labels"] = {}
    stage.deploy("early", on_the_edge({"web": plain}))
    stage.deploy("late", protected("late"))
    stage.wait_for_route("late", "http/late")
    stage.deploy("early", protected("early"))
    stage.wait_for_refusal("early", "auth")
    with stage.load("late.lab", rate=30) as sent:
        restart(stage, "stop")
        assert stage.traefik.headers("late.lab")["x-path"] == "/late/"
        assert stage.traefik.get("early.lab")[0] == 404
        stage.wait_for_route("late", "http/late")
        stage.wait_for_refusal("early", "auth")
        seen = sent.end()
    assert seen.failed == 0, seen
    stage.remove("early")
    stage.remove("late")


def test_a_restart_alone_writes_nothing(stage: RouteStage) -> None:
    eventually(lambda: not stage.traefik_keys("http/routers/late/"), 20, "no other route is left")
    eventually(lambda: not stage.traefik_keys("http/routers/rolled/"), 20, "no other route is left")
    stage.wait_for_route("steady", "http/steady")
    time.sleep(2)  # Traefik's throttle
    before = stage.write_indexes(), stage.traefik.reloads()
    for how in ("stop", "kill"):
        restart(stage, how)
        assert (stage.write_indexes(), stage.traefik.reloads()) == before
    stage.put("steady", on_the_edge({"web": routed_service("steady", replicas=3)}))
    eventually(lambda: len(stage.servers("steady")) == 3, 20, "a change is written")
    eventually(lambda: stage.traefik.reloads() > before[1], 10, "and loaded")
