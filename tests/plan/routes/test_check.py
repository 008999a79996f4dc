"""What is refused before it reaches the KV, and in which words."""

from typing import Any

import pytest

from swarm_operator.plan.routes.check import problems
from swarm_operator.plan.routes.tree import ObjectId, Protocol, RouteObject
from tests.plan.routes.trees import NEWEST


def said(
    body: dict[str, Any],
    kind: str = "routers",
    name: str = "app",
    protocol: Protocol = "http",
    version: tuple[int, int, int] = NEWEST,
) -> str:
    item = RouteObject(ObjectId(protocol, kind, name), body)
    return "; ".join(map(str, problems(item, version)))


SERVER = {"t1": {"url": "http://10.0.0.1:80"}}


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"nonsense": "x"}, "routers", "there is no such field"),
        ({"middleware": ("x",)}, "routers", "did you mean `middlewares`?"),
        ({"entryPoints": ("web",)}, "routers", "no such field"),
        ({"priority": "10"}, "routers", "priority: is no whole number"),
        ({"priority": True}, "routers", "is no whole number"),
        ({"priority": 2**63}, "routers", "is no whole number"),
        ({"rule": 5}, "routers", "is no text"),
        ({"service": "a\n"}, "routers", "blanks or a newline"),
        ({"middlewares": "a,b"}, "routers", "is no list"),
        ({"middlewares": ("a,b",)}, "routers", "Traefik would split it"),
        ({"middlewares": (" a",)}, "routers", "without outer blanks"),
        ({"middlewares": ()}, "routers", "is empty"),
        ({"tls": True}, "routers", "is no object or true"),
        ({}, "routers", "has no fields"),
        ({"defaultrule": True}, "routers", "does not take `defaultRule`"),
        ({"retry": {"initialinterval": "10 s"}}, "middlewares", "no duration"),
        ({"retry": {"attempts": 1}, "compress": {}}, "middlewares", "several types"),
        ({"headers": {"customrequestheaders": {"123": "x"}}}, "middlewares", "digits only"),
        ({"headers": {"customrequestheaders": {"X": "1", "x": "2"}}}, "middlewares", "the same as"),
        (
            {"headers": {"customrequestheaders": {"a/b": "1"}}},
            "middlewares",
            "part of a key's path",
        ),
        ({"headers": {"framedeny": "yes"}}, "middlewares", "is no boolean"),
        ({"plugin": {"p": {"n": 1}}}, "middlewares", "a plugin's values are texts"),
        ({"plugin": {"p": {"list": {"0": "a"}}}}, "middlewares", "digits only"),
        ({"middlewares": ("a",)}, "services", "without a type"),
        ({"loadbalancer": {"servers": SERVER}, "weighted": {}}, "services", "several types"),
        (
            {"failover": {"service": "a", "healthcheck": {}}},
            "services",
            "does not take `healthCheck`",
        ),
        (
            {"loadbalancer": {"servers": {"t": {"scheme": "h2c"}}}},
            "services",
            "does not take `scheme`",
        ),
        ({"loadbalancer": {"servers": {"t": {"url": " http://x"}}}}, "services", "blanks"),
        (
            {"loadbalancer": {"servers": {"T": {"url": "x"}, "t": {"url": "y"}}}},
            "services",
            "the same",
        ),
    ],
)
def test_a_body_that_cannot_be_written(body: dict[str, Any], kind: str, words: str) -> None:
    assert words in said(body, kind)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "at least one letter"),
        ("a/b", "no `/`"),
        (" a", "no outer blanks"),
        ("a\n", "no outer blanks"),
        ("123", "digits only"),
        ("a@file", "another provider"),
        ("a..b", "Consul refuse"),
    ],
)
def test_a_name_that_cannot_be_written(name: str, words: str) -> None:
    assert words in said({"rule": "Host(`x`)"}, name=name)


@pytest.mark.parametrize("name", ["a.b", "a b", "é", "A", "1a", "a:b"])
def test_names_that_people_gave_are_kept(name: str) -> None:
    assert said({"rule": "Host(`x`)"}, name=name) == ""


def test_a_field_needs_its_version() -> None:
    passive = {"loadbalancer": {"servers": SERVER, "passivehealthcheck": {"maxfailedattempts": 1}}}
    assert said(passive, "services", version=(3, 6, 0)) == ""
    text = said(passive, "services", version=(3, 5, 6))
    assert "`passiveHealthCheck` needs Traefik 3.6" in text
    assert "3.5.6 would refuse all routes" in text
    assert "needs Traefik 3.6" in said(passive, "services", version=(3, 6, -1)), "a pre-release"


def test_kinds_that_traefik_does_not_have() -> None:
    assert said({"x": "y"}, "models", protocol="tcp") == "Traefik has no tcp models"
    assert said({"x": "y"}, "middlewares", protocol="udp") == "Traefik has no udp middlewares"


def test_what_does_not_fit_into_one_transaction() -> None:
    headers = {f"X-{number}": "1" for number in range(63)}
    assert "more than 62 fields" in said(
        {"headers": {"customrequestheaders": headers}}, "middlewares"
    )
    del headers["X-0"]
    assert said({"headers": {"customrequestheaders": headers}}, "middlewares") == ""
    servers = {f"t{number}": {"url": "http://x"} for number in range(500)}
    assert said({"loadbalancer": {"servers": servers}}, "services") == "", "servers may be cut"
    pem = {"certfile": "x" * 400_000}
    assert "too large" in said(pem, "certificates", protocol="tls")
    assert said({"certfile": "x" * 380_000}, "certificates", protocol="tls") == ""


def test_a_message_has_no_value() -> None:
    users = {"basicauth": {"users": ("admin:$apr1$,hash",)}}
    assert "Traefik would split it" in said(users, "middlewares")
    assert "hash" not in said(users, "middlewares")


@pytest.mark.parametrize(
    ("kind", "user", "is_taken"),
    [
        ("basicauth", "admin:$apr1$x$y", True),
        ("basicauth", "hunter2", False),
        ("basicauth", "admin:realm:hunter2", False),
        ("digestauth", "admin:traefik:a2688e031edb4be6a3797f3882655c05", True),
        ("digestauth", "admin:hunter2", False),
        ("digestauth", "admin:a:b:hunter2", False),
    ],
)
def test_users_that_traefik_would_tell_in_its_error(kind: str, user: str, is_taken: bool) -> None:
    text = said({kind: {"users": ("a:b" if kind == "basicauth" else "a:b:c", user)}}, "middlewares")
    assert (text == "") == is_taken
    assert "hunter2" not in text
    assert is_taken or f"{kind}.users: the user number 2 is not of the form name:" in text


@pytest.mark.parametrize("text", ["9999999999h", "9" * 400 + "h", "9999999999", "-9999999999h"])
def test_durations_that_go_cannot_hold(text: str) -> None:
    assert "duration" in said({"retry": {"initialinterval": text}}, "middlewares")


def test_what_lies_absurdly_deep() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"n": deep}
    assert "more than 100 levels" in said({"plugin": {"p": deep}}, "middlewares")
