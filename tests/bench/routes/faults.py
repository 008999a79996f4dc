"""Cases in which something breaks."""

import time
from dataclasses import replace

from tests.bench.routes.floor import Arm, Floor
from tests.bench.routes.measuring import Measuring
from tests.bench.routes.row import BY_HAND, OPERATOR, Row, seconds_of_outage
from tests.cluster.harness import eventually
from tests.cluster.scenarios.route_stage import on_the_edge, routed_service


def node_off(floor: Floor, case: str) -> list[Row]:
    """The power of a worker with one of three tasks fails; Swarm notices after some 13 s."""
    web = routed_service("node", replicas=3)
    web["deploy"]["placement"] = {
        "constraints": ["node.role == worker"],
        "preferences": [{"spread": "node.hostname"}],
    }
    floor.deploy("node", on_the_edge({"web": web}), "node", 3)
    lost = floor.lab.workers[-1]
    with Measuring(floor, case, floor.arms("node"), path="/?ms=20", timeout=10) as measuring:
        measuring.changed()
        lost.power_off()
        floor.lab.wait_until_node_is(lost, "down", 60)
        floor.lab.wait_until_running("node_web", 3, within=60)
        measuring.wait_for(2350)
        rows = measuring.rows()
    lost.power_on()
    floor.lab.wait_until_ready(60)
    floor.remove("node")
    return rows


def kv_wiped(floor: Floor, case: str) -> list[Row]:
    """All keys are lost: those of the operator, what is desired, and one that somebody wrote by hand."""
    stage = floor.stage
    document = on_the_edge({"web": routed_service("wiped")})
    floor.deploy("wiped", document, "wiped", 2)
    stage.put_traefik(
        {
            "http/services/hand/loadbalancer/servers/1/url": "http://tasks.wiped_web:80",
            "http/routers/hand/entrypoints": "web",
            "http/routers/hand/service": "hand",
            "http/routers/hand/rule": "Host(`hand.lab`)",
        }
    )
    by_hand = Arm(BY_HAND, stage.traefik, "hand.lab")
    by_hand.traefik.wait_for(by_hand.host)
    with Measuring(floor, case, [*floor.arms("wiped"), by_hand]) as measuring:
        measuring.changed()
        floor.lab.consul.wipe()
        eventually(
            lambda: "http/routers/wiped/rule" in stage.traefik_keys(), 30, "it is back", 0.02
        )
        written_s = time.monotonic() - measuring.changed_at
        measuring.wait_for(300)
        outages = {
            by: seconds_of_outage(result, measuring.changed_at)
            for by, result in measuring.end().items()
        }
        rows = measuring.rows()
    stage.operator.cli("init", "--recover")
    stage.deploy("wiped", document)
    floor.remove("wiped")
    notes = {
        OPERATOR: f"its keys were back after {written_s:.2f} s",
        BY_HAND: "nobody writes it again",
    }
    outage = outages[OPERATOR]
    served = {OPERATOR: None if outage is None else max(outage, written_s)}
    return [
        replace(row, live_s=served.get(row.by), note=notes.get(row.by, "it reads no keys"))
        for row in rows
    ]
