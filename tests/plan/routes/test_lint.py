"""Foreign keys that freeze Traefik, and foreign objects that it does not use, by name."""

import pytest

from swarm_operator.plan.routes.lint import Finding, lint
from tests.plan.routes.worlds import INSTALLATION, Desk, balancer, router, tree

APP = tree({("services", "a"): balancer("t1"), ("routers", "r"): router("a")})


def found(
    *keys: tuple[str, bytes], version: tuple[int, int, int] | None = None
) -> tuple[Finding, ...]:
    desk = Desk()
    desk.write(APP)
    desk.by_hand(dict(keys))
    findings = lint(desk.read(), INSTALLATION, version)
    assert lint(desk.read(), INSTALLATION, version, ours=False) == findings
    return findings


def test_our_own_keys_are_fine() -> None:
    assert found() == ()


def test_a_key_that_freezes_is_named() -> None:
    (finding,) = found(
        ("http/routers/theirs/nonsense", b"secret"),
        ("http/routers/theirs/rule", b"x"),
        ("http/routers/theirs/service", b"a"),
    )
    assert finding.key == "http/routers/theirs/nonsense"
    assert finding.freezes
    assert not finding.is_ours
    assert "no field `nonsense`" in finding.message
    assert "secret" not in finding.message


@pytest.mark.parametrize("text", ["9999999999h", "9" * 400 + "h", "1" * 5000 + "s", "1h9999999h"])
def test_a_duration_of_more_than_64_bits_freezes(text: str) -> None:
    key = "http/services/theirs/loadbalancer/healthcheck/interval"
    findings = found((key, text.encode()))
    assert [each.key for each in findings if each.freezes] == [key]
    assert text not in findings[0].message
    fine = found((key, b"2562047h47m16.854775807s"))
    assert not any(each.freezes for each in fine)


def test_a_field_that_this_version_does_not_know_freezes() -> None:
    passive = ("http/services/theirs/loadbalancer/passivehealthcheck/maxfailedattempts", b"1")
    assert found(passive, version=(3, 6, 0)) == ()
    (finding,) = found(passive, version=(3, 5, 0))
    assert finding.freezes
    assert "only since 3.6" in finding.message


def test_ours_are_named_too_where_traefik_became_older() -> None:
    newer = tree(
        {("services", "a"): {"loadbalancer": {"strategy": "p2c", "servers": {"t": {"url": "x"}}}}}
    )
    desk = Desk()
    desk.write(newer)
    (finding,) = lint(desk.read(), INSTALLATION, (3, 3, 0))
    assert (finding.freezes, finding.is_ours) == (True, True)
    assert lint(desk.read(), INSTALLATION, (3, 3, 0), ours=False) == ()


def test_an_empty_folder_is_a_router_on_all_entry_points() -> None:
    (finding,) = found(("http/routers/zz/", b""))
    assert not finding.freezes
    assert "empty folder" in finding.message


def test_objects_that_traefik_does_not_use() -> None:
    findings = found(
        ("http/routers/lost/rule", b"Path(`/`)"),
        ("http/routers/lost/service", b"A"),
        ("http/routers/bare/rule", b"Path(`/`)"),
        ("http/routers/ruleless/service", b"a"),
        ("http/services/two/loadbalancer/passhostheader", b"true"),
        ("http/services/two/weighted/services/0/name", b"a"),
    )
    texts = {finding.key: finding.message for finding in findings}
    assert texts.keys() == {
        "http/routers/lost",
        "http/routers/bare",
        "http/routers/ruleless",
        "http/services/two",
    }
    assert "http/services/a is: references tell upper from lower case" in texts["http/routers/lost"]
    assert "links none by itself" in texts["http/routers/bare"]
    assert not any(finding.freezes for finding in findings)


def test_references_to_other_providers_are_theirs_to_know() -> None:
    assert (
        found(("http/routers/x/rule", b"Path(`/`)"), ("http/routers/x/service", b"api@internal"))
        == ()
    )


def test_keys_that_lie_absurdly_deep_break_nothing() -> None:
    below = "x/" * 5000
    findings = found(
        (f"http/middlewares/m/plugin/p/{below}x", b"1"), (f"http/routers/q/{below}x", b"1")
    )
    assert [finding.key[:14] for finding in findings if finding.freezes] == ["http/routers/q"]
