"""What Traefik says reaches people without the secrets that it repeats."""

import time

import pytest

from swarm_operator.plan.routes.hiding import (
    secrets_of,
    shown_label,
    shown_rule,
    without,
    without_users,
)
from swarm_operator.plan.routes.tree import Body, ObjectId, RouteObject, RouteTree

SECRET = "PLAINSECRET"


def middleware(body: Body) -> RouteTree:
    return RouteTree.of([RouteObject(ObjectId("http", "middlewares", "auth"), body)])


@pytest.mark.parametrize(
    "text",
    [
        f"error parsing BasicUser: admin:{SECRET}:x",
        f"error parsing DigestUser: {SECRET}",
        f'middleware "auth@consul": error parsing BasicUser: a\n{SECRET}',
    ],
)
def test_a_user_is_cut_though_nobody_knows_it(text: str) -> None:
    assert SECRET in text
    assert SECRET not in without_users(text)
    assert "User: (hidden)" in without_users(text)


def test_other_messages_stay_as_they_are() -> None:
    text = 'the service "web@consul" does not exist'
    assert without(secrets_of(middleware({"addprefix": {"prefix": "/web"}})), text) == text


@pytest.mark.parametrize(
    "body",
    [
        {"basicauth": {"users": (f"admin:{SECRET}", "b:c")}},
        {"digestauth": {"users": (SECRET,)}},
        {"ratelimit": {"redis": {"password": SECRET}}},
        {"headers": {"customrequestheaders": {"X-Token": SECRET}}},
        {"plugin": {"mine": {"deep": {"token": SECRET}}}},
        {"plugin": {"mine": {"list": (SECRET, "other")}}},
    ],
)
def test_what_is_secret_in_the_tree_is_taken_out_of_any_text(body: Body) -> None:
    secrets = secrets_of(middleware(body))
    assert SECRET not in without(secrets, f"cannot read {SECRET}: strange")
    assert SECRET not in without(secrets, f"cannot read admin:{SECRET}")
    assert without(secrets, "cannot read it") == "cannot read it"


def test_a_long_text_is_cut_after_its_secrets_are_out() -> None:
    secrets = secrets_of(middleware({"basicauth": {"users": ("a" * 290 + SECRET,)}}))
    found = without(secrets, "a" * 290 + SECRET + "b" * 600_000)
    assert len(found) < 310
    assert "PLAIN" not in found


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        (
            f"Host(`a.test`) && Header(`X-Token`, `{SECRET}`)",
            "Host(`a.test`) && Header(`X-Token`, `(hidden)`)",
        ),
        (
            f'HeaderRegexp("X-Token", "^{SECRET}\\"$") || Query(`key`, `{SECRET}`)',
            'HeaderRegexp("X-Token", "(hidden)") || Query(`key`, `(hidden)`)',
        ),
        (f"!(HEADER(`X`,`{SECRET}`))&&Path(`/x`)", "!(HEADER(`X`,`(hidden)`))&&Path(`/x`)"),
        ("Query(`debug`) && QueryRegexp(`a`)", "Query(`debug`) && QueryRegexp(`a`)"),
        (f"Headr(`X`, `{SECRET}`)", "Headr(`X`, `(hidden)`)"),
        # Rules of Traefik 2.
        (f"Headers(`X`, `{SECRET}`, `{SECRET}`)", "Headers(`X`, `(hidden)`, `(hidden)`)"),
        (f"Query(`key={SECRET}`)", "Query(`key=(hidden)`)"),
        ("Host(`a.test`, `b.test`)", "Host(`a.test`, `b.test`)"),
        # Nobody knows where its texts begin.
        (f"Header(`X-Token, {SECRET}", "(hidden)"),
        ("", ""),
    ],
)
def test_a_rule_is_readable_without_what_headers_and_queries_must_be(rule: str, shown: str) -> None:
    assert shown_rule(rule) == shown


