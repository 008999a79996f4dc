"""Other hands in Traefik's folder of the KV: they are left alone, and told where they do harm."""

import time
from collections.abc import Iterator

import pytest

from tests.cluster.harness import Lab, always, eventually
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(2, 1, engine) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def shared_stage(lab: Lab) -> Iterator[RouteStage]:
    with RouteStage.of(lab, Traefik(lab).start()) as made:
        yield made


@pytest.fixture
def stage(shared_stage: RouteStage) -> Iterator[RouteStage]:
    """Nothing in Traefik's folder, and nothing routed."""
    yield shared_stage
    for stack in {key.split("/")[2] for key in shared_stage.keys_below("desired/stacks/")}:
        shared_stage.remove(stack)
    eventually(
        lambda: not [name for name in shared_stage.lab.services() if name != "traefik"],
        30,
        "the stacks are gone",
    )
    shared_stage.kv.delete("traefik", recurse=True)
    eventually(lambda: len(shared_stage.traefik_keys()) <= 1, 10, "the folder is empty")
    eventually(
        lambda: not shared_stage.keys_below("status/routes/"), 20, "nothing is told any more"
    )


def deployed(stage: RouteStage, name: str) -> None:
    stage.deploy(name, on_the_edge({"web": routed_service(name)}))
    stage.wait_for_route(name, f"http/{name}")
    assert stage.traefik.get(f"{name}.lab")[0] == 200, "live is live"


def by_hand(name: str) -> dict[str, str]:
    """Keys of a route that leads to a service of the operator's."""
    return {
        f"http/routers/{name}/rule": f"Host(`{name}.lab`)",
        f"http/routers/{name}/entrypoints": "web",
        f"http/routers/{name}/service": name,
        f"http/services/{name}/loadbalancer/servers/1/url": "http://tasks.app_web:80",
    }


def stamps(stage: RouteStage) -> list[str]:
    return [key for key in stage.traefik_keys() if key.endswith("/X-Swarm-Operator-Generation")]


_INTERVAL = "http/services/theirs/loadbalancer/healthcheck/interval"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("http/routers/theirs/prioritty", "1", id="unknown"),
        pytest.param(_INTERVAL, "9999999999h", id="long"),
        pytest.param(_INTERVAL, "9" * 400 + "h", id="longer"),
        pytest.param("http/routers/theirs/tls/certresolver/x", "1", id="struct"),
    ],
)
def test_a_foreign_bad_key_is_named_and_its_removal_thaws(
    stage: RouteStage, key: str, value: str
) -> None:
    deployed(stage, "app")
    begun = time.monotonic()
    stage.put_traefik({key: value})
    stage.wait_for_traefik("Frozen", says=f"traefik/{key}", within=10)
    assert stage.traefik_status()["frozen_by"] == [f"traefik/{key}"]
    print(f"{key}: frozen reported after {time.monotonic() - begun:.1f} s")
    stage.put("later", on_the_edge({"web": routed_service("later")}))
    stage.wait_for_route("later", "http/later", "frozen", within=30)
    assert stage.traefik.get("app.lab")[0] == 200
    assert stage.traefik.get("later.lab")[0] == 404
    begun = time.monotonic()
    stage.kv.delete(f"traefik/{key}")
    stage.wait_for_route("later", "http/later", within=40)
    print(f"live again after {time.monotonic() - begun:.1f} s")
    assert stage.traefik.get("later.lab")[0] == 200
    eventually(
        lambda: not stage.traefik_status()["frozen_by"], 10, "the next look at all keys says so"
    )


@pytest.mark.parametrize("beside", ["nothing", "a foreign route", "a sibling"])
def test_the_last_route_goes(stage: RouteStage, beside: str) -> None:
    deployed(stage, "app")
    if beside == "a foreign route":
        stage.put_traefik(by_hand("theirs"))
        stage.traefik.wait_for("theirs.lab")
    if beside == "a sibling":
        assert stage.kv.put("traefik-of-others/note", "begins as Traefik's root does")
    wanted = routed_service("app")
    wanted["deploy"]["labels"] = {"traefik.enable": "false"}
    stage.put("app", on_the_edge({"web": wanted}))
    eventually(
        lambda: (
            not stage.lab.service("app_web")["Spec"]["Labels"].get("traefik.http.routers.app.rule")
        ),
        20,
        "the label is gone",
        0.01,
    )
    begun = time.monotonic()
    stage.traefik.wait_for("app.lab", 404, within=5)
    print(f"404 {time.monotonic() - begun:.2f} s after the label went, beside {beside}")
    assert time.monotonic() - begun < 1
    if beside == "a foreign route":
        assert stage.traefik.get("theirs.lab")[0] == 200
    stage.kv.delete("traefik-of-others", recurse=True)


def test_routes_by_hand_survive(stage: RouteStage) -> None:
    theirs = by_hand("theirs")
    stage.put_traefik(theirs)
    deployed(stage, "app")
    stage.traefik.wait_for("theirs.lab")
    stage.deploy("app", on_the_edge({"web": routed_service("app", replicas=3)}))
    eventually(lambda: len(stage.servers("app")) == 3, 15, "the third server is written")
    assert theirs.items() <= stage.traefik_values().items()
    assert stage.traefik.get("theirs.lab")[0] == 200


def test_an_edited_key_is_a_conflict_and_nothing_is_half_deleted(stage: RouteStage) -> None:
    deployed(stage, "app")
    before = stage.traefik_values("http/routers/app/")
    stage.put_traefik({"http/routers/app/rule": "Host(`edited.lab`)"})
    stage.wait_for_route("app", "http/app", "conflict", within=15)
    stage.traefik.wait_for("edited.lab")
    assert stage.traefik_values("http/routers/app/").keys() == before.keys()

    def untouched() -> bool:
        return stage.traefik_values()["http/routers/app/rule"] == "Host(`edited.lab`)"

    always(untouched, 3)
    deployed(stage, "other")
    assert untouched()
    stage.kv.delete("traefik/http/routers/app/rule")
    stage.wait_for_route("app", "http/app", within=20)
    assert stage.traefik.wait_for("app.lab")


def test_a_name_that_differs_in_case_alone_is_refused(stage: RouteStage) -> None:
    theirs = by_hand("App")
    stage.put_traefik(theirs)
    stage.deploy("app", on_the_edge({"web": routed_service("app")}))
    stage.wait_for_refusal("app", "only in case")
    assert theirs.items() <= stage.traefik_values().items()
    eventually(lambda: not stage.traefik_keys("http/routers/app/"), 5, "ours is not there")
    stage.kv.delete("traefik/http/routers/App", recurse=True)
    stage.kv.delete("traefik/http/services/App", recurse=True)
    stage.wait_for_route("app", "http/app", within=20)


def test_without_any_route_nothing_is_written(stage: RouteStage) -> None:
    stage.put_traefik(by_hand("theirs"))
    before = stage.write_indexes()
    always(lambda: stage.write_indexes() == before, 3)
    assert not stamps(stage)
    deployed(stage, "app")
    assert stamps(stage), "the stamp comes with the first route"
