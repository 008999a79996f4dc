"""What surrounds the labels' configuration: which services are published, and what is told."""

from pathlib import Path

import pytest

from swarm_operator.plan.routes.constraints import Constraints
from swarm_operator.plan.routes.published import How
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.v1_labels import EQUIVALENTS, new_rule, v1_labels
from tests.plan.routes.compilation import read

PORT = {"traefik.http.services.web.loadbalancer.server.port": "80"}


def test_a_service_that_says_nothing_is_left_alone() -> None:
    assert read("db", {}) is None
    assert read("db", {"com.example": "x", "traefik.swarm.network": "edge"}) is None
    assert read("db", {**PORT, "traefik.enable": "false"}) is None
    assert read("db", PORT, RouteSettings(exposed_by_default=False)) is None


def test_a_service_that_says_enable_alone_needs_a_port() -> None:
    published = read("shop_web", {"traefik.enable": "true"})
    assert published is not None
    assert [each.reason for each in published.refusals] == ["PortMissing"]
    assert "traefik.http.services.shop-web.loadbalancer.server.port" in str(published.refusals[0])


def test_targets_are_what_wants_servers() -> None:
    labels = {
        "traefik.swarm.network": "edge",
        "traefik.swarm.lbswarm": "true",
        "traefik.http.services.web.loadbalancer.server.port": "8443",
        "traefik.http.services.web.loadbalancer.server.scheme": "https",
        "traefik.http.services.web.loadbalancer.server.weight": "3",
        "traefik.tcp.services.db.loadbalancer.server.port": "3306",
        "traefik.tcp.services.db.loadbalancer.server.tls": "true",
    }
    published = read("shop_web", labels, RouteSettings(drain_s=9.0))
    assert published is not None
    tcp, http = sorted(published.targets, key=lambda each: each.port)
    assert (http.service, http.port, http.scheme, http.server) == (
        "web",
        8443,
        "https",
        {"weight": 3},
    )
    assert (tcp.service, tcp.port, tcp.scheme, tcp.server) == ("db", 3306, "", {"tls": True})
    assert {each.how for each in published.targets} == {How.VIP}
    assert {each.network for each in published.targets} == {"edge"}
    assert {each.drain_s for each in published.targets} == {9.0}


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("80", 80),
        ("0080", 80),
        ("65535", 65535),
        ("0" * 5000 + "80", 80),
        ("0", None),
        ("65536", None),
        ("00000000180000", None),
        ("000000001" + "9" * 5000, None),
        ("٣", None),
        ("-1", None),
    ],
)
def test_ports(text: str, port: int | None) -> None:
    published = read("web", {"traefik.http.services.web.loadbalancer.server.port": text})
    assert published is not None
    assert [each.port for each in published.targets] == ([port] if port else [])
    assert [each.reason for each in published.refusals] == ([] if port else ["BadValue"])


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("", True),
        ("Label(`tier`, `edge`)", True),
        ("Label(`tier`, `core`)", False),
        ("Label(`none`, ``)", True),
        ("LabelRegex(`tier`, `^e`) && !Label(`a`, `b`)", True),
        ("LabelRegex(`tier`, `^x`) || (Label(`a`, `b`) || Label(`tier`, `edge`))", True),
    ],
)
def test_constraints(expression: str, matches: bool) -> None:
    assert Constraints.parse(expression).match({"tier": "edge"}) == matches


@pytest.mark.parametrize(
    "expression", ["Labl(`a`, `b`)", "Label(`a`)", "LabelRegex(`a`, `(`)", "Label(`a`, `b`", "tier"]
)
def test_constraints_that_cannot_be_read(expression: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Constraints.parse(expression)


V1 = {
    "traefik.frontend.rule": "Host:a.example.org,b.example.org;PathPrefix:/x",
    "traefik.port": "80",
    "traefik.admin.port": "81",
    "traefik.admin.frontend.auth.basic.users": "bob:hunter2",
    "traefik.backend.loadbalancer.swarm": "true",
    "traefik.docker.network": "edge",
    "traefik.enable": "true",
}


def test_labels_of_traefik_1_are_told_with_what_to_write_instead() -> None:
    said = {fault.label: fault.message for fault in v1_labels(V1, "web")}
    assert said.keys() == V1.keys() - {"traefik.docker.network", "traefik.enable"}
    rule = "traefik.http.routers.web.rule=(Host(`a.example.org`) || Host(`b.example.org`))"
    assert rule + " && PathPrefix(`/x`)" in said["traefik.frontend.rule"]
    assert "services.web-admin.loadbalancer.server.port" in said["traefik.admin.port"]
    auth = said["traefik.admin.frontend.auth.basic.users"]
    assert "middlewares.web-admin-auth.basicauth" in auth
    assert "routers.web-admin.middlewares=web-admin-auth" in auth
    assert "hunter2" not in "".join(said.values())
    assert "lbswarm" in said["traefik.backend.loadbalancer.swarm"]


def test_labels_of_traefik_1_beside_those_of_today_are_no_more_than_a_remark() -> None:
    old, both = read("web", V1), read("web", {**V1, **PORT})
    assert old is not None
    assert old.is_refused
    assert both is not None
    assert not both.is_refused
    assert len(both.refusals) >= len(V1) - 2


def test_labels_of_today_are_not_taken_for_old_ones() -> None:
    today = [
        "traefik.http.routers.port.rule",
        "traefik.tcp.services.frontend.loadbalancer.server.port",
        "traefik.docker.network",
        "traefik.enable",
        "traefik.foo.bar",
        "other.port",
    ]
    assert list(v1_labels(dict.fromkeys(today, "x"), "web")) == []


def test_every_label_that_traefik_1_7_documents_is_told() -> None:
    """The file: the names in the tables of `docs/configuration/backends/docker.md` of v1.7.34."""
    documented = (Path(__file__).parent / "cases" / "v1_labels.txt").read_text().split()
    silent = [label for label in documented if not list(v1_labels({label: "x"}, "web"))]
    assert len(documented) > 150
    assert silent == ["traefik.docker.network", "traefik.enable"]  # which are still read


def test_every_old_label_of_the_table_is_found() -> None:
    for old in EQUIVALENTS:
        label = "traefik." + old.replace("*", "anything")
        assert [fault.label for fault in v1_labels({label: "x"}, "web")] == [label]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Host:a", "Host(`a`)"),
        ("Host:a,b", "Host(`a`) || Host(`b`)"),
        ("Host: a ; Path:/x", "Host(`a`) && Path(`/x`)"),
        ("Headers:X-Token, hunter2", None),
        ("HostRegexp:{sub:[a-z]+}.a", None),
        ("Odd:x", None),
        ("a", None),
    ],
)
def test_rules_of_traefik_1(old: str, new: str | None) -> None:
    assert new_rule(old) == new
