"""Whose a name is, and which names nobody wants any more."""

import pytest

from swarm_operator.plan.dns.wishes import (
    BindingId,
    Wish,
    Wishes,
    abandoned,
    resolve_claims,
    with_those_that_stay,
)
from tests.plan.dns.worlds import binding

GIT = BindingId("example.org", "git")


def wish(service: str, **fields: object) -> Wish:
    return Wish(service.partition("_")[0], service, binding(**fields))


def test_who_has_a_name_keeps_it() -> None:
    both = [wish("a_git"), wish("b_git")]
    granted, taken = resolve_claims(both, {GIT: "b_git"})
    assert [one.service for one in granted] == ["b_git"]
    assert [(one.wish.service, one.by.service) for one in taken] == [("a_git", "b_git")]
    assert "b_git" in taken[0].message


def test_of_two_new_ones_the_order_of_reading_decides_nothing() -> None:
    both = [wish("a_git"), wish("b_git")]
    assert resolve_claims(both, {}) == resolve_claims(both[::-1], {})


@pytest.mark.parametrize(
    ("other", "stand_together"),
    [
        ({"families": ["AAAA"]}, True),
        ({"type": "CNAME"}, False),
        ({"zone": "git.example.org", "name": "@"}, False),
        ({"name": "www"}, True),
    ],
)
def test_what_shares_a_name(other: dict[str, object], stand_together: bool) -> None:
    granted, taken = resolve_claims([wish("a_git"), wish("b_git", **other)], {})
    assert (len(granted), len(taken)) == ((2, 0) if stand_together else (1, 1))


def test_a_name_is_abandoned_only_on_a_document_that_was_read() -> None:
    noted = {GIT: "shop_git"}
    stacks = {GIT: "shop"}
    assert list(abandoned(Wishes(), noted, stacks)) == [GIT]
    assert list(abandoned(Wishes((wish("shop_git"),)), noted, stacks)) == []
    assert list(abandoned(Wishes(unread=frozenset({"shop"})), noted, stacks)) == []


def test_of_two_new_ones_that_whose_zone_has_a_provider_gets_it() -> None:
    here, nowhere = wish("b_git"), wish("a_git", zone="git.example.org", name="@")
    granted, _ = resolve_claims([nowhere, here], {}, lambda one: one.binding.zone == "example.org")
    assert granted == (here,)


def test_what_an_unread_stack_wished_last_is_wished_on() -> None:
    noted = {GIT: wish("shop_git")}
    rival = wish("blog_git")
    unread = Wishes((rival,), unread=frozenset({"shop"}))
    assert with_those_that_stay(unread, noted) == (rival, wish("shop_git"))
    assert with_those_that_stay(Wishes((rival,)), noted) == (rival,)
    known = Wishes((wish("shop_git", ttl=300),), unread=frozenset({"shop"}))
    assert with_those_that_stay(known, noted) == known.wishes
