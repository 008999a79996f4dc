"""What is wrong with routes is told from the documents alone, at the place where it stands."""

from collections.abc import Collection

import pytest

from desired_state import StackFolder
from desired_state.problems import Problem
from swarm_operator.plan.compose import specs_of
from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.offline import (
    NEWEST,
    Readings,
    defined_in,
    document_problems,
    stack_problems,
)
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import ObjectId


def told(
    document: str,
    settings: RouteSettings | None = None,
    version: Version = NEWEST,
    elsewhere: Collection[ObjectId] = (),
) -> list[str]:
    loaded, specs = specs_of(StackFolder("shop", {"compose.yaml": document.encode()}))
    readings = Readings(settings or RouteSettings(), version, lambda: elsewhere)
    return [_short(each) for each in stack_problems(loaded, specs, readings)]


def _short(problem: Problem) -> str:
    place = ".".join(str(each) for each in (problem.line, problem.column) if each)
    return f"{place} {problem.severity} {problem.path}: {problem.message}"


SERVICE = """\
services:
  web:
    image: nginx
"""
LABELLED = (
    SERVICE
    + """\
    deploy:
      labels:
        traefik.http.routers.web.rule: {rule}
        traefik.http.routers.web.middlewares: {middlewares}
        traefik.http.middlewares.own.{option}: "true"
        traefik.http.services.web.loadbalancer.server.port: "80"
"""
)


def labelled(rule: str = "Host(`a`)", middlewares: str = "own", option: str = "compress") -> str:
    return LABELLED.format(rule=rule, middlewares=middlewares, option=option)


def test_a_good_stack_has_nothing_to_tell() -> None:
    assert told(labelled()) == []
    assert told(SERVICE) == []


def test_labels_are_warned_of_with_their_lines_all_at_once() -> None:
    rule, option = told(labelled(rule="Hosts(`hunter2`)", option="compres"))
    path = "services.web.deploy.labels.traefik.http"
    assert rule.startswith(f"6.9 warning {path}.routers.web.rule: Hosts is unknown")
    assert option.startswith(f"8.9 warning {path}.middlewares.own.compres: compres is unknown")


def test_labels_in_a_list_have_their_lines_too() -> None:
    (found,) = told(
        SERVICE
        + """\
    deploy:
      labels:
        - traefik.http.routers.web.nothing=x
        - traefik.http.services.web.loadbalancer.server.port=80
"""
    )
    assert found.startswith("6.11 warning services.web.deploy.labels[0]: nothing is unknown")


def test_terse_routes_are_refused() -> None:
    first, second = told(
        SERVICE
        + """\
    x-operator:
      routes:
        - {host: a.test, port: 80, name: x}
        - {host: b.test, port: 80, name: x}
"""
    )
    assert first == (
        "7.11 error services.web.x-operator.routes[1]: a second router x: give one another name"
    )
    assert "a second service x" in second


def test_two_services_of_the_stack_that_want_the_same() -> None:
    (found,) = told(
        SERVICE
        + """\
    x-operator: {routes: {host: a.test, port: 80}}
  api:
    image: nginx
    x-operator: {routes: {host: a.test, port: 80}}
"""
    )
    assert "error services.web.x-operator.routes" in found
    assert "the router shop-api of service shop_api has the same rule" in found


def test_both_forms_for_one_router() -> None:
    found = told(labelled() + "    x-operator: {routes: {host: a.test, port: 80, name: web}}\n")
    assert len(found) == 2  # the router and the service
    assert all("error services.web.x-operator.routes: " in each for each in found)
    assert all("stands in traefik.* labels too" in each for each in found)


def test_what_others_may_define_is_a_remark() -> None:
    (found,) = told(labelled(middlewares="own,auth"))
    assert found.startswith("7.9 warning services.web.deploy.labels.traefik.http.routers.web.midd")
    assert "names the middleware auth, which is not defined here" in found
    auth = ObjectId("http", "middlewares", "auth")
    assert told(labelled(middlewares="own,auth"), elsewhere=[auth]) == []
    assert told(labelled(middlewares="own,auth@file")) == []


def test_another_spelling_is_not_taken_for_somebody_elses() -> None:
    (found,) = told(labelled(middlewares="Own"))
    assert "middleware Own" in found


def test_what_follows_from_a_fault_is_not_told() -> None:
    # The middleware cannot be read, and its service is refused: who names it is not told.
    user = """\
  api:
    image: nginx
    x-operator: {routes: {host: b.test, port: 80, middlewares: own}}
"""
    (found,) = told(labelled(option="compres") + user)
    assert "compres is unknown" in found


@pytest.mark.parametrize(("version", "count"), [((3, 5, 0), 1), ((3, 6, 0), 0), (NEWEST, 0)])
def test_the_version_decides(version: Version, count: int) -> None:
    label = "traefik.http.services.web.loadbalancer.passivehealthcheck.failurewindow: 10s"
    found = told(labelled() + f"        {label}\n", version=version)
    assert len(found) == count
    assert all("needs Traefik 3.6" in each for each in found)


def test_the_settings_decide() -> None:
    nothing_published = RouteSettings(exposed_by_default=False)
    assert told(labelled(rule="Hosts(`x`)"), nothing_published) == []


def test_labels_of_containers_are_named() -> None:
    (found,) = told(SERVICE + '    labels: {traefik.enable: "true"}\n')
    assert found.startswith("4.14 warning services.web.labels.traefik.enable: is a label of the")


def test_labels_of_traefik_1_are_warned_of() -> None:
    (found,) = told(SERVICE + '    deploy: {labels: {traefik.port: "80"}}\n')
    assert "is of Traefik 1: write traefik.http.services.shop-web.loadbalancer.server.port" in found


DOCUMENT = b"""\
routes:
  - {host: a.test, servers: "http://10.0.0.5", middlewares: [auth, shared]}
  - {rule: "Path(`hunter2`)", servers: "http://10.0.0.5"}
http:
  middlewares:
    shared: {compress: {}}
    wrong: {basicAuth: {user: [bob:hunter2]}}
"""


def test_documents_are_read_with_their_lines() -> None:
    found = document_problems("legacy", DOCUMENT, Readings(RouteSettings()))
    assert [(each.line, str(each.severity)) for each in found] == [
        (2, "warning"),
        (3, "error"),
        (7, "error"),
    ]
    assert {each.document for each in found} == {"desired/routes/legacy"}
    assert "hunter2" not in str(found)


def test_what_good_documents_define_is_known() -> None:
    good = DOCUMENT.replace(b"    wrong: {basicAuth: {user: [bob:hunter2]}}\n", b"")
    good = good.replace(b"Path(`hunter2`)", b"Path(`/x`)")
    defined = defined_in([("a", good), ("b", b"http: nothing")], RouteSettings())
    assert ObjectId("http", "middlewares", "shared") in defined
