"""Routes follow what runs: they appear, are rolled over without a failed request, and go.

Beside the operator's Traefik stands another one with Traefik's own Swarm provider, for the same
services and the same load: what it fails shows that the load can see it.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cluster.harness import Lab, eventually
from tests.cluster.scenarios import route_stage
from tests.cluster.scenarios.route_stage import RouteStage, on_the_edge, routed_service
from tests.cluster.traefik_lab import Traefik
from tests.load.results import Result
from tests.load.running import Load

POST = "/?ms=300"
GIVEN_UP_S = 5
"""After which a request counts as hung: nothing here takes longer."""
SOLO_ROUNDS, SOLO_REQUESTS = 4, 430
POWERED_OFF_REQUESTS = 2300
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
    with RouteStage.of(lab, Traefik(lab).start()) as made:
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
    """Round after round: none fails in most, and never more than one."""
    rounds = []
    for number in range(SOLO_ROUNDS):
        mine, others = _solo_replaced(rolled, labels, f"lab/http:{2 - number % 2}")
        print(f"solo, round {number + 1}: operator {mine}; Swarm provider {others}")
        assert others.failed > 1, "the load sees what Traefik's own provider fails"
        labels.wait_for("solo.lab", within=30)
        rounds.append(mine)
    assert all(mine.failed <= 1 for mine in rounds), rounds
    assert sum(mine.failed == 0 for mine in rounds) > SOLO_ROUNDS / 2, rounds
    longest = sorted(mine.longest for mine in rounds)
    assert longest[SOLO_ROUNDS // 2] <= 2.5, longest
    assert longest[-1] < 9, "nobody waits longer than a parked request may"


def _solo_replaced(stage: RouteStage, labels: Traefik, image: str) -> tuple[Result, Result]:
    with ExitStack() as stack:
        own, theirs = both_loads(stage, labels, "solo.lab", stack, rate=30, timeout=12)
        own.wait_for(60)
        stage.put("solo", on_the_edge({"web": {**ROLLED["solo"], "image": image}}))
        eventually(lambda: len(own.so_far().versions) == 2, 30, "the new one answers")
        stage.wait_for_update("solo_web")
        own.wait_for(SOLO_REQUESTS)
        return own.end(), theirs.end()


def test_a_route_appears_scales_to_zero_and_goes(stage: RouteStage, labels: Traefik) -> None:
    stage.put("shop", on_the_edge({"web": routed_service("web")}))
    stage.traefik.wait_for("web.lab", within=20)
    stage.wait_for_route("shop", "http/web")
    eventually(lambda: stage.routes("shop")["routes"]["http/web"]["servers"] == 2, 15, "both are")
    labels.wait_for("web.lab", within=30)
    stage.put("shop", on_the_edge({"web": routed_service("web", replicas=0)}))
    stage.traefik.wait_for("web.lab", 503, within=20)
    eventually(lambda: labels.api("http/routers/web@swarm") is None, 30, "404 there")
    stage.remove("shop")
    stage.traefik.wait_for("web.lab", 404, within=20)
    eventually(lambda: "http/routers/web/rule" not in stage.traefik_keys(), 10, "the keys are gone")


def test_host_ports_are_rolled_over(stage: RouteStage) -> None:
    """Traefik's own Swarm provider knows no ports in host mode: beside it stands a list by hand."""
    host = routed_service("host", replicas=3, image="lab/http:checked")
    host["ports"] = [{"target": 80, "published": 8085, "mode": "host"}]
    del host["networks"]
    stage.deploy("host", on_the_edge({"web": host}))
    stage.wait_for_route("host", "http/host")
    addresses = {f"http://{node.address}:8085" for node in stage.lab.nodes}
    assert set(stage.servers("host")) == addresses
    by_hand = {
        f"http/services/fixed/loadbalancer/servers/{n}/url": a for n, a in enumerate(addresses)
    }
    router = "http/routers/fixed"
    stage.put_traefik({**by_hand, f"{router}/entrypoints": "web", f"{router}/service": "fixed"})
    stage.put_traefik({f"{router}/rule": "Host(`fixed.lab`)"})
    stage.traefik.wait_for("fixed.lab")
    wanted: Any = {"path": POST, "method": "POST", "rate": 50, "timeout": GIVEN_UP_S}
    with stage.load("host.lab", **wanted) as sent, stage.load("fixed.lab", **wanted) as fixed:
        sent.wait_for(100)
        stage.put("host", on_the_edge({"web": {**host, "image": "lab/http:checked-2"}}))
        stage.wait_for_update("host_web")
        sent.wait_for(sent.so_far().total + 100)
        mine, others = sent.end(), fixed.end()
    stage.remove("host")
    stage.kv.delete(f"traefik/{router}", recurse=True)
    stage.kv.delete("traefik/http/services/fixed", recurse=True)
    print(f"host ports: operator {mine}; the nodes' addresses by hand {others}")
    assert mine.versions == {"checked", "checked-2"}
    assert mine.total >= 680
    assert mine.failed == 0, mine
    assert others.failed > 10, "the load sees what a fixed list of servers fails"


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


def test_a_lost_node_costs_at_most_a_request(stage: RouteStage, labels: Traefik) -> None:
    """With Swarm's default heartbeat: it takes the node for up for another 10 to 16 s. Runs last."""
    lab = stage.lab
    stage.deploy("spread", on_the_edge({"web": routed_service("spread", replicas=3)}))
    stage.wait_for_route("spread", "http/spread")
    labels.wait_for("spread.lab", within=30)
    lost = lab.node(3)
    assert lost.hostname in lab.hosts_of("spread_web")
    with ExitStack() as stack:
        wanted: Any = {"path": "/?ms=20", "rate": 51, "timeout": 12}
        own, theirs = both_loads(stage, labels, "spread.lab", stack, **wanted)
        own.wait_for(100)
        lost.power_off()
        begun = time.monotonic()
        lab.wait_until_node_is(lost, "down")
        silent = time.monotonic() - begun
        lab.wait_until_running("spread_web", 3, within=60)
        own.wait_for(POWERED_OFF_REQUESTS)
        mine, others = own.end(), theirs.end()
    lost.power_on()
    lab.wait_until_ready()
    stage.remove("spread")
    print(f"node powered off, down after {silent:.1f} s: operator {mine}; Swarm provider {others}")
    assert mine.total >= POWERED_OFF_REQUESTS
    assert mine.failed <= 1, mine
    assert mine.longest < 1.1, mine
    assert others.failed > 10, "the load sees what Traefik's own provider fails"
