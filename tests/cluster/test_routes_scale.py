"""Two thousand routes, and one change."""

import json
import time
from collections.abc import Iterable, Iterator

import pytest

from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import ROOT, route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

pytestmark = pytest.mark.slow

ROUTES, EACH = 2000, 20
LIVE_S = 1.5


@pytest.fixture(scope="module")
def stage(engine: str) -> Iterator[RouteStage]:
    with Lab.start(2, 1, engine) as lab:
        route_stage.prepare(lab)
        with RouteStage.on_lab(lab, Traefik(lab).start()) as made:
            yield made


def publish(stage: RouteStage, changed: str, documents: Iterable[int]) -> None:
    """Write documents of twenty routes each to one service; the very first leads elsewhere."""
    for document in documents:
        routes = []
        for number in range(document * EACH, (document + 1) * EACH):
            url = "http://tasks.two_a:80" if number else f"http://tasks.two_{changed}:80"
            route = {"name": f"r{number}", "host": f"r{number}.lab", "entrypoint": "web"}
            routes.append({**route, "servers": [url]})
        key = f"{ROOT}desired/routes/crowd-{document}"
        assert stage.kv.put(key, json.dumps({"routes": routes}))


def test_one_change_among_two_thousand_routes_is_live_soon(stage: RouteStage) -> None:
    services = {}
    for name in ("a", "b"):
        services[name] = routed_service(name, replicas=1, environment={"VERSION": name})
        services[name]["deploy"]["labels"] = {}
    stage.deploy("two", on_the_edge(services))
    begun = time.monotonic()
    publish(stage, "a", range(ROUTES // EACH))
    stage.traefik.wait_for(f"r{ROUTES - 1}.lab", within=90)
    stage.traefik.wait_for("r0.lab", within=30)
    first = time.monotonic() - begun
    time.sleep(5)
    took = []
    for changed in ("b", "a", "b", "a", "b"):
        begun = time.monotonic()
        publish(stage, changed, [0])
        _wait_for_answer(stage, changed)
        took.append(time.monotonic() - begun)
        time.sleep(2.5)
    keys = len(stage.traefik_keys())
    print(
        f"{ROUTES} routes, {keys} keys: live after {first:.1f} s; one change after "
        + ", ".join(f"{seconds:.2f} s" for seconds in took)
    )
    assert sorted(took)[len(took) // 2] < LIVE_S, took


def _wait_for_answer(stage: RouteStage, version: str) -> None:
    eventually(
        lambda: stage.traefik.get("r0.lab")[1].split()[-1:] == [version], 20, "it is live", 0.02
    )
