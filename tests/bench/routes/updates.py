"""Cases in which tasks are replaced."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.bench.routes.floor import LOOKS_EVERY_S, Arm, Floor
from tests.bench.routes.measuring import Measuring
from tests.bench.routes.row import BY_HAND, LABELS, Row, says
from tests.cluster.scenarios.documents import JsonObject
from tests.cluster.scenarios.route_stage import on_the_edge, routed_service

SHOWS_WITHIN_S: Final = 2 * LOOKS_EVERY_S + 5
"""Whatever Traefik's provider is going to see, it has seen by then."""
_HOST_PORT: Final = 8085
_PARKED_S: Final = 12.0
"""After which a request of a single replica is given up: longer than its route lets it wait."""


def rolling(order: str) -> Callable[[Floor, str], list[Row]]:
    """Three replicas, one after the other."""

    def case(floor: Floor, name: str) -> list[Row]:
        web = routed_service("roll", replicas=3, order=order)
        return _replaced(floor, name, web, 3, path="/?ms=300", method="POST")

    return case


def one_replica(floor: Floor, name: str) -> list[Row]:
    """Which is stopped before the next one starts."""
    web = routed_service("roll", replicas=1)
    return _replaced(floor, name, web, 1, rate=30, timeout=_PARKED_S)


def _replaced(floor: Floor, case: str, web: JsonObject, servers: int, **load: object) -> list[Row]:
    floor.deploy("roll", on_the_edge({"web": web}), "roll", servers)
    with Measuring(floor, case, floor.arms("roll"), **load) as measuring:
        measuring.changed()
        floor.stage.put("roll", on_the_edge({"web": {**web, "image": "lab/http:2"}}))
        floor.stage.wait_for_update("roll_web")
        measuring.wait_until_reached(says("2"), SHOWS_WITHIN_S)
        measuring.wait_for(500)
        rows = measuring.rows(says("2"))
    floor.remove("roll")
    return rows


def host_ports(floor: Floor, case: str) -> list[Row]:
    """One on each worker, on a port of the node. Traefik's Swarm provider knows no such servers; beside
    it stands who lists the nodes by hand."""
    web = routed_service("host", replicas=3, image="lab/http:checked")
    web["ports"] = [{"target": 80, "published": _HOST_PORT, "mode": "host"}]
    web["deploy"]["placement"] = {"constraints": ["node.role == worker"]}
    del web["networks"]
    stage = floor.stage
    stage.deploy("host", on_the_edge({"web": web}))
    stage.wait_for_route("host", "http/host")
    _publish_nodes_by_hand(floor)
    by_hand = Arm(BY_HAND, stage.traefik, "by-hand.lab")
    labels = Arm(LABELS, floor.labels[LABELS], "host.lab")
    arms = [floor.arms("host")[0], by_hand, labels]
    with Measuring(floor, case, arms, path="/?ms=300", method="POST") as measuring:
        measuring.changed()
        stage.put("host", on_the_edge({"web": {**web, "image": "lab/http:checked-2"}}))
        stage.wait_for_update("host_web")
        measuring.wait_for(500)
        rows = measuring.rows(says("checked-2"))
    stage.kv.delete("traefik/http/routers/by-hand/", recurse=True)
    stage.kv.delete("traefik/http/services/by-hand/", recurse=True)
    floor.remove("host")
    note = "it knows no ports of nodes, and leads to addresses that it cannot reach"
    return [replace(row, note=note) if row.by == LABELS else row for row in rows]


def _publish_nodes_by_hand(floor: Floor) -> None:
    servers = "http/services/by-hand/loadbalancer/servers"
    floor.stage.put_traefik(
        {
            f"{servers}/{node.hostname}/url": f"http://{node.address}:{_HOST_PORT}"
            for node in floor.lab.workers
        }
    )
    floor.stage.put_traefik(
        {
            "http/routers/by-hand/entrypoints": "web",
            "http/routers/by-hand/service": "by-hand",
            "http/routers/by-hand/rule": "Host(`by-hand.lab`)",
        }
    )
    floor.stage.traefik.wait_for("by-hand.lab")
