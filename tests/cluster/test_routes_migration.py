"""While people come from labels that Traefik reads itself, it has every route twice."""

import time
from collections.abc import Iterator

import pytest

from tests.cluster.harness import Lab, eventually, paths
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

RELOADS = 10
"""Were each a coin without precedence, one series in a thousand would show the same."""
_PRECEDENCE = "--providers.precedence=consul,swarm"
_BY_ROUTER = "--metrics.prometheus.addrouterslabels=true"


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(2, 1, engine) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def stage(lab: Lab) -> Iterator[RouteStage]:
    """The operator and its own Traefik, and a routed service."""
    with RouteStage.of(lab, Traefik(lab).start()) as made:
        made.deploy("app", on_the_edge({"web": routed_service("app")}))
        made.wait_for_route("app", "http/app")
        yield made


def winners(stage: RouteStage, traefik: Traefik) -> list[str]:
    """By which provider's router requests go, after each of some reloads of this Traefik."""
    names = {"app@consul", "app@swarm"}
    eventually(
        lambda: all(traefik.api(f"http/routers/{name}") for name in names), 30, "both are there"
    )
    return [_winner(stage, traefik) for _ in range(RELOADS)]


def _winner(stage: RouteStage, traefik: Traefik) -> str:
    """By which router the next request goes, after another reload."""
    reloads = traefik.reloads()
    stage.put_traefik({"http/middlewares/tick/addprefix/prefix": f"/{time.monotonic_ns()}"})
    eventually(lambda: traefik.reloads() > reloads, 10, "a reload")
    time.sleep(0.3)
    before = traefik.requests_by_router()
    assert traefik.get("app.lab")[0] == 200

    def counted() -> str | None:
        after = traefik.requests_by_router()
        return next((name for name in after if after[name] > before.get(name, 0)), None)

    return str(eventually(counted, 10, "it is counted"))


def test_with_precedence_the_operators_routes_win_and_without_it_chance(
    stage: RouteStage, lab: Lab
) -> None:
    shipped = (paths.CHECKOUT / "deploy/traefik/traefik.yml").read_text("utf-8")
    assert "  precedence:\n    - consul\n    - swarm\n" in shipped
    seen = {}
    for name, more in (("chosen", [_PRECEDENCE]), ("chance", [])):
        both = Traefik(
            lab, provider="both", name=f"traefik-{name}", ports=(82, 8082),
            options=[_BY_ROUTER, *more],
        ).start()  # fmt: skip
        seen[name] = winners(stage, both)
        both.remove()
        print(f"{name}: {seen[name]}")
    assert set(seen["chosen"]) == {"app@consul"}
    assert "app@swarm" in seen["chance"], "the control"
