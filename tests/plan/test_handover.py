"""A router that goes from one service to another: first the one that gains it, then the one that loses."""

import json
from dataclasses import replace
from typing import Any

import pytest

from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from swarm_operator.plan import handover
from swarm_operator.plan.actions import Create, Hold, Kind, Remove, StackPlan, UpdateService
from swarm_operator.plan.handover import handed_over
from swarm_operator.plan.ownership import ROUTES_LABEL
from swarm_operator.plan.routes import services

ROUTED = {
    "traefik.http.routers.web.rule": "Host(`web.test`)",
    "traefik.http.services.web.loadbalancer.server.port": "80",
}


def spec(name: str, labels: dict[str, str], **more: Any) -> dict[str, Any]:
    stack = {"com.docker.stack.namespace": "shop"}
    mode = {"Replicated": {"Replicas": 1}}
    return {"Name": name, "Labels": stack | labels, "Mode": mode, "TaskTemplate": {}, **more}


def service(name: str, labels: dict[str, str], **more: Any) -> Service:
    return Service(name, 1, name, spec(name, labels, **more))


def task(of: str, state: str = "running") -> Task:
    return Task(f"task-{of}", of, "n1", 1, "running", state)


def swarm(*services: Service, tasks: tuple[Task, ...] = ()) -> Swarm:
    node = Node("n1", 1, "n1", "manager", "active", "ready", "10.0.0.1", {})
    return Swarm("swarm", nodes=(node,), services=services, tasks=tasks)


def update(name: str, labels: dict[str, str], **more: Any) -> UpdateService:
    actions: dict[str, Any] = {
        "kind": Kind.SERVICE, "name": name, "stack": "shop", "reason": "labels changed",
        "service_id": name, "version": 1, "spec": spec(name, labels, **more), "wished": "",
        "changes": (),
    }  # fmt: skip
    names = UpdateService.__dataclass_fields__
    return UpdateService(**{key: value for key, value in actions.items() if key in names})


def create(name: str, labels: dict[str, str], **more: Any) -> Create:
    return Create(Kind.SERVICE, name, "shop", "is new", spec(name, labels, **more))


def remove(name: str) -> Remove:
    actions = {
        "kind": Kind.SERVICE, "name": name, "stack": "shop", "reason": "is gone", "object_id": name,
    }  # fmt: skip
    return Remove(**actions)  # type: ignore[arg-type]


BLUE, GREEN = service("shop_blue", ROUTED), service("shop_green", {})


def names(plan: StackPlan) -> tuple[list[str], list[str]]:
    return [a.name for a in plan.actions], [h.action.name for h in plan.held]


@pytest.mark.parametrize(
    "loses", [update("shop_blue", {}), remove("shop_blue")], ids=["update", "remove"]
)
def test_who_loses_waits_for_who_gains(loses: Any) -> None:
    plan = StackPlan("shop", actions=(loses, create("shop_new", ROUTED)))
    found = handed_over(plan, swarm(BLUE))
    assert names(found) == (["shop_new"], ["shop_blue"])
    assert found.held[0].hold is Hold.HANDING_OVER
    assert "http/web" in found.held[0].message
    assert handed_over(found, swarm(BLUE)) == found


@pytest.mark.parametrize("state", ["preparing", "starting", "failed"])
def test_it_waits_until_the_tasks_run(state: str) -> None:
    gained = service("shop_green", ROUTED)
    plan = StackPlan("shop", actions=(update("shop_blue", {}),))
    waits = swarm(BLUE, gained, tasks=(task("shop_green", state),))
    assert names(handed_over(plan, waits)) == ([], ["shop_blue"])
    serves = swarm(BLUE, gained, tasks=(task("shop_green"),))
    assert names(handed_over(plan, serves)) == (["shop_blue"], [])


TERSE = {ROUTES_LABEL: json.dumps([{"host": "web.test", "port": 80}])}


@pytest.mark.parametrize("labels", [TERSE, ROUTED | {"traefik.http.routers.web.tls": "true"}])
def test_the_same_host_at_another_name_is_the_same_route(labels: dict[str, str]) -> None:
    """Short routes are named after their service."""
    renamed = {label.replace(".web.", ".new."): value for label, value in labels.items()}
    blue = service("shop_blue", labels)
    plan = StackPlan("shop", actions=(remove("shop_blue"), create("shop_new", renamed)))
    assert names(handed_over(plan, swarm(blue))) == (["shop_new"], ["shop_blue"])
    gained = service("shop_new", renamed)
    plan = StackPlan("shop", actions=(remove("shop_blue"),))
    starts = swarm(blue, gained, tasks=(task("shop_new", "starting"),))
    assert names(handed_over(plan, starts)) == ([], ["shop_blue"])
    runs = swarm(blue, gained, tasks=(task("shop_new"),))
    assert names(handed_over(plan, runs)) == (["shop_blue"], [])


