"""What is done to routes, by tests and by the benchmark: a router handed over, tasks that come home."""

import json
from collections.abc import Iterable
from typing import Final

from tests.cluster.harness import Node, eventually
from tests.cluster.scenarios.route_stage import RouteStage, labels, on_the_edge, routed_service
from tests.cluster.scenarios.stage import ROOT

COLOURS: Final = "colours"
COLOUR_HOST: Final = "colour.lab"
NAIVE: Final = "naive"
NAIVE_HOST: Final = "naive.lab"

MOVES: Final = (
    "rebalance: {hold_off: 1s, settle: 2s, canary: 1s, min_age: 5s, between_moves: 1s, "
    "moves_per_hour: 600, default: auto}\n"
)
"""A policy with which tasks come home within a test."""
MOVED_REPLICAS: Final = 6

CROWD_EACH: Final = 20
"""Routes of a document of a crowd."""


# --- a router that is handed over ------------------------------------------------------------------


def colours(router_of: str) -> str:
    """A document of two services, one of which has the router COLOUR_HOST."""
    made = {}
    for name in ("blue", "green"):
        own = {f"traefik.http.services.{name}.loadbalancer.server.port": "80"}
        router = labels("colour") if name == router_of else {}
        router.pop("traefik.http.services.colour.loadbalancer.server.port", None)
        wanted = routed_service(name, environment={"VERSION": name})
        wanted["deploy"]["labels"] = {**own, **router}
        made[name] = wanted
    return on_the_edge(made)


def publish_naively(stage: RouteStage) -> None:
    """Write a route NAIVE_HOST to the blue service by hand."""
    router = f"http/routers/{NAIVE}/"
    stage.put_traefik(
        {
            "http/services/n-blue/loadbalancer/servers/1/url": _url("blue"),
            f"{router}entrypoints": "web",
            f"{router}rule": f"Host(`{NAIVE_HOST}`)",
            f"{router}service": "n-blue",
        }
    )
    stage.traefik.wait_for(NAIVE_HOST)


def hand_over_naively(stage: RouteStage) -> None:
    """As a script does that knows no transaction: the router first, then its service."""
    stage.put_traefik({f"http/routers/{NAIVE}/service": "n-green"})
    stage.put_traefik({"http/services/n-green/loadbalancer/servers/1/url": _url("green")})


def remove_naive(stage: RouteStage) -> None:
    """Remove all of it."""
    stage.kv.delete(f"traefik/http/routers/{NAIVE}/", recurse=True)
    stage.kv.delete("traefik/http/services/n-", recurse=True)


def _url(colour: str) -> str:
    return f"http://tasks.{COLOURS}_{colour}:80"


# --- tasks that come home --------------------------------------------------------------------------


def allow_moves(stage: RouteStage, *, allowed: bool = True) -> None:
    """Write the policy with which tasks come home, or take it away."""
    if allowed:
        assert stage.kv.put(f"{ROOT}desired/policy", MOVES)
    else:
        stage.kv.delete(f"{ROOT}desired/policy")


def movable(name: str) -> str:
    """A document of a routed service NAME_web on the workers, which may be moved."""
    web = routed_service(name, replicas=MOVED_REPLICAS, order="start-first")
    web["deploy"]["placement"] = {"constraints": ["node.role == worker"]}
    return on_the_edge({"web": web})


def lose(stage: RouteStage, node: Node, service: str) -> None:
    """Power a worker off, and wait until Swarm has put its tasks elsewhere."""
    node.power_off()

    def are_elsewhere() -> bool:
        hosts = stage.lab.hosts_of(service)
        return len(hosts) == MOVED_REPLICAS and node.hostname not in hosts

    eventually(are_elsewhere, 90, "Swarm puts the tasks elsewhere")


def bring_home(stage: RouteStage, node: Node, service: str, within: float = 200) -> None:
    """Power it on again, and wait until its share of the tasks is back.

    Raises AssertionError with what the operator says.
    """
    node.power_on()
    share = MOVED_REPLICAS // len(stage.lab.workers)

    def are_home() -> bool:
        return stage.lab.hosts_of(service).count(node.hostname) == share and stage.is_balanced()

    try:
        eventually(are_home, within, "the tasks are home", 0.5)
    except AssertionError as error:
        said = (stage.key("status/rebalance") or b"").decode()[:4000]
        raise AssertionError(f"{error}\n{said}\n{stage.operator.tail(3000)}") from None


# --- a crowd of routes -----------------------------------------------------------------------------


def crowd_documents(routes: int) -> range:
    """The numbers of the documents of a crowd of so many routes."""
    return range(-(-routes // CROWD_EACH))


def publish_crowd(
    stage: RouteStage, leads_to: str, other: str, documents: Iterable[int], routes: int
) -> None:
    """Write documents of routes r0.lab, r1.lab, … to two tasks' names; the very first to `leads_to`."""
    for document in documents:
        made = []
        for number in range(document * CROWD_EACH, min((document + 1) * CROWD_EACH, routes)):
            url = f"http://tasks.{other if number else leads_to}:80"
            route = {"name": f"r{number}", "host": f"r{number}.lab", "entrypoint": "web"}
            made.append({**route, "servers": [url]})
        key = f"{ROOT}desired/routes/crowd-{document}"
        assert stage.kv.put(key, json.dumps({"routes": made}))


def remove_crowd(stage: RouteStage, within: float = 60) -> None:
    """Remove the documents, and wait until the keys are gone too."""
    stage.kv.delete(f"{ROOT}desired/routes/crowd-", recurse=True)
    eventually(lambda: not stage.traefik_keys("http/routers/r"), within, "the crowd goes", 0.2)
