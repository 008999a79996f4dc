"""Cases in which people change what is routed, and how much of it there is."""

import time
from dataclasses import replace

from tests.bench.routes.floor import LOOKS_EVERY_S, THROTTLE, TRAEFIKS_THROTTLE, Arm, Floor
from tests.bench.routes.measuring import Measuring, wait_for_settled_routes
from tests.bench.routes.row import (
    BY_HAND,
    LABELS,
    LABELS_EVERY_SECOND,
    Row,
    Writes,
    has_status,
    says,
)
from tests.bench.routes.updates import SHOWS_WITHIN_S
from tests.cluster.scenarios import route_acts
from tests.cluster.scenarios.route_stage import labels, on_the_edge, routed_service

_QUIET_S = 3.0
"""Longer than Traefik's throttle: what changes then is live at once, whole or not."""
GIVEN_UP_AFTER_S = 7.0
"""Of a request to a task that is no more, at the most."""


def blue_green(floor: Floor, case: str) -> list[Row]:
    """A router goes from one service to another, with the throttle that Traefik has by default; beside
    it the same by two writes of a script."""
    floor.throttle(TRAEFIKS_THROTTLE)
    stage = floor.stage
    floor.stage.deploy(route_acts.COLOURS, route_acts.colours("blue"))
    stage.wait_for_route(route_acts.COLOURS, "http/colour", within=30)
    for traefik in floor.labels.values():
        traefik.wait_for(route_acts.COLOUR_HOST, within=30)
    route_acts.publish_naively(stage)
    time.sleep(_QUIET_S)
    with Measuring(floor, case, floor.arms("colour"), rate=100) as measuring:
        measuring.changed()
        stage.put(route_acts.COLOURS, route_acts.colours("green"))
        measuring.wait_until_reached(says("green"), SHOWS_WITHIN_S)
        measuring.wait_for(600)
        rows = measuring.rows(says("green"))
    by_hand = Arm(BY_HAND, stage.traefik, route_acts.NAIVE_HOST)
    with Measuring(floor, case, [by_hand], rate=100) as measuring:
        measuring.changed()
        route_acts.hand_over_naively(stage)
        measuring.wait_until_reached(says("green"), SHOWS_WITHIN_S)
        measuring.wait_for(600)
        note = "a script: the router first, then its service"
        rows += [
            replace(row, writes=Writes(2, 2), note=note) for row in measuring.rows(says("green"))
        ]
    route_acts.remove_naive(stage)
    floor.remove(route_acts.COLOURS)
    floor.throttle(THROTTLE)
    note = "sees both services name the router between the two updates, if it looks then"
    return [
        replace(row, note=note) if row.by in {LABELS, LABELS_EVERY_SECOND} else row for row in rows
    ]


def scale_down(floor: Floor, case: str) -> list[Row]:
    """To half as many, while long requests are under way."""
    web = routed_service("scale", replicas=4)
    floor.deploy("scale", on_the_edge({"web": web}), "scale", 4)
    with Measuring(floor, case, floor.arms("scale"), path="/?ms=300", method="POST") as measuring:
        measuring.changed()
        floor.stage.put("scale", on_the_edge({"web": routed_service("scale", replicas=2)}))
        measuring.wait_until_failed(LABELS, LOOKS_EVERY_S + GIVEN_UP_AFTER_S)
        measuring.wait_for(500)
        rows = measuring.rows()
    floor.remove("scale")
    return rows


def scale_to_zero(floor: Floor, case: str) -> list[Row]:
    """What a router without servers says is 503: the service is there, and cannot serve."""
    web = routed_service("zero", replicas=2)
    floor.deploy("zero", on_the_edge({"web": web}), "zero", 2)
    with Measuring(floor, case, floor.arms("zero"), rate=30, timeout=12) as measuring:
        measuring.changed()
        floor.stage.put("zero", on_the_edge({"web": routed_service("zero", replicas=0)}))
        measuring.wait_until_reached(has_status(503), LOOKS_EVERY_S + GIVEN_UP_AFTER_S)
        measuring.wait_for(300)
        rows = measuring.rows(has_status(503), fine=[503])
    floor.remove("zero")
    return rows


def one_name_twice(floor: Floor, case: str) -> list[Row]:
    """A second stack has a router of the same name, with another rule: the first one's users wait for
    nobody."""
    floor.deploy("first", on_the_edge({"web": routed_service("twice")}), "twice", 2)
    other = {"traefik.http.routers.twice.rule": "Host(`second.lab`)"}
    second = routed_service("twice", more_labels=other, environment={"VERSION": "second"})
    with Measuring(floor, case, floor.arms("twice"), rate=30) as measuring:
        measuring.changed()
        floor.stage.put("second", on_the_edge({"web": second}))
        floor.stage.wait_for_refusal("second", within=30)
        measuring.wait_until_failed(LABELS, SHOWS_WITHIN_S)
        measuring.wait_for(300)
        rows = measuring.rows()
    for stack in ("second", "first"):
        floor.remove(stack)
    return rows


def last_route(floor: Floor, case: str) -> list[Row]:
    """The only route of all is switched off by hand; its service goes on."""
    floor.create_by_hand("last", labels("last"))
    for arm in floor.arms("last"):
        arm.traefik.wait_for(arm.host, within=40)
    wait_for_settled_routes(floor)
    with Measuring(floor, case, floor.arms("last"), rate=100) as measuring:
        measuring.changed()
        floor.update_by_hand("last", {"traefik.enable": "false"})
        measuring.wait_until_reached(has_status(404), SHOWS_WITHIN_S)
        rows = measuring.rows(has_status(404), fine=[404])
    floor.remove_by_hand("last")
    return rows