@pytest.mark.parametrize(
    "other",
    [
        {"traefik.http.routers.new.priority": "7"},
        {"traefik.http.routers.new.tls": "true"},
        {"traefik.http.routers.new.rule": "Host(`other.test`)"},
    ],
)
def test_what_matches_other_requests_is_another_route(other: dict[str, str]) -> None:
    renamed = {label.replace("web.", "new."): value for label, value in ROUTED.items()} | other
    plan = StackPlan("shop", actions=(remove("shop_blue"), create("shop_new", renamed)))
    assert names(handed_over(plan, swarm(BLUE))) == (["shop_blue", "shop_new"], [])


def test_a_router_that_only_gets_another_name_is_not_lost() -> None:
    renamed = {label.replace("web.", "new."): value for label, value in ROUTED.items()}
    plan = StackPlan("shop", actions=(update("shop_blue", renamed),))
    assert handed_over(plan, swarm(BLUE)) is plan


def test_a_defect_in_reading_labels_stops_no_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_labels(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(services, "read_labels", read_labels)
    plan = StackPlan("shop", actions=(remove("shop_blue"), create("shop_new", ROUTED)))
    assert handed_over(plan, swarm(BLUE)) is plan


def test_a_defect_in_compiling_routes_stops_no_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusals(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(handover, "refusals", refusals)
    gained = service("shop_new", ROUTED)
    plan = StackPlan("shop", actions=(remove("shop_blue"),))
    runs = swarm(BLUE, gained, tasks=(task("shop_new"),))
    assert handed_over(plan, runs) is plan


def test_while_the_gaining_one_is_being_updated_nothing_is_lost() -> None:
    gained = replace(service("shop_green", ROUTED), update_state="updating")
    plan = StackPlan("shop", actions=(update("shop_blue", {}),))
    found = handed_over(plan, swarm(BLUE, gained, tasks=(task("shop_green"),)))
    assert names(found) == ([], ["shop_blue"])


@pytest.mark.parametrize(
    "fault",
    [
        {"traefik.http.routers.web.nosuch": "1"},
        {"traefik.http.middlewares.slow.ratelimit.period": "soon"},
        {"traefik.http.routers.other.rule": "Host(`other.test`"},
    ],
)
def test_who_gains_it_and_cannot_be_published_does_not_take_it(fault: dict[str, str]) -> None:
    plan = StackPlan("shop", actions=(remove("shop_blue"), create("shop_new", ROUTED | fault)))
    assert names(handed_over(plan, swarm(BLUE))) == (["shop_new"], ["shop_blue"])
    gained = service("shop_new", ROUTED | fault)
    plan = StackPlan("shop", actions=(remove("shop_blue"),))
    runs = swarm(BLUE, gained, tasks=(task("shop_new"),))
    assert names(handed_over(plan, runs)) == ([], ["shop_blue"])


def test_a_router_that_goes_to_nobody_waits_for_nobody() -> None:
    plan = StackPlan("shop", actions=(update("shop_blue", {}), update("shop_green", {"a": "b"})))
    assert handed_over(plan, swarm(BLUE, GREEN)) is plan


def test_two_that_swap_do_not_wait_for_each_other() -> None:
    other = {label.replace("web", "api"): value for label, value in ROUTED.items()}
    blue, green = service("shop_blue", ROUTED), service("shop_green", other)
    plan = StackPlan("shop", actions=(update("shop_blue", other), update("shop_green", ROUTED)))
    assert names(handed_over(plan, swarm(blue, green))) == (["shop_blue", "shop_green"], [])


def test_who_holds_the_port_that_the_other_needs_does_not_wait() -> None:
    ports = {"EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080}]}}
    blue = service("shop_blue", ROUTED, **ports)
    plan = StackPlan("shop", actions=(remove("shop_blue"), create("shop_new", ROUTED, **ports)))
    assert names(handed_over(plan, swarm(blue))) == (["shop_blue", "shop_new"], [])
