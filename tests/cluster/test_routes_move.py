"""Tasks of a routed service move home under load: nobody's request is cut off.

The control arm is the same daemon whose moves do not ask what publishes: some of its requests are.
"""

import sys
from collections.abc import Iterator

import pytest

from tests.cluster import operator_without_withdrawal
from tests.cluster.harness import Lab, eventually
from tests.cluster.load import Result
from tests.cluster.scenarios import ROOT, route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

POLICY = (
    "rebalance: {hold_off: 1s, settle: 2s, canary: 1s, min_age: 5s, between_moves: 1s, "
    "moves_per_hour: 600, default: auto}\n"
)
REPLICAS = 6
POWERED_OFF = "node4"


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    """A manager with Traefik, which takes no other tasks, and three workers."""
    with Lab.start(4, 1, engine, heartbeat_s=1) as made:
        route_stage.prepare(made)
        made.docker_cli(1, "node", "update", "--label-add", "edge=true", "node1")
        yield made


@pytest.fixture(scope="module")
def traefik(lab: Lab) -> Traefik:
    return Traefik(lab).start()


def stage_of(lab: Lab, traefik: Traefik, *, withdraws: bool, drain: str) -> RouteStage:
    command = [] if withdraws else [sys.executable, operator_without_withdrawal.__file__, "run"]
    return RouteStage(
        lab, traefik, environment={"SWARM_OPERATOR_TRAEFIK_DRAIN": drain}, command=command
    )


def moved(
    lab: Lab, traefik: Traefik, *, milliseconds: int, withdraws: bool, requests: int, rate: float
) -> Result:
    """Load while the tasks that a powered-off worker lost come home; what the load got."""
    drain = f"{milliseconds / 1000 + 0.7:.1f}s"
    stage = stage_of(lab, traefik, withdraws=withdraws, drain=drain)
    web = routed_service("app", replicas=REPLICAS, order="start-first")
    web["deploy"]["placement"] = {"constraints": ["node.role == worker"]}
    node = lab.node(4)
    try:
        stage.operator.start(ready=True)
        stage.wait_until_leading(within=30)  # the former operator's lease has to end
        stage.kv.put(f"{ROOT}desired/policy", POLICY)
        stage.deploy("app", on_the_edge({"web": web}))
        stage.wait_for_route("app", "http/app")
        node.power_off()
        eventually(lambda: _are_elsewhere(lab), 60, "Swarm puts the tasks elsewhere")
        with stage.load(
            "app.lab",
            path=f"/?ms={milliseconds}",
            method="POST",
            rate=rate,
            timeout=milliseconds / 1000 + 10,
        ) as sent:
            sent.wait_for(20)
            node.power_on()
            eventually(
                lambda: (
                    lab.hosts_of("app_web").count(POWERED_OFF) == REPLICAS // 3
                    and stage.is_balanced()
                ),
                150,
                "the tasks are home",
                0.5,
            )
            sent.wait_for(requests, within=120)
            return sent.end()
    except AssertionError as error:
        said = (stage.key("status/rebalance") or b"").decode()[:4000]
        raise AssertionError(f"{error}\n{said}\n{stage.operator.tail(3000)}") from None
    finally:
        stage.remove("app")
        eventually(lambda: "app_web" not in lab.services(), 30, "the stack goes")
        stage.close()


def _are_elsewhere(lab: Lab) -> bool:
    hosts = lab.hosts_of("app_web")
    return len(hosts) == REPLICAS and POWERED_OFF not in hosts


@pytest.mark.parametrize(
    ("milliseconds", "rate"),
    [
        pytest.param(300, 40, id="300ms"),
        pytest.param(3000, 25, id="3s", marks=pytest.mark.slow),
        pytest.param(5000, 25, id="5s", marks=pytest.mark.slow),
    ],
)
def test_tasks_come_home_without_a_failed_request(
    lab: Lab, traefik: Traefik, milliseconds: int, rate: float
) -> None:
    mine = moved(lab, traefik, milliseconds=milliseconds, withdraws=True, requests=1000, rate=rate)
    print(f"moves under POST of {milliseconds} ms: {mine}")
    assert mine.total >= 1000
    assert mine.failed == 0, mine


@pytest.mark.slow
def test_without_withdrawal_requests_are_cut_off(lab: Lab, traefik: Traefik) -> None:
    """The control: what takes longer than the 3.1 s for which Swarm lets a task serve on."""
    seen = moved(lab, traefik, milliseconds=5000, withdraws=False, requests=300, rate=25)
    print(f"moves without withdrawal under POST of 5 s: {seen}")
    assert seen.failed > 0, seen
