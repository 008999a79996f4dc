"""`routes`, `routes adopt`, and what `status`, `why` and `plan` say of routes."""

import json
from datetime import UTC, datetime

import click
import pytest

from desired_state import keys
from desired_state.route_records import InstanceStatus, RouteStatus, StackRoutes, TraefikStatus
from swarm_operator.cli import plan_view, routes_view
from swarm_operator.observed.kv import Put
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.actions import Create, Kind, Remove, StackPlan
from swarm_operator.runtime.planner import PlanReport
from swarm_operator.settings import Settings
from tests.cli.conftest import CommandLine
from tests.cli.test_status import lead, put_status

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LABELS = {
    "traefik.http.routers.web.rule": "Host(`web.test`)",
    "traefik.http.routers.web.entrypoints": "web",
    "traefik.http.routers.web.middlewares": "login",
    "traefik.http.middlewares.login.basicauth.users": "admin:canary-of-a-secret",
    "traefik.http.services.web.loadbalancer.server.port": "80",
}


def route(state: str = "live", **more: object) -> RouteStatus:
    fields = {"rule": "Host(`web.test`)", "service": "service shop_web", "servers": 2, "since": NOW}
    return RouteStatus.model_validate({"state": state, **fields, **more})


@pytest.fixture
def published(run: CommandLine) -> CommandLine:
    """A swarm with three routes, one of them live."""
    lead(run)
    shop = StackRoutes(
        stack="shop",
        routes={
            "http/web": route(live_after_s=0.31),
            "http/api": route("conflict", message="somebody else wrote `http/routers/api/rule`"),
            "http/job": route("rejected", message="service shop_job, label x: no such field"),
        },
        refused=("service shop_job, label x: no such field",),
    )
    traefik = TraefikStatus(
        state="Conflict",
        message="http/routers/api: somebody else wrote it",
        since=NOW,
        root="traefik",
        version="3.7.15",
        instances={"n1 (abc)": InstanceStatus(state="current", version="3.7.15", since=NOW)},
        conflicts=("http/routers/api: somebody else wrote it",),
    )
    run.fake_kv.commit(
        [
            Put(keys.routes_status_key("shop"), shop.encode()),
            Put(keys.TRAEFIK_STATUS, traefik.encode()),
        ]
    )
    return run


def test_each_route_is_a_line_with_its_state_and_why(published: CommandLine) -> None:
    lines = published("routes").output.splitlines()
    web = next(line for line in lines if " http/web " in line)
    assert "live" in web
    assert "(0.31s)" in web
    assert "Host(`web.test`)" in web
    assert any("conflict" in line and "somebody else wrote" in line for line in lines)
    assert any(line.startswith("traefik: Conflict") for line in lines)
    assert any("n1 (abc): current" in line for line in lines)


def test_servers_that_are_down_and_routes_that_are_not_shown_are_counted(run: CommandLine) -> None:
    lead(run)
    shop = StackRoutes(
        stack="shop",
        routes={
            "http/web": route(servers=3, up={"n1": 3, "n2": 2}),
            "http/api": route(up={"n1": 2}),
        },
        more=5,
        counts={"rejected": 1, "live": 6},
        others={
            "rejected": {"service shop_web": ("http/job",)},
            "live": {"service shop_web": ("http/a", "http/b", "http/c", "http/d")},
        },
    )
    frozen = InstanceStatus(state="frozen", version="3.7.15", since=NOW, stamp_since=NOW)
    traefik = TraefikStatus(state="Frozen", since=NOW, root="traefik", instances={"n1": frozen})
    run.fake_kv.commit(
        [
            Put(keys.routes_status_key("shop"), shop.encode()),
            Put(keys.TRAEFIK_STATUS, traefik.encode()),
        ]
    )
    output = run("routes").output
    lines = output.splitlines()
    assert "2 of 3 up" in next(line for line in lines if " http/web " in line)
    assert " up" not in next(line for line in lines if " http/api " in line)
    assert any("shop: … and 5 more; of all 1 rejected, 6 live" in line for line in lines)
    assert any("n1: frozen" in line and "shows the same stamp for" in line for line in lines)
    assert "1 rejected, 6 live" in run("status").output
    said = routes_view.of_service(shop, "shop_web")
    assert "Its route http/web (Host(`web.test`)) is live, 3 servers, 2 of them up." in said
    assert any(line.startswith("Its route http/job is rejected") for line in said)


