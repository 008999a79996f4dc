"""Routes follow what runs: they appear, are rolled over without a failed request, and go.

Beside the operator's Traefik stands another one with Traefik's own Swarm provider, for the same
services and the same load: what it fails shows that the load can see it.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cluster.harness import Lab, eventually
from tests.cluster.load import Load, Result
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik

POST = "/?ms=300"
GIVEN_UP_S = 5
"""After which a request counts as hung: nothing here takes longer."""
ROLLED = {
    "roll-stop": routed_service("roll-stop", replicas=3, order="stop-first"),
    "roll-start": routed_service("roll-start", replicas=3, order="start-first"),
    "solo": routed_service("solo", replicas=1),
}


@pytest.fixture(scope="module")
def lab(engine: str) -> Iterator[Lab]:
    with Lab.start(3, 1, engine) as made:
        route_stage.prepare(made)
        yield made


@pytest.fixture(scope="module")
def labels(lab: Lab) -> Traefik:
    """Traefik with its own Swarm provider, as it comes (it looks every 15 s)."""
    return Traefik(lab, provider="swarm").start()


@pytest.fixture(scope="module")
def stage(lab: Lab, labels: Traefik) -> Iterator[RouteStage]:
    assert labels
    with RouteStage.on_lab(lab, Traefik(lab).start()) as made:
        yield made


def both_loads(
    stage: RouteStage, labels: Traefik, host: str, stack: ExitStack, **options: Any
) -> tuple[Load, Load]:
    """The same load through both."""
    wanted = {"timeout": GIVEN_UP_S, **options}
    own = stack.enter_context(stage.load(host, **wanted))
    theirs = stack.enter_context(stage.load(host, labels=labels, **wanted))
    return own, theirs


@pytest.fixture(scope="module")
def rolled(stage: RouteStage, labels: Traefik) -> RouteStage:
    """Three services that are going to be replaced; both Traefiks know them."""
    for name, wanted in ROLLED.items():
        stage.deploy(name, on_the_edge({"web": wanted}))
    for name in ROLLED:
        stage.wait_for_route(name, f"http/{name}")
        labels.wait_for(f"{name}.lab", within=30)
    return stage


def replaced(
    stage: RouteStage, labels: Traefik, name: str, **options: Any
) -> tuple[Result, Result]:
    """Give one of them its other version under load; what the operator's Traefik and the one with
    labels answered."""
    with ExitStack() as stack:
        own, theirs = both_loads(stage, labels, f"{name}.lab", stack, **options)
        own.wait_for(60)
        stage.put(name, on_the_edge({"web": {**ROLLED[name], "image": "lab/http:2"}}))
        eventually(lambda: "2" in own.so_far().versions, 30, "the new version answers")
        stage.wait_for_update(f"{name}_web")
        own.wait_for(own.so_far().total + 100)
        mine, others = own.end(), theirs.end()
    print(f"{name}: operator {mine}; Swarm provider {others}")
    assert mine.versions == {"1", "2"}
    assert mine.total >= 250
    return mine, others


@pytest.mark.parametrize("name", ["roll-stop", "roll-start"])
def test_a_rolling_update_fails_no_long_request(
    rolled: RouteStage, labels: Traefik, name: str
) -> None:
    mine, others = replaced(rolled, labels, name, path=POST, method="POST", rate=50)
    assert mine.failed == 0, mine
    assert others.failed > 0, "the load sees what Traefik's own provider fails"


def test_a_single_replica_is_replaced_while_requests_wait(
    rolled: RouteStage, labels: Traefik
) -> None:
    mine, others = replaced(rolled, labels, "solo", rate=30, timeout=12)
    assert mine.failed <= 1, mine
    assert mine.longest < 9, mine  # 1 to 2 s where the machine has nothing else to do
    assert others.failed > 1, "the load sees what Traefik's own provider fails"


def test_a_route_appears_scales_to_zero_and_goes(stage: RouteStage, labels: Traefik) -> None:
    stage.put("shop", on_the_edge({"web": routed_service("web")}))
    stage.traefik.wait_for("web.lab", within=20)
    found = stage.wait_for_route("shop", "http/web")
    assert found["servers"] == 2
    labels.wait_for("web.lab", within=30)
    stage.put("shop", on_the_edge({"web": routed_service("web", replicas=0)}))
    stage.traefik.wait_for("web.lab", 503, within=20)
    eventually(lambda: labels.api("http/routers/web@swarm") is None, 30, "404 there")
    stage.remove("shop")
    stage.traefik.wait_for("web.lab", 404, within=20)
    eventually(lambda: "http/routers/web/rule" not in stage.traefik_keys(), 10, "the keys are gone")


def test_host_ports_are_rolled_over(stage: RouteStage) -> None:
    """Traefik's own Swarm provider knows no ports in host mode."""
    host = routed_service("host", replicas=3, image="lab/http:checked")
    host["ports"] = [{"target": 80, "published": 8085, "mode": "host"}]
    del host["networks"]
    stage.deploy("host", on_the_edge({"web": host}))
    stage.wait_for_route("host", "http/host")
    addresses = {f"http://{node.address}:8085" for node in stage.lab.nodes}
    assert set(stage.servers("host")) == addresses
    with stage.load("host.lab", path=POST, method="POST", rate=50, timeout=GIVEN_UP_S) as sent:
        sent.wait_for(100)
        stage.put("host", on_the_edge({"web": {**host, "image": "lab/http:checked-2"}}))
        stage.wait_for_update("host_web")
        sent.wait_for(sent.so_far().total + 100)
        mine = sent.end()
    stage.remove("host")
    print(f"host ports: operator {mine}")
    assert mine.versions == {"checked", "checked-2"}
    assert mine.failed == 0, mine


