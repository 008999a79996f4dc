"""What Traefik says reaches people without the secrets that it repeats."""

import pytest

from swarm_operator.plan.routes.hiding import secrets_of, without, without_users
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
