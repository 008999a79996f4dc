"""Two thousand routes, and one change."""

import json
import time
from collections.abc import Iterable, Iterator

import pytest

from desired_state.route_records import StackRoutes, others
from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import ROOT, route_acts, route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

pytestmark = pytest.mark.slow

ROUTES = 2000
LIVE_S = 1.5


@pytest.fixture(scope="module")
def stage(engine: str) -> Iterator[RouteStage]:
    with Lab.start(2, 1, engine) as lab:
        route_stage.prepare(lab)
        with RouteStage.of(lab, Traefik(lab).start()) as made:
            yield made


def test_one_change_among_two_thousand_routes_is_live_soon(stage: RouteStage) -> None:
    services = {}
    for name in ("a", "b"):
        services[name] = routed_service(name, replicas=1, environment={"VERSION": name})
        services[name]["deploy"]["labels"] = {}
    stage.deploy("two", on_the_edge(services))

    def publish(changed: str, documents: Iterable[int]) -> None:
        route_acts.publish_crowd(stage, f"two_{changed}", "two_a", documents, ROUTES)

    begun = time.monotonic()
    publish("a", route_acts.crowd_documents(ROUTES))
    stage.traefik.wait_for(f"r{ROUTES - 1}.lab", within=90)
    stage.traefik.wait_for("r0.lab", within=30)
    first = time.monotonic() - begun
    eventually(lambda: states(stage) == {"live": ROUTES}, 60, "all are told to be live", 0.5)
    time.sleep(5)
    took, told = [], []
    for changed in ("b", "a", "b", "a", "b"):
        begun = time.monotonic()
        publish(changed, [0])
        _wait_for_answer(stage, changed)
        took.append(time.monotonic() - begun)
        eventually(lambda: states(stage) == {"live": ROUTES}, 20, "it is told")
        told.append(time.monotonic() - begun)
        time.sleep(2.5)
    keys = len(stage.traefik_keys())
    print(
        f"{ROUTES} routes, {keys} keys: live after {first:.1f} s; one change after "
        f"{_seconds(took)}; told after {_seconds(told)}"
    )
    assert sorted(took)[len(took) // 2] < LIVE_S, took


def test_each_of_them_can_be_asked_for(stage: RouteStage) -> None:
    """More than a value of the KV holds: those that are worst are shown, and the others named."""
    record = StackRoutes.parse(stage.key(f"status/routes/{stage.NO_STACK}") or b"")
    assert record is not None
    shown = record.routes.keys() | {name for _, _, name in others(record)}
    assert shown == {f"http/r{number}" for number in range(ROUTES)}
    assert record.more == ROUTES - len(record.routes) > 0
    key = f"{ROOT}desired/routes/bad"
    bad = {"name": "worst", "host": "worst.lab", "entrypoint": "web", "hosst": "x"}
    stage.kv.put(key, json.dumps({"routes": [{**bad, "servers": ["http://tasks.two_a:80"]}]}))
    stage.wait_for_refusal(stage.NO_STACK, "hosst", within=30)
    said = stage.operator.cli("routes").stdout
    assert "hosst" in said
    assert str(record.more) in said or "more" in said
    stage.kv.delete(key)
    eventually(lambda: not stage.routes(stage.NO_STACK).get("refused"), 30, "it is mended")


def test_a_restart_among_them_writes_nothing(stage: RouteStage) -> None:
    before = stage.write_indexes(), stage.traefik.reloads()
    stage.operator.stop()
    stage.operator.start(ready=True)
    stage.wait_until_leading(within=40)
    time.sleep(10)
    assert (stage.write_indexes(), stage.traefik.reloads()) == before
    assert states(stage) == {"live": ROUTES}


def states(stage: RouteStage) -> dict[str, int]:
    """How many routes of no stack there are in each state."""
    found: dict[str, int] = stage.routes(stage.NO_STACK).get("counts", {})
    return found


def _seconds(each: Iterable[float]) -> str:
    return ", ".join(f"{seconds:.2f} s" for seconds in each)


def _wait_for_answer(stage: RouteStage, version: str) -> None:
    eventually(
        lambda: stage.traefik.get("r0.lab")[1].split()[-1:] == [version], 20, "it is live", 0.02
    )