def test_connections_and_packets_are_routed_too(stage: RouteStage) -> None:
    wanted = routed_service("plain")
    wanted["deploy"]["labels"] = {
        "traefik.tcp.routers.plain.rule": "HostSNI(`*`)",
        "traefik.tcp.routers.plain.entrypoints": "tcp",
        "traefik.tcp.services.plain.loadbalancer.server.port": "80",
        "traefik.udp.routers.plain.entrypoints": "udp",
        "traefik.udp.services.plain.loadbalancer.server.port": "80",
    }
    stage.deploy("plain", on_the_edge({"web": wanted}))
    stage.wait_for_route("plain", "tcp/plain")
    stage.wait_for_route("plain", "udp/plain")
    address = stage.traefik.nodes[0].address
    url = f"http://{address}:9000/"
    assert stage.lab.client.run(["curl", "-sS", "-m", "5", url]).stdout.endswith(" 1\n")
    said = stage.lab.client.run([sys.executable, "-I", "-c", _ASK_UDP, address]).stdout
    assert said.endswith(" ping\n"), said
    stage.remove("plain")


_ASK_UDP = (
    "import socket, sys; link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    "link.settimeout(5); link.sendto(b'ping', (sys.argv[1], 9001)); print(link.recv(99).decode())"
)


def test_people_see_what_is_live(stage: RouteStage) -> None:
    stage.deploy("seen", on_the_edge({"web": routed_service("seen")}))
    stage.wait_for_route("seen", "http/seen")
    said = stage.operator.cli("routes").stdout
    assert "seen" in said, said
    assert "live" in said, said
    stage.remove("seen")


def test_nothing_is_written_while_nothing_changes(stage: RouteStage) -> None:
    stage.deploy("idle", on_the_edge({"web": routed_service("idle")}))
    stage.wait_for_route("idle", "http/idle")
    eventually(lambda: stage.traefik_status().get("state") == "Publishing", 15, "it settles")
    before = stage.write_indexes(), stage.traefik.reloads()
    passes = stage.operator.metric("swarm_operator_reconcile_total", controller="routes")
    stage.forget()
    stage.lab.docker_cli(1, "service", "update", "--detach", "--label-add", "x=1", "traefik-labels")
    eventually(
        lambda: (
            stage.operator.metric("swarm_operator_reconcile_total", controller="routes")
            >= passes + 20
        ),
        90,
        "20 passes",
    )
    assert (stage.write_indexes(), stage.traefik.reloads()) == before
    assert not [key for key in stage.kv_writes() if "traefik/" in key]
    stage.put(
        "idle",
        on_the_edge(
            {"web": routed_service("idle", more_labels={"traefik.http.routers.idle.priority": "7"})}
        ),
    )
    stage.traefik.wait_for("idle.lab")
    eventually(lambda: stage.traefik.reloads() > before[1], 10, "a change is one")
    stage.remove("idle")
