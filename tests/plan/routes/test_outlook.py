"""What a change of labels does to routes, in a line for people."""

from typing import Any

import pytest

from swarm_operator.observed.swarm import Service
from swarm_operator.plan.actions import UpdateService
from swarm_operator.plan.routes import services
from swarm_operator.plan.routes.outlook import route_changes
from swarm_operator.plan.routes.settings import RouteSettings

BEFORE = {
    "traefik.http.routers.web.rule": "Host(`web.test`)",
    "traefik.http.services.web.loadbalancer.server.port": "80",
}


def changed(**after: str) -> list[str]:
    labels = BEFORE | {f"traefik.http.{key.replace('_', '.')}": text for key, text in after.items()}
    fields: dict[str, Any] = {
        "name": "shop_web", "stack": "shop", "reason": "", "service_id": "s", "version": 1,
        "spec": {"Name": "shop_web", "Labels": labels}, "wished": "", "changes": (),
    }  # fmt: skip
    live = Service("s", 1, "shop_web", {"Name": "shop_web", "Labels": BEFORE})
    return [str(each) for each in route_changes(UpdateService(**fields), live, RouteSettings())]


def test_each_field_that_changes_is_told() -> None:
    assert changed() == []
    assert changed(routers_web_rule="Host(`new.test`)", routers_web_priority="7") == [
        "update route http/web: rule Host(`web.test`) → Host(`new.test`); priority - → 7"
    ]
    assert changed(routers_web_tls="true") == ["update route http/web: its options change"]


def test_a_second_router_is_created() -> None:
    found = changed(routers_api_rule="Host(`api.test`)", routers_api_service="web")
    assert found == ["create route http/api: Host(`api.test`)"]


def test_a_defect_in_reading_labels_is_said_and_stops_no_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_labels(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(services, "read_labels", read_labels)
    (found,) = changed(routers_web_priority="7")
    assert "refuse route shop_web" in found
    assert "defect of the operator (RecursionError)" in found


def test_every_fault_is_told_whether_a_label_or_what_it_says_is_wrong() -> None:
    found = changed(routers_web_rule="Hosts(`web.test`)", routers_web_nothing="x")
    assert len(found) == 2
    assert all(each.startswith("refuse route shop_web: service shop_web, label") for each in found)
    assert "nothing is unknown" in found[0]
    assert "Hosts is unknown in a rule" in found[1]
    assert all(each.endswith("; what it published before stays") for each in found)


def test_what_others_may_define_is_no_refusal() -> None:
    assert changed(routers_web_middlewares="auth") == [
        "update route http/web: middlewares - → auth"
    ]


def test_what_a_header_must_be_is_not_told() -> None:
    (found,) = changed(routers_web_rule="Header(`X-Token`, `hunter2`)")
    assert found == ("update route http/web: rule Host(`web.test`) → Header(`X-Token`, `(hidden)`)")
