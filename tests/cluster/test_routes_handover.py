"""A route that goes from one service to another, under names of its own at each: nobody fails."""

from collections.abc import Iterator

import pytest

from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

NAIVE = "http/routers/naive/"
START_S = 8
"""Before the gaining service listens: its healthcheck keeps it out so long."""


@pytest.fixture(scope="module")
def stage(engine: str) -> Iterator[RouteStage]:
    with Lab.start(2, 1, engine) as lab:
        route_stage.prepare(lab)
        with RouteStage.of(lab, Traefik(lab).start()) as made:
            yield made


def hand(host_of: str, *, gone: bool) -> str:
    """Services old and new, one of which has the short route; `gone`: without the other one."""
    services: dict[str, JsonObject] = {}
    for name in ("old", "new"):
        environment = {"VERSION": name, "START_AFTER": str(START_S if name == "new" else 0)}
        wanted = routed_service(
            name,
            image="lab/http:checked",
            environment=environment,
            healthcheck={"start_period": "30s"},
        )
        wanted["deploy"]["labels"] = {}
        if name == host_of:
            route = {"host": "hand.lab", "port": 80, "entrypoint": "web"}
            wanted["x-operator"] = {"routes": route}
        services[name] = wanted
    if gone or host_of == "old":
        del services["old" if host_of == "new" else "new"]
    return on_the_edge(services)


@pytest.mark.parametrize("gone", [False, True], ids=["stays", "goes"])
def test_a_short_route_is_handed_to_a_service_that_starts_slowly(
    stage: RouteStage, gone: bool
) -> None:
    """`gone`: the service that loses it goes in the same push."""
    stage.deploy("hand", hand("old", gone=False))
    stage.wait_for_route("hand", "http/hand-old")
    stage.put_traefik(
        {"http/services/n-old/loadbalancer/servers/1/url": "http://tasks.hand_old:80"}
    )
    stage.put_traefik(
        {"http/services/n-new/loadbalancer/servers/1/url": "http://tasks.hand_new:80"}
    )
    stage.put_traefik({f"{NAIVE}entrypoints": "web", f"{NAIVE}service": "n-old"})
    stage.put_traefik({f"{NAIVE}rule": "Host(`naive.lab`)"})
    stage.traefik.wait_for("naive.lab")
    with (
        stage.load("hand.lab", rate=50, timeout=12) as own,
        stage.load("naive.lab", rate=50, timeout=12) as theirs,
    ):
        own.wait_for(50)
        stage.put("hand", hand("new", gone=gone))
        stage.put_traefik({f"{NAIVE}service": "n-new"})  # as one push without the operator
        eventually(lambda: "new" in own.so_far().versions, 60, "it is handed over")
        own.wait_for(700)
        mine, others = own.end(), theirs.end()
    stage.wait_for_route("hand", "http/hand-new")
    assert list(stage.routes("hand")["routes"]) == ["http/hand-new"]
    stage.kv.delete(f"traefik/{NAIVE}", recurse=True)
    stage.kv.delete("traefik/http/services/n-", recurse=True)
    stage.remove("hand")
    eventually(lambda: "hand_new" not in stage.lab.services(), 30, "the stack goes")
    print(f"handed over by what it matches: operator {mine}; at once {others}")
    assert mine.versions == {"old", "new"}
    assert mine.failed == 0, mine
    assert others.failed > 50, "the load sees what a push without waiting fails"
