"""The least rights at OVH."""

import pytest

from swarm_operator.plan.dns.rights import POLICIES, Right, actions, beyond, missing, needed

ZONE = "example.org"
RECORD = f"/domain/zone/{ZONE}/record"


def test_each_policy_needs_no_more_than_it_does() -> None:
    few, more, most = (set(needed(ZONE, policy)) for policy in POLICIES)
    assert more - few == {Right("POST", RECORD)}
    assert most - more == {Right("DELETE", f"{RECORD}/*")}
    assert {right.method for right in few} == {"GET", "PUT", "POST"}
    assert not any(right.path == f"/domain/zone/{ZONE}/*" for right in most)
    assert [len(actions(policy)) for policy in POLICIES] == [3, 4, 5]


@pytest.mark.parametrize(
    ("rules", "lacks"),
    [
        (needed(ZONE, "upsert"), []),
        ([Right(method, "/domain/*") for method in ("GET", "PUT", "POST")], []),
        ([Right(method, f"/domain/zone/{ZONE}/*") for method in ("GET", "PUT", "POST")], []),
        (needed(ZONE, "update-only"), [f"POST {RECORD}"]),
        (
            [each for each in needed(ZONE, "upsert") if "refresh" not in each.path],
            [f"POST /domain/zone/{ZONE}/refresh"],
        ),
        ([Right("GET", "/domain/zone/other.net/*")], [*map(str, needed(ZONE, "upsert"))]),
    ],
)
def test_what_is_missing_is_named(rules: list[Right], lacks: list[str]) -> None:
    assert [str(right) for right in missing(needed(ZONE, "upsert"), rules)] == lacks


@pytest.mark.parametrize(
    ("rules", "too_much"),
    [
        (needed(ZONE, "sync"), []),
        ([Right("get", RECORD)], []),
        ([Right("GET", f"{RECORD}/17")], []),
        ([Right("PUT", "/domain/zone/*")], ["PUT /domain/zone/*"]),
        ([Right("GET", f"/domain/zone/{ZONE}/*")], [f"GET /domain/zone/{ZONE}/*"]),
        ([Right("GET", "/*"), *needed(ZONE, "upsert")], ["GET /*"]),
        ([*needed("other.net", "update-only")], [*map(str, needed("other.net", "update-only"))]),
    ],
)
def test_what_is_too_much_is_named(rules: list[Right], too_much: list[str]) -> None:
    assert [str(right) for right in beyond(needed(ZONE, "sync"), rules)] == too_much
