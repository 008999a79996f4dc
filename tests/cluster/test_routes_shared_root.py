"""Two installations on one swarm that write below one root of Traefik: each keeps to its own keys."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.harness import Lab, always, eventually
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

SECOND = "second"
QUIET_S = 20
"""For so long nothing may be written: installations that took each other's keys for their own wrote
several times in this time."""


@pytest.fixture(scope="module")
def stage(engine: str) -> Iterator[RouteStage]:
    with Lab.start(2, 1, engine) as lab:
        route_stage.prepare(lab)
        with RouteStage.of(lab, Traefik(lab).start()) as made:
            made.deploy("app", on_the_edge({"web": routed_service("app")}))
            made.wait_for_route("app", "http/app")
            yield made


@pytest.fixture(scope="module")
def second(stage: RouteStage) -> Iterator[OperatorProcess]:
    """Another operator, with a folder of its own in the KV and a route of its own in it."""
    inherited = {
        name: value
        for name, value in stage.operator.environment.items()
        if name.startswith("SWARM_OPERATOR_") and not name.endswith("_LISTEN")
    }
    with OperatorProcess(
        stage.lab,
        name=SECOND,
        docker_host=stage.docker.socket,
        consul_addr=stage.consul.url.removeprefix("http://"),
        environment={**inherited, "SWARM_OPERATOR_ROOT": SECOND},
    ) as made:
        sentinel = stage.key("desired/.installation")
        assert sentinel is not None
        stage.kv.put(f"{SECOND}/desired/.installation", sentinel)
        route = {"name": "far", "host": "far.lab", "entrypoint": "web"}
        document = {"routes": [{**route, "servers": ["http://tasks.app_web:80"]}]}
        stage.kv.put(f"{SECOND}/desired/routes/far", json.dumps(document))
        yield made


def of_second(stage: RouteStage, key: str) -> dict[str, Any]:
    found = stage.kv.get(f"{SECOND}/status/{key}")[1]
    decoded: dict[str, Any] = json.loads(found["Value"]) if found else {}
    return decoded


def test_the_second_finds_conflicts_says_so_and_touches_nothing(
    stage: RouteStage, second: OperatorProcess
) -> None:
    with stage.load("app.lab", rate=50) as sent:
        stage.traefik.wait_for("far.lab", within=30)
        eventually(lambda: of_second(stage, "traefik").get("state") == "Conflict", 20, "it is told")
        assert "http/routers/app" in str(of_second(stage, "traefik")["conflicts"])
        route = of_second(stage, "routes/app")["routes"]["http/app"]
        assert route["state"] == "conflict", route
        stage.wait_for_route("app", "http/app")
        before = stage.write_indexes(), stage.traefik.reloads()
        always(lambda: (stage.write_indexes(), stage.traefik.reloads()) == before, QUIET_S)
        stage.put("app", on_the_edge({"web": routed_service("app", replicas=3)}))
        eventually(lambda: len(stage.servers("app")) == 3, 20, "the first goes on")
        stage.wait_for_route("app", "http/app")
        seen = sent.end()
    assert stage.traefik.get("far.lab")[0] == 200
    writes = second.metric("swarm_operator_traefik_writes_total", result="done")
    print(f"two installations: the second wrote {writes:.0f} times; {seen}")
    assert seen.failed == 0, seen
    assert writes == 1, "its own route, once"


def test_the_first_takes_its_routes_away_and_the_second_has_them(
    stage: RouteStage, second: OperatorProcess
) -> None:
    """Who is still there serves on: the service wishes its route of both."""
    stage.operator.stop()
    for key in stage.traefik_keys():
        if "/app/" in key:
            stage.kv.delete(f"traefik/{key}")
    eventually(
        lambda: of_second(stage, "routes/app")["routes"]["http/app"]["state"] == "live",
        20, "the second has it",
    )  # fmt: skip
    assert stage.traefik.get("app.lab")[0] == 200
    assert second.is_running