def test_programs_get_the_records(published: CommandLine) -> None:
    found = json.loads(published("routes", "-o", "json", "--stack", "shop").stdout)
    assert found["traefik"]["version"] == "3.7.15"
    assert found["stacks"][0]["routes"]["http/web"]["state"] == "live"
    assert published("routes", "--stack", "nowhere").exit_code == 1


def test_without_routes_it_says_so(run: CommandLine) -> None:
    lead(run)
    assert run("routes").output.strip() == "no routes"


def test_adopt_is_a_wish_to_the_operator(published: CommandLine) -> None:
    assert published("routes", "adopt", "http/routers/api").exit_code == 0
    assert published.fake_kv.get("desired/requests/adopt/http/routers/api") is not None
    refused = published("routes", "adopt", "api")
    assert refused.exit_code == 2
    assert "http/routers/web" in refused.output


def test_status_says_what_is_not_well_and_no_more(published: CommandLine) -> None:
    output = published("status").output
    assert "traefik: Conflict" in output
    assert "route shop, http/api: conflict" in output
    assert "route shop, http/job: rejected" in output
    assert "http/web" not in output


def test_why_tells_each_route_of_the_service() -> None:
    record = StackRoutes(
        routes={"http/web": route(parked=True), "http/x": route(service="service o")}
    )
    (sentence,) = routes_view.of_service(record, "shop_web")
    assert sentence == ("Its route http/web (Host(`web.test`)) is live, requests wait at its name.")


def report(*actions: Create | Remove, live: tuple[Service, ...] = ()) -> PlanReport:
    plan = StackPlan("shop", actions=actions)
    return PlanReport((plan,), services={service.name: service for service in live})


def shown(found: PlanReport) -> str:
    routes = plan_view.routes(found, Settings.load({}))
    return click.unstyle("\n".join(plan_view.as_text(found, routes)))


def test_plan_shows_what_becomes_of_routes_and_no_secret() -> None:
    spec = {"Name": "shop_web", "Labels": LABELS}
    new = report(Create(Kind.SERVICE, "shop_web", "shop", "new", spec))
    assert "create route http/web: Host(`web.test`) on web" in shown(new)
    live = Service("id", 1, "shop_web", spec)
    gone = report(Remove(Kind.SERVICE, "shop_web", "shop", "gone", "id"), live=(live,))
    assert "remove route http/web" in shown(gone)
    assert "canary-of-a-secret" not in shown(new) + shown(gone)
    routes = plan_view.routes(new, Settings.load({}))
    assert plan_view.as_json(new, routes)["routes"][0]["verb"] == "create"
    assert plan_view.routes(new, Settings.load({"SWARM_OPERATOR_TRAEFIK": "false"})) == {}


def test_plan_shows_labels_that_cannot_be_published() -> None:
    labels = {**LABELS, "traefik.http.services.web.loadbalancer.server.port": "none"}
    new = report(Create(Kind.SERVICE, "shop_web", "shop", "new", {"Name": "a", "Labels": labels}))
    assert "refuse route shop_web: service a, label traefik.http.services" in shown(new)


def test_status_of_a_stack_tells_its_routes(published: CommandLine) -> None:
    put_status(published, "shop")
    output = published("status", "shop").output
    assert "route http/web (Host(`web.test`)): live for" in output
    assert "route http/job (Host(`web.test`)): rejected" in output


def test_status_of_a_stack_tells_warnings_about_its_routes_once(run: CommandLine) -> None:
    lead(run)
    put_status(run, "shop")
    bad = "service shop_job, label x: no such field"
    shared = "service shop_web: service blog_web has a service web of Traefik too"
    shop = StackRoutes(
        stack="shop", routes={"http/job": route("rejected", message=bad)}, refused=(bad, shared)
    )
    run.fake_kv.commit([Put(keys.routes_status_key("shop"), shop.encode())])
    output = run("status", "shop").output
    assert f"of its routes: {shared}" in output
    assert output.count(bad) == 1