@pytest.mark.parametrize(
    ("label", "value", "shown"),
    [
        ("traefik.http.routers.a.rule", f"Header(`X`,`{SECRET}`)", "Header(`X`,`(hidden)`)"),
        ("traefik.http.routers.a.entrypoints", "web", "web"),
        ("traefik.http.middlewares.a.headers.customrequestheaders.X", SECRET, "(hidden)"),
        ("traefik.http.middlewares.a.headers.customResponseHeaders.X", SECRET, "(hidden)"),
        ("traefik.http.middlewares.a.headers.framedeny", "true", "true"),
        ("traefik.http.middlewares.a.plugin.mine.deep.apikey", SECRET, "(hidden)"),
        ("traefik.http.middlewares.a.basicauth.users", SECRET, "(hidden)"),
        ("traefik.http.middlewares.a.digestAuth.users", SECRET, "(hidden)"),
        ("traefik.http.middlewares.a.ratelimit.redis.password", SECRET, "(hidden)"),
        ("traefik.http.services.a.loadbalancer.healthcheck.headers.X", SECRET, "(hidden)"),
        ("traefik.http.routers.a.tls.domains[0].main", "a.test", "a.test"),
        ("traefik.http.routers.a.tls.domains[0].sans", "b.test", "b.test"),
        ("traefik.http.routers.a.tls", "true", "true"),
        ("traefik.http.services.a.loadbalancer.server.port", "80", "80"),
        # Nobody knows what was meant.
        ("traefik.http.routers.a.rul", f"Header(`X`, `{SECRET}`)", "(hidden)"),
        ("traefik.http.middlewares.a.headers.customrequestheader.X", SECRET, "(hidden)"),
        ("traefik.http.midlewares.a.headers.customrequestheaders.X", SECRET, "(hidden)"),
        ("traefik.enable", "true", "true"),
        ("traefik.frontend.headers.customRequestHeaders", SECRET, "(hidden)"),
        ("traefik.api.frontend.auth.basic", SECRET, "(hidden)"),
        (
            "traefik.frontend.rule",
            f"Host:a.test;Headers:X-Token,{SECRET}",
            "Host:a.test;Headers:X-Token,(hidden)",
        ),
        ("com.example.team", "shop", "shop"),
        (
            "io.swarm-operator.routes",
            f'[{{"port":80,"rule":"Header(`X`,`{SECRET}`)"}}]',
            '[{"port":80,"rule":"Header(`X`,`(hidden)`)"}]',
        ),
        ("io.swarm-operator.routes", f"{{{SECRET}", "(hidden)"),
        ("io.swarm-operator.routes", '["\\ud800"]', "(hidden)"),
    ],
)
def test_a_label_is_shown_without_what_may_be_secret(label: str, value: str, shown: str) -> None:
    assert shown_label(label, value) == shown


def test_what_a_rule_asks_of_a_header_is_taken_out_of_what_traefik_says() -> None:
    router = ObjectId("http", "routers", "web")
    tree = RouteTree.of([RouteObject(router, {"rule": f"Header(`X`, `{SECRET}`)"})])
    said = without(secrets_of(tree), f"error while adding rule Header(`X`, `{SECRET}`): no")
    assert said == "error while adding rule Header(`X`, `(hidden)`): no"


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("traefik.http.routers.a.rule", "Header(`a`,`" + "b`,`" * 100_000),
        ("traefik.http.routers.a.rule", "Header(" * 100_000),
        ("traefik.http.routers.a.rule", "Header(`a`, `b`) && " * 20_000),
        ("traefik.frontend.rule", "Headers:" * 100_000),
        ("traefik.frontend.rule", "Headers:a,b;" * 100_000),
        ("traefik." + "frontend.headers." * 100_000, "x"),
        ("traefik.http.middlewares.a." + "headers." * 100_000, "x"),
        ("io.swarm-operator.routes", "[" * 100_000),
    ],
)
def test_no_label_takes_long(label: str, value: str) -> None:
    """It is read in the loop that holds the lease; a quadratic way would take minutes."""
    began = time.process_time()
    shown_label(label, value)
    assert time.process_time() - began < 2
