"""Tasks of a routed service move home under load: nobody's request is cut off.

There are two control arms. Beside the operator's route stands one by hand, which leads to the DNS name of
the tasks: requests of 300 ms are cut off there. Those of 3 s are longer than what is left of the 3.1 s for
which Swarm lets a task serve on: the same daemon, whose moves do not ask what publishes, cuts some off.
"""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import operator_without_withdrawal
from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import route_acts, route_stage
from tests.cluster.scenarios.route_stage import RouteStage
from tests.cluster.traefik_lab import Traefik
from tests.load.results import Result

BY_NAME = {
    "http/routers/by-name/entrypoints": "web",
    "http/routers/by-name/rule": "Host(`name.lab`)",
    "http/routers/by-name/service": "by-name",
    "http/services/by-name/loadbalancer/servers/1/url": "http://tasks.app_web:80",
}
RATES = {300: (40, 100), 3000: (25, 25), 5000: (25, 25)}
"""Requests a second, by how long each takes in milliseconds: the operator's route, and by name."""


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    """A manager with Traefik, which takes no other tasks, and three workers."""
    with Lab.start(4, 1, engine, heartbeat_s=1) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def traefik(lab: Lab) -> Traefik:
    return Traefik(lab).start()


def moved(
    lab: Lab, traefik: Traefik, *, milliseconds: int, withdraws: bool, requests: int
) -> tuple[Result, Result]:
    """Load while the tasks that a powered-off worker lost come home; what came of it by the operator's
    route, and by the DNS name."""
    command = [] if withdraws else [sys.executable, operator_without_withdrawal.__file__, "run"]
    drain = {"SWARM_OPERATOR_TRAEFIK_DRAIN": f"{milliseconds / 1000 + 0.7:.1f}s"}
    stage = RouteStage(lab, traefik, environment=drain, command=command)
    node = lab.node(4)
    path, timeout = f"/?ms={milliseconds}", milliseconds / 1000 + 10
    try:
        stage.operator.start(ready=True)
        stage.wait_until_leading(within=30)  # the former operator's lease has to end
        route_acts.allow_moves(stage)
        stage.deploy("app", route_acts.movable("app"))
        stage.wait_for_route("app", "http/app")
        stage.put_traefik(BY_NAME)
        stage.traefik.wait_for("name.lab")
        route_acts.lose(stage, node, "app_web")
        rate, rate_by_name = RATES[milliseconds]
        post: Any = {"path": path, "method": "POST", "timeout": timeout}
        with (
            stage.load("app.lab", rate=rate, **post) as sent,
            stage.load("name.lab", rate=rate_by_name, **post) as by_name,
        ):
            sent.wait_for(20)
            route_acts.bring_home(stage, node, "app_web")
            sent.wait_for(requests, within=120)
            return sent.end(), by_name.end()
    finally:
        stage.kv.delete("traefik/http/routers/by-name", recurse=True)
        stage.kv.delete("traefik/http/services/by-name", recurse=True)
        stage.remove("app")
        eventually(lambda: "app_web" not in lab.services(), 30, "the stack goes")
        stage.close()


@pytest.mark.parametrize(
    "milliseconds",
    [
        pytest.param(300, id="300ms"),
        pytest.param(3000, id="3s"),
        pytest.param(5000, id="5s", marks=pytest.mark.slow),
    ],
)
def test_tasks_come_home_without_a_failed_request(
    lab: Lab, traefik: Traefik, milliseconds: int
) -> None:
    mine, by_name = moved(lab, traefik, milliseconds=milliseconds, withdraws=True, requests=1000)
    print(f"moves under POST of {milliseconds} ms: {mine}; by the tasks' name {by_name}")
    assert mine.total >= 1000
    assert mine.failed == 0, mine
    assert by_name.failed > 0, "the load sees what is cut off"


@pytest.mark.parametrize(
    "milliseconds",
    [pytest.param(3000, id="3s"), pytest.param(5000, id="5s", marks=pytest.mark.slow)],
)
def test_without_withdrawal_requests_are_cut_off(
    lab: Lab, traefik: Traefik, milliseconds: int
) -> None:
    seen, _ = moved(lab, traefik, milliseconds=milliseconds, withdraws=False, requests=300)
    print(f"moves without withdrawal under POST of {milliseconds} ms: {seen}")
    assert seen.failed > 0, seen
